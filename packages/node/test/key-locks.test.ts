/** Scenario 20: two puts on one key interleave inside one node around an `await`. */
import { describe, expect, it } from 'vitest';
import { Attempt } from '../src/coordinator/deadlines.ts';
import { get } from '../src/coordinator/get.ts';
import { KeyLocks, type KeyTurns } from '../src/replica/key-locks.ts';
import { put } from '../src/coordinator/put.ts';
import type { PendingCopy } from '../src/replica/decided.ts';
import { makeCore } from './core.ts';
import { bytes, text, World } from './world.ts';

/** The mutation: everybody may enter at once, and nobody hears what is on its way to the disk. */
class NoLocks implements KeyTurns<PendingCopy> {
  readonly bounds = {};

  enter(): ReturnType<KeyTurns<PendingCopy>['enter']> {
    return Promise.resolve({ latest: undefined, find: () => undefined, track: () => (): void => undefined, leave() {} });
  }
}

/** Many clients write one key on a slow disk; returns the values that a read finds afterwards. */
async function writeTogether(turns: KeyTurns<PendingCopy>, writers: number): Promise<string[]> {
  const world = new World();
  const { core } = await makeCore(world, turns);
  world.disk.commitMs = 10;
  world.disk.readMs = 3;
  const attempt = (): Attempt => new Attempt(core.environment.clock, 60_000);
  const puts = Array.from({ length: writers }, (_, i) =>
    put(core, { bucket: 'b', key: bytes('k'), value: bytes(`${i}`.padStart(2, '0')) }, { attempt: attempt(), origin: 'client' }),
  );
  await world.run(Promise.all(puts));
  const found = await world.run(get(core, { bucket: 'b', key: bytes('k') }, { attempt: attempt() }));
  return found.state === 'found' ? found.siblings.map((sibling) => text(sibling.value)).sort() : [];
}

const writers = 30;
const all = Array.from({ length: writers }, (_, i) => `${i}`.padStart(2, '0'));

describe('scenario 20: many writers, one key, a slow disk', () => {
  it('keeps every acknowledged value', async () => {
    expect(await writeTogether(new KeyLocks(1000), writers)).toEqual(all);
  });

  it('loses values without the lock', async () => {
    expect((await writeTogether(new NoLocks(), writers)).length).toBeLessThan(writers);
  });

  it('shares syncs: the lock is not held while the disk works', async () => {
    const world = await new World().start();
    world.disk.commitMs = 10;
    const before = world.simulation.clock.monotonic();
    await world.run(Promise.all(all.map((value) => world.node.put({ bucket: 'b', key: bytes('k'), value: bytes(value) }))));
    expect(world.simulation.clock.monotonic() - before).toBeLessThan((10 * writers) / 2);
    expect(await world.values('k')).toEqual(all);
  });
});

describe('key locks', () => {
  it('serve waiters in order, and forget keys that nobody needs', async () => {
    const locks = new KeyLocks<string>(10);
    const first = await locks.enter('k');
    const order: number[] = [];
    const later = [1, 2, 3].map(async (i) => {
      const turn = await locks.enter('k');
      order.push(i);
      turn.leave();
    });
    first.leave();
    await Promise.all(later);
    expect(order).toEqual([1, 2, 3]);
    expect(locks.size).toBe(0);
  });

  it('show the newest state in flight, and the one before it when a batch fails', async () => {
    const locks = new KeyLocks<string>(10);
    const turn = await locks.enter('k');
    const [forgetOne, forgetTwo] = ['one', 'two'].map((state) => turn.track({ state, operation: state }));
    expect(turn.latest).toBe('two');
    expect(turn.find('one')?.state).toBe('one');
    forgetTwo();
    expect(turn.latest).toBe('one');
    turn.leave();
    expect(locks.size).toBe(1);
    forgetOne();
    expect(locks.size).toBe(0);
  });
});
