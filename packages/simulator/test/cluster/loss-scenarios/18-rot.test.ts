/**
 * Scenario 18: a file rots on disk, and the damage spreads, or the node does not come back. The fix: checksums bound to
 * place; what is damaged is set aside, the store vouches for nothing of it before it has taken it back from the others, and
 * begins a new life. It is switched off by a store that answers *nothing there* where it cannot read, and knows of no loss.
 */
import { isCoterieError } from '@coterie/env';
import { openStore } from '@coterie/lsm';
import type { CoterieNode, NodeOptions, OpenStore, Store } from '@coterie/node';
import { beforeAll, describe, expect, it } from 'vitest';
import { Fleet, youngStore, type YoungDisks } from '../../../src/cluster/index.ts';
import { createWorld, SeededRandom, type SimulatedDisk, type World } from '../../../src/index.ts';

const long = process.env['COTERIE_LONG'] === '1';
const keys = 120;
const patienceMs = 10_000;
const strict = { r: 2, pr: 2 };
const key = (number: number): Uint8Array => new TextEncoder().encode(`key ${number}`);
const valueOf = (number: number): string => `value ${number} `.padEnd(1000, `${number % 10}`);

/** Three nodes that hold all keys, in tables and in their logs, without power. */
let disks: YoungDisks;
async function write(fleet: Fleet, from: number, until: number): Promise<void> {
  for (let number = from; number < until; number++) {
    const value = new TextEncoder().encode(valueOf(number));
    await fleet.ask('n1', (node) => node.put({ bucket: 'b', key: key(number), value, w: 2, pw: 2 }), patienceMs);
  }
}

function takeDisks(fleet: Fleet): YoungDisks {
  return new Map(fleet.names.map((name) => [name, fleet.world.machine(name).disk.clone()]));
}

beforeAll(async () => {
  const world = createWorld({ seed: 18 });
  const fleet = new Fleet({ world, nodes: 3, store: youngStore });
  await world.run(async () => {
    await fleet.form();
    await write(fleet, 0, keys);
    await fleet.pause(5000);
  });
  disks = takeDisks(fleet);
}, 120_000);

function startAgain(from: YoungDisks, options: Partial<NodeOptions> = {}): { world: World; fleet: Fleet } {
  const world = createWorld({ seed: 1 });
  return { world, fleet: new Fleet({ world, nodes: 3, store: youngStore, disks: from, options }) };
}

/** What a read shows; `refused` if nothing. */
async function show(fleet: Fleet, number: number, at: string): Promise<string> {
  const ask = (node: CoterieNode) => node.get({ bucket: 'b', key: key(number), ...strict, timeoutMs: 3000 });
  const reply = await fleet.ask(at, ask, patienceMs).catch(() => undefined);
  if (reply === undefined) return 'refused';
  return reply.state === 'found' ? reply.siblings.map(({ value }) => new TextDecoder().decode(value)).join('|') : reply.state;
}

const isWell = (fleet: Fleet) => (): boolean =>
  fleet.nodes.length === 3 && fleet.nodes.every((node) => !node.cluster().isRecovering && node.status().state === 'ready');

/** Every copy of every key is the same. */
async function expectEqualCopies(fleet: Fleet, what: string): Promise<void> {
  for (let number = 0; number < keys; number++) {
    const copies = await Promise.all(fleet.names.map((name) => fleet.ask(name, (node) => node.inspect('b', key(number)), patienceMs)));
    expect(new Set(copies.map(({ etag }) => etag)).size, `${what}: key ${number}`).toBe(1);
  }
}

/** A flipped bit, and when it flips. */
interface Rot {
  readonly path: string;
  readonly offset: number;
  readonly bit: number;
}

/** Files of a node's disk that are not zeros only, by kind. */
function rots(disk: SimulatedDisk, seed: number): Rot[] {
  const random = new SeededRandom(seed, 18);
  return disk
    .paths()
    .filter((path) => !path.endsWith('/RESERVE') && !path.endsWith('/LOCK'))
    .flatMap((path) => {
      const { length } = disk.contents(path);
      const samples = long ? 20 : 2;
      return length === 0 ? [] : Array.from({ length: samples }, () => ({ path, offset: random.below(length), bit: random.below(8) }));
    });
}

