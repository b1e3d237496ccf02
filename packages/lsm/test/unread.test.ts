/** Keys that are left unread: what is written to them costs memory no order, and is there when the store is opened again. */
import { describe, expect, it } from 'vitest';
import { openStore, type Store } from '../src/index.ts';
import { bytes } from './operations.ts';
import { contents, key, refusal, value, World } from './world.ts';

const [from, to] = [bytes('u'), bytes('v')];
const count = 300;

/** Overwrites a few unread keys beside as many others, each with a number that counts up. */
async function countUp(world: World, store: Store): Promise<void> {
  for (let number = 0; number < count; number++) {
    const batch = store
      .batch()
      .put(key(number), value(number))
      .put(bytes(`u${number % 7}`), bytes(`${number}`));
    if (number % 50 === 49) batch.delete(bytes('u0'));
    await world.run(() => batch.commit({ durable: number % 3 === 0 }));
  }
}

/** What the unread keys hold once all is counted: the last of each; `u0` was deleted with 299 and is written with 294 last. */
const counted = ['u1=295', 'u2=296', 'u3=297', 'u4=298', 'u5=299', 'u6=293'];

const unreadOf = (all: readonly string[]): string[] => all.filter((entry) => entry.startsWith('u'));

describe('keys that are left unread', () => {
  it('are there when the store is opened again, flushed or not', async () => {
    for (const flushes of [false, true]) {
      const world = new World(1);
      const store = await world.open();
      store.leaveUnread(from, to);
      await countUp(world, store);
      expect(store.statistics()['flushes']).toBeGreaterThan(3);
      if (flushes) await world.run(() => store.flush());
      await world.run(() => store.close());
      const again = await world.open();
      const all = await world.run(() => contents(again));
      expect([all.length, unreadOf(all)]).toEqual([count + counted.length, counted]);
    }
  });

  it('are in a checkpoint as they are when it is made', async () => {
    const world = new World(2);
    const store = await world.open();
    store.leaveUnread(from, to);
    await countUp(world, store);
    await world.run(() => store.checkpoint('/copy'));
    const copy = new World(3, world.disk);
    expect(unreadOf(await copy.run(async () => contents(await openStore('/copy', { environment: copy.simulation.environment }))))).toEqual(
      counted,
    );
  });

  it('obey range deletes, before and after', async () => {
    const world = new World(4);
    const store = await world.open();
    store.leaveUnread(from, to);
    await world.run(() => store.batch().put(bytes('u1'), bytes('a')).put(bytes('u2'), bytes('a')).commit());
    await world.run(() => store.deleteRange(bytes('u0'), bytes('u9')));
    await world.run(() => store.batch().put(bytes('u2'), bytes('b')).put(bytes('u3'), bytes('b')).commit());
    await world.run(() => store.close());
    expect(await world.run(async () => contents(await world.open()))).toEqual(['u2=b', 'u3=b']);
  });

  it('are those of one range, written from then on', async () => {
    const world = new World(5);
    const store = await world.open({ durable: false });
    void store.put(bytes('u1'), bytes('before'));
    store.leaveUnread(from, to);
    expect(store.getSync(bytes('u1'))).toEqual(bytes('before'));
    await refusal('INVALID_ARGUMENT', () => store.leaveUnread(bytes('a'), bytes('b')));
    const other = await new World(6).open();
    await refusal('INVALID_ARGUMENT', () => other.leaveUnread(to, from));
  });
});
