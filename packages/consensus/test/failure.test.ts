/** Disks that fail: a full one costs an attempt, a failed sync costs the node its voice, and nothing is ever taken back. */
import { isCoterieError } from '@coterie/env';
import { createSimulation, type SimulatedDisk, type Simulation } from '@coterie/simulator';
import { describe, expect, it } from 'vitest';
import { add, lifeOn, loneLog, openLone, ringPath, votesPath } from './lone.ts';

const code = (code: string) => expect.objectContaining({ name: 'CoterieError', code });

/** The next operation of that kind on that file fails. */
function failOnce(disk: SimulatedDisk, path: string, [kind, error]: readonly ['write' | 'sync', string]): void {
  disk.setFault((operation) => {
    if (operation.kind !== kind || operation.path.replace('.draft', '') !== path) return undefined;
    disk.setFault(undefined);
    return kind === 'write' ? { shortWriteBytes: 5, error } : { error };
  });
}

describe('a full disk', () => {
  it('keeps a steward from voting, and it votes when there is space again', async () => {
    const { simulation, log } = await loneLog(1, ['a']);
    failOnce(simulation.disk, votesPath, ['write', 'ENOSPC']);
    await simulation.run(log.propose(add('b')));
    expect(log.state.words).toEqual(['a', 'b']);
  });

  it('keeps a decision from being recorded, which can be asked for again', async () => {
    const { simulation, log } = await loneLog(2, ['a']);
    failOnce(simulation.disk, ringPath, ['write', 'ENOSPC']);
    const failed = simulation.run(log.propose(add('b')));
    await expect(failed).rejects.toMatchObject({ code: 'DISK_FULL', details: { mayHaveTakenEffect: true } });
    await simulation.run(log.propose(add('c')));
    expect(log.state.words).toEqual(['a', 'b', 'c']);
  });
});

describe('a failed sync', () => {
  it('of votes ends voting until the next start', async () => {
    const { simulation, log } = await loneLog(3, ['a']);
    failOnce(simulation.disk, votesPath, ['sync', 'EIO']);
    await expect(simulation.run(log.propose(add('b')))).rejects.toThrow(code('QUORUM_NOT_MET'));
    await expect(simulation.run(log.propose(add('c')))).rejects.toThrow(code('QUORUM_NOT_MET'));
    expect(log.failure).toMatchObject({ code: 'DISK_IO' });
    await simulation.run(log.close());
    const again = await openLone(simulation);
    await simulation.run(again.propose(add('c')));
    expect(again.state.words.at(-1)).toBe('c');
  });

  it('of decisions ends deciding, and reads go on', async () => {
    const { simulation, log } = await loneLog(4, ['a']);
    failOnce(simulation.disk, ringPath, ['sync', 'EIO']);
    await expect(simulation.run(log.propose(add('b')))).rejects.toMatchObject({ code: 'DISK_IO', details: { mayHaveTakenEffect: true } });
    expect(log.failure).toMatchObject({ code: 'DISK_IO', retryable: false });
    expect(log.state.words).toEqual(['a']);
    await expect(simulation.run(log.propose(add('c')))).rejects.toThrow(code('DISK_IO'));
    await simulation.run(log.close());
    const again = await openLone(simulation);
    await simulation.run(again.propose(add('c')));
    expect(again.state.words).toEqual(['a', 'b', 'c']);
  });
});

describe('any one operation that fails', () => {
  it.each(['EIO', 'ENOSPC'])('with %s takes nothing back', async (error) => {
    const words = ['a', 'b', 'c', 'd', 'e'];
    for (let at = 0; ; at++) {
      const simulation = createSimulation({ seed: 5 });
      let wasHit = false;
      simulation.disk.setFault((operation) => {
        if (operation.mutation !== at) return undefined;
        wasHit = true;
        return { error };
      });
      const told: string[] = [];
      await live(simulation, words, told).catch(expectTyped);
      simulation.disk.setFault(undefined);
      simulation.disk.powerCut();
      const life = lifeOn(simulation.disk, at);
      const again = await openLone(life);
      if (again.epoch === 0) expect(told).toEqual([]);
      else expect(again.state.words).toEqual(expect.arrayContaining(told));
      if (!wasHit) return expect(told).toEqual(words);
    }
  });
});

async function live(simulation: Simulation, words: readonly string[], told: string[]): Promise<void> {
  const log = await openLone(simulation, { recordsMax: 2, votesBytesMax: 300 });
  await simulation.run(log.create({ cluster: 'lone', state: { stewards: [log.self], words: [] } }));
  for (const word of words) {
    await simulation.run(log.propose(add(word))).then(() => told.push(word), expectTyped);
  }
  await simulation.run(log.close());
}

function expectTyped(error: unknown): void {
  if (!isCoterieError(error)) throw error;
}