describe('a flipped bit', () => {
  it('in a file of a node that runs is never served, and the node heals by itself', { timeout: 300_000 }, async () => {
    const tables = rots(disks.get('n2') as SimulatedDisk, 1).filter(({ path }) => path.endsWith('.sst'));
    expect(tables.length).toBeGreaterThan(1);
    let healed = 0;
    for (const rot of tables) {
      const { world, fleet } = startAgain(disks);
      await world.run(async () => {
        await fleet.form();
        const { disk } = world.machine('n2');
        const path = disk.paths().findLast((one) => one.endsWith('.sst')) ?? rot.path;
        disk.flipBit(path, rot.offset % disk.contents(path).length, rot.bit);
        for (let number = 0; number < keys; number++) {
          const shown = await show(fleet, number, 'n2');
          expect([valueOf(number), 'refused'], `${path} at ${rot.offset}: key ${number}`).toContain(shown);
        }
        await fleet.pause(5000);
        await fleet.until(isWell(fleet), `every node is well after ${path} at ${rot.offset}`);
        await expectEqualCopies(fleet, `${path} at ${rot.offset}`);
        healed += Number(fleet.nodeOn('n2')?.status().store['tablesSetAside']);
      });
    }
    expect(healed).toBeGreaterThan(0);
  });

  it('that nobody reads is found by a scrub, and healed while others have good copies', { timeout: 300_000 }, async () => {
    const { world, fleet } = startAgain(disks);
    await world.run(async () => {
      await fleet.form();
      const { disk } = world.machine('n2');
      const path = disk.paths().findLast((one) => one.endsWith('.sst')) ?? '';
      disk.flipBit(path, 500, 2);
      expect(await fleet.ask('n2', (node) => node.scrub(), patienceMs)).toMatchObject({ damaged: 1 });
      await fleet.pause(5000);
      await fleet.until(isWell(fleet), 'every node is well');
      expect(fleet.nodeOn('n2')?.status().store).toMatchObject({ tablesSetAside: 1, stretchesLost: 0 });
      await expectEqualCopies(fleet, path);
    });
  });

  it('in any file of a node that starts is never served, and the node comes back', { timeout: 600_000 }, async () => {
    const came: Record<string, number> = {};
    for (const rot of rots(disks.get('n2') as SimulatedDisk, 2)) {
      const flipped = new Map(disks);
      const disk = (disks.get('n2') as SimulatedDisk).clone();
      disk.flipBit(rot.path, rot.offset, rot.bit);
      flipped.set('n2', disk);
      const { world, fleet } = startAgain(flipped);
      const what = `${rot.path} at ${rot.offset}, bit ${rot.bit}`;
      await world.run(async () => {
        await fleet.form().catch((error: unknown) => {
          throw new Error(`${what}: ${String(error)}`);
        });
        for (let number = 0; number < keys; number++) {
          expect([valueOf(number), 'refused'], `${what}: key ${number}`).toContain(await show(fleet, number, 'n2'));
          await fleet.ask('n2', (node) => node.inspect('b', key(number)), patienceMs).catch(() => undefined);
        }
        await fleet.pause(2000);
        await fleet.until(isWell(fleet), `every node is well after ${what}`);
        for (let number = 0; number < keys; number += 7) expect(await show(fleet, number, 'n2'), what).toBe(valueOf(number));
        await expectEqualCopies(fleet, what);
      });
      const kind = rot.path.replace(/[0-9]+/g, 'N');
      came[kind] = (came[kind] ?? 0) + 1;
    }
    expect(Object.keys(came).length).toBeGreaterThan(5);
  });
});

/** What strict reads show of writes that a rotten store and one that is gone acknowledged, and the one that is asked missed. */
async function readBesideRot(options: Partial<NodeOptions>): Promise<Set<string>> {
  const { world, fleet } = startAgain(disks, options);
  const written = 2 * keys;
  return world.run(async () => {
    await fleet.form();
    world.machine('n3').kill();
    await write(fleet, keys, written);
    const { disk } = world.machine('n2');
    for (const path of disk.paths().filter((one) => one.endsWith('.sst'))) {
      for (let offset = 100; offset < disk.contents(path).length; offset += 4096) disk.flipBit(path, offset, 1);
    }
    world.machine('n1').kill();
    world.machine('n3').restart();
    await fleet.until(
      () =>
        fleet
          .nodeOn('n3')
          ?.cluster()
          .members.find(({ name }) => name === 'n2')?.state === 'alive',
      'n3 sees n2',
    );
    const verdicts = new Set<string>();
    for (let number = keys; number < written; number++) {
      const shown = await show(fleet, number, 'n3');
      verdicts.add(shown === valueOf(number) ? 'right' : shown);
    }
    return verdicts;
  });
}

/** A store that answers *nothing there* where it cannot read. */
const openForgetful: OpenStore = async (directory, opening) => {
  const inner = await openStore(directory, { ...youngStore, cacheBytes: 0, ...opening });
  const store: Store = {
    get: async (asked) => {
      try {
        return await inner.get(asked);
      } catch (error) {
        if (isCoterieError(error, 'CORRUPTION')) return undefined;
        throw error;
      }
    },
    batch: () => inner.batch(),
    range: (range) => inner.range(range),
    get failure() {
      return inner.failure;
    },
    close: () => inner.close(),
  };
  return store;
};

describe('a strict read beside a store that rotted', () => {
  it('is refused rather than stale', { timeout: 300_000 }, async () => {
    const openSound: OpenStore = (directory, opening) => openStore(directory, { ...youngStore, cacheBytes: 0, ...opening });
    const verdicts = await readBesideRot({ openStore: openSound });
    expect([...verdicts].sort()).toEqual(['refused', 'right']);
  });

  it('is stale where damage passes for absence', { timeout: 300_000 }, async () => {
    expect(await readBesideRot({ openStore: openForgetful })).toContain('missing');
  });
});
