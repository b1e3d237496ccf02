/**
 * Scenario 12: writes made while a joining node was forgotten, or that one of the old holders missed, never reach it. The
 * fix: writes go to old and new holders, a newcomer takes over from *every* old holder, and is asked only when it has what
 * each of them has. It is switched off by `takenFromOne`.
 *
 * ```
 *   old holders  a b c       a was cut off when b and c took a strict write
 *   new holders  a b n4      n4 heard a alone; a strict read hears a and n4
 * ```
 */
import { describe, expect, it } from 'vitest';
import type { Hazards } from '@coterie/node';
import { CrashError } from '../../../src/disk/faults.ts';
import { Scene } from './scene.ts';

const keys = Array.from({ length: 12 }, (_, number) => `k${number}`);

/** Slow enough that former holders have not brought home yet what they have when it is read. */
const slow = { latencyMs: [300, 300] as const };

/** Complaints after a holder has missed writes, a node has joined, and a strict read has heard these two alone. */
async function joinBesideOneWhoMissed(hazards: Partial<Hazards>): Promise<string[]> {
  // Nothing but the join is to bring the newcomer what it lacks.
  const scene = await new Scene(12, 3, { hazards: { onlyReadRepair: true, ...hazards }, keys: keys.length }).form();
  const { world, fleet } = scene;
  const first = new Map<string, string>();
  for (const key of keys) first.set(key, (await scene.holders(key))[0] as string);
  const missed = first.get('k0') as string;
  const theirs = keys.filter((key) => first.get(key) === missed);
  const others = fleet.names.filter((name) => name !== missed);
  const cut = world.network.partition([missed], others);
  await scene.run(() => Promise.all(theirs.map((key) => scene.witness(key).put(others[0] as string, { w: 2, pw: 2 }))));
  // What is on its way to the one that is cut off is given up before it can be reached again.
  await world.advance(10_000);
  cut.undo();
  await scene.reunite();
  const slowly = world.network.links.change(others, [missed, 'n4'], slow);
  fleet.add('n4');
  const hasJoined = (): boolean => {
    const newcomer = fleet.nodeOn('n4')?.cluster();
    return newcomer?.changes.length === 0 && !newcomer.isRecovering && fleet.nodeOn(missed)?.cluster().changes.length === 0;
  };
  await scene.run(() => fleet.until(hasJoined, 'n4 has joined'));
  const away = world.network.partition(others, [missed, 'n4']);
  let seen = 0;
  for (const key of theirs) {
    const now = (await scene.holders(key, missed)).slice(0, 3);
    if (!now.includes('n4') || !now.includes(missed)) continue;
    await scene.run(() => scene.witness(key).read(missed, { r: 2, pr: 2 }));
    seen += 1;
  }
  expect(seen).toBeGreaterThan(0);
  away.undo();
  slowly.undo();
  await scene.reunite();
  return scene.judge();
}

/** What happens beside writes, in some order. */
type Event = 'n4 joins' | 'n5 joins' | 'a holder crashes' | 'a holder is cut off';

/** Complaints after all of these, one soon after the other, under writes. */
async function allInOrder(events: readonly Event[], seed: number): Promise<string[]> {
  const scene = await new Scene(seed, 3, { keys: 4 }).form();
  const { world, fleet } = scene;
  const happen: Record<Event, () => Promise<void>> = {
    'n4 joins': async () => fleet.add('n4'),
    'n5 joins': async () => fleet.add('n5'),
    'a holder crashes': async () => {
      world.machine('n2').crash(seed);
      await fleet.pause(1500);
      world.machine('n2').restart();
    },
    'a holder is cut off': async () => {
      const cut = world.network.partition(['n3'], ['n1', 'n2', 'n4', 'n5']);
      await fleet.pause(2500);
      cut.undo();
    },
  };
  await scene.run(async () => {
    const under = ['k0', 'k1', 'k2', 'k3'].map(async (key, at) => {
      for (let round = 0; round < 25; round++) {
        const running = fleet.names.filter((name) => fleet.nodeOn(name) !== undefined);
        await scene
          .witness(key)
          .put(running[(at + round) % running.length] as string, { w: 1 + (round % 2) })
          .catch(isOfItsMachine);
        await fleet.pause(150);
      }
    });
    const beside = events.map(async (event, at) => {
      await fleet.pause(300 * at);
      await happen[event]();
    });
    await Promise.all([...under, ...beside]);
    await fleet.until(
      () => fleet.members.length === 5 && fleet.nodes.every((node) => node.cluster().changes.length === 0),
      'both have joined',
    );
  });
  return scene.judge();
}

/** What a client hears whose machine goes down: its write may have been carried out. */
function isOfItsMachine(error: unknown): void {
  if (!(error instanceof CrashError)) throw error;
}

const orders: readonly (readonly Event[])[] = [
  ['n4 joins', 'n5 joins', 'a holder crashes', 'a holder is cut off'],
  ['a holder is cut off', 'n4 joins', 'a holder crashes', 'n5 joins'],
  ['a holder crashes', 'n4 joins', 'a holder is cut off', 'n5 joins'],
  ['n4 joins', 'a holder is cut off', 'n5 joins', 'a holder crashes'],
];

describe('a newcomer', () => {
  it('has what any old holder has before it is asked', async () => {
    expect(await joinBesideOneWhoMissed({})).toEqual([]);
  });

  it('misses a strict write where it takes over from one of them alone', async () => {
    expect(await joinBesideOneWhoMissed({ takenFromOne: true })).toContainEqual(expect.stringMatching(/^P7: a strict read /));
  });
});

describe('two newcomers, a crash and a partition', () => {
  it.each(orders.map((events, at) => [events.join(', '), events, 120 + at] as const))(
    'in this order lose nothing: %s',
    { timeout: 120_000 },
    async (_, events, seed) => {
      expect(await allInOrder(events, seed)).toEqual([]);
    },
  );
});
