/** Files that are damaged, gone, copied or restored: never a wrong state, never a vote in the name of a lost memory. */
import { isCoterieError } from '@coterie/env';
import { createSimulation, type Simulation } from '@coterie/simulator';
import { describe, expect, it } from 'vitest';
import type { RingLog } from '../src/index.ts';
import { act, type Team } from './team.ts';
import { add, lifeOn, loneLog, openLone, putFile, ringPath, votesPath } from './lone.ts';

const long = process.env['COTERIE_LONG'] !== undefined;
const code = (code: string) => expect.objectContaining({ name: 'CoterieError', code });

/** A log that was closed, and where it stood. */
async function closedLog(seed: number, words = ['a', 'b', 'c']): Promise<{ simulation: Simulation; log: RingLog<Team> }> {
  const made = await loneLog(seed, words);
  await made.simulation.run(made.log.close());
  return made;
}

describe('a flipped bit', () => {
  it.each([ringPath, votesPath])(
    'anywhere in %s is damage, or changes nothing',
    async (path) => {
      const { simulation, log } = await closedLog(1);
      const size = simulation.disk.contents(path).length;
      let refused = 0;
      for (let offset = 0; offset < size; offset += long ? 1 : 3) {
        const flipped = createSimulation({ seed: 2, disk: simulation.disk.clone() });
        flipped.disk.flipBit(path, offset, offset % 8);
        try {
          const again = await openLone(flipped);
          expect(again.digest(), `bit ${offset}`).toEqual(log.digest());
          expect(again.self).toEqual(log.self);
        } catch (error) {
          if (!isCoterieError(error)) throw error;
          expect(['CORRUPTION', 'UNSUPPORTED_FORMAT']).toContain(error.code);
          expect(error.details.file).toBe(path);
          if (error.code === 'CORRUPTION') expect(error.details.offset).toBeTypeOf('number');
          refused++;
        }
      }
      // All but the last confirmation, of 17 bytes.
      expect(refused).toBeGreaterThan((size - 20) / (long ? 1 : 3) - 1);
    },
    600_000,
  );
});

describe('a torn end', () => {
  it('is cut, and what was told of stays', async () => {
    const { simulation, log } = await loneLog(3, ['a']);
    const before = log.digest();
    const late = log.propose(add('late'));
    late.catch(() => {});
    for (let i = 0; i < 6; i++) await simulation.advance(0.2);
    simulation.disk.powerCut();
    for (let seed = 0; seed < 60; seed++) {
      const again = await openLone(lifeOn(simulation.disk, seed));
      expect(before && again.hear(before)).toMatch(/equal|behind/);
    }
  });
});

describe('votes', () => {
  it('outlive a restart, and a crash', async () => {
    const { simulation, log } = await loneLog(4, ['a']);
    simulation.disk.powerCut();
    const again = await openLone(lifeOn(simulation.disk));
    expect(again.self).toEqual(log.self);
  });

  it.each<[string, (simulation: Simulation) => Promise<void>]>([
    ['are gone', (simulation) => simulation.run(simulation.environment.files.remove(votesPath))],
    ['were copied', (simulation) => putFile(simulation, votesPath, simulation.disk.contents(votesPath))],
    ['lost their log', (simulation) => simulation.run(simulation.environment.files.remove(ringPath))],
  ])('that %s are another steward’s, and the seat stays empty', async (_, happen) => {
    const { simulation, log } = await closedLog(5);
    await happen(simulation);
    const again = await openLone(simulation);
    expect(again.self.incarnation).not.toBe(log.self.incarnation);
    if (again.epoch === 0) return;
    await expect(simulation.run(again.propose(add('x')))).rejects.toThrow(code('QUORUM_NOT_MET'));
    expect(again.state.words).toEqual(['a', 'b', 'c']);
  });

  it('beside another store are another steward’s', async () => {
    const { simulation } = await loneLog(6, []);
    const life = lifeOn(simulation.disk);
    const one = await openLone(life, { store: 'one' });
    await life.run(one.close());
    const same = await openLone(life, { store: 'one' });
    expect(same.self).toEqual(one.self);
    await life.run(same.close());
    const other = await openLone(life, { store: 'two' });
    expect(other.self).not.toEqual(one.self);
  });

  it('on an epoch that the log cannot know of show that decisions are missing', async () => {
    const { simulation, log } = await loneLog(7, ['a']);
    const old = simulation.disk.contents(ringPath);
    for (const word of ['b', 'c']) await simulation.run(log.propose(add(word)));
    await simulation.run(log.close());
    await putFile(simulation, ringPath, old);
    await expect(openLone(simulation)).rejects.toThrow(/decisions are missing/);
  });

  it('do not pile up', async () => {
    const { simulation } = await closedLog(8, []);
    const log = await openLone(simulation, { votesBytesMax: 600, recordsMax: 6 });
    for (let i = 0; i < 60; i++) await simulation.run(log.propose(act(`d${i}`, {})));
    expect(simulation.disk.contents(votesPath).length).toBeLessThan(1200);
    expect(simulation.disk.contents(ringPath).length).toBeLessThan(4000);
    expect(log.epoch).toBe(61);
  });
});
