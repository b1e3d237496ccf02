/** Walking over what is deleted: an async range does it in short turns, and finds what a sync scan finds. */
import { SeededRandom } from '@coterie/simulator';
import { describe, expect, it } from 'vitest';
import { openStore, type Store } from '../src/index.ts';
import { bytes } from './operations.ts';
import { small, value, World } from './world.ts';
import { show } from './twin.ts';

const count = 12_000;
const key = (at: number): Uint8Array => bytes(`k${String(at).padStart(5, '0')}`);
/** Of so many keys one is left. */
const spacing = 5000;

/** A store in which long runs of keys are deleted, by tombstones and range deletes, partly in tables; and how many turns it gave way for. */
async function mostlyDeleted(seed: number): Promise<{ world: World; store: Store; turns: () => number }> {
  const world = new World(seed);
  const { environment } = world.simulation;
  let turns = 0;
  const timers = {
    ...environment.timers,
    after: environment.timers.after.bind(environment.timers),
    turn: () => {
      turns += 1;
      return environment.timers.turn();
    },
  };
  const options = { ...small, writeBufferBytes: 2 ** 20, idleMs: 3_600_000, environment: { ...environment, timers } };
  const store = await world.run(() => openStore(world.directory, options));
  const random = new SeededRandom(seed);
  await world.run(async () => {
    for (let at = 0; at < count; at++) store.putSync(key(at), value(at, 10), { durable: false });
    await store.flush();
    for (let at = 0; at < count; at++) {
      if (at % spacing === 0) continue;
      const to = Math.min(at + random.below(6), at - (at % spacing) + spacing, count);
      if (to > at + 1) store.deleteRangeSync(key(at), key(to), { durable: false });
      else store.deleteSync(key(at), { durable: false });
      at = Math.max(at, to - 1);
    }
    await store.sync();
  });
  return { world, store, turns: () => turns };
}

describe('over thousands of deleted keys', () => {
  it.each([false, true])('a range finds what is left, and gives way on its way (reverse: %s)', async (reverse) => {
    const { world, store, turns } = await mostlyDeleted(7);
    const left: [Uint8Array, Uint8Array][] = [];
    store.scanSync(undefined, Number.POSITIVE_INFINITY, (one, its) => left.push([one, its]));
    expect(left).toHaveLength(Math.ceil(count / spacing));
    const before = turns();
    const found: [Uint8Array, Uint8Array][] = [];
    await world.run(async () => {
      for await (const entry of store.range({ reverse })) found.push(entry);
    });
    expect(show(reverse ? found.toReversed() : found)).toEqual(show(left));
    expect(turns() - before).toBeGreaterThanOrEqual(Math.floor(count / spacing));
    await world.run(() => store.close());
  });
});
