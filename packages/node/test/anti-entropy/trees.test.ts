/** Sums that follow the objects through every change, crash and failure: held against a count of the objects. */
import { CoterieError, isCoterieError } from '@coterie/env';
import { addAt, leafOf, leafStart, noSums, sumAt, type Sums, zeroSum } from '@coterie/merkle';
import { CrashError, createSimulation, SeededRandom, type Simulation } from '@coterie/simulator';
import { openStore } from '@coterie/lsm';
import { describe, expect, it } from 'vitest';
import { latin1 } from '../../src/store/layout.ts';
import { distrustTrees, hashedKeys, prepareTrees, recountLeaf, recountPartition } from '../../src/anti-entropy/recount.ts';
import { Trees, writeLeaf } from '../../src/anti-entropy/trees.ts';
import { markKey } from '../../src/anti-entropy/leaf-record.ts';
import { type CoterieNode, type Hazards, type OpenStore, type Store, startNode } from '../../src/index.ts';
import { placeOf } from '../../src/core.ts';
import { space } from '../../src/store/layout.ts';
import { Attempt } from '../../src/coordinator/deadlines.ts';
import { put } from '../../src/coordinator/put.ts';
import { makeCore } from '../core.ts';
import { bearUnheardPowerFailures } from '../power-failures.ts';
import { bytes, World } from '../world.ts';

const partitions = 64;
const smallStore: OpenStore = (directory, opening) =>
  openStore(directory, { ...opening, writeBufferBytes: 16_384, logSegmentBytes: 65_536, cacheBytes: 65_536, reserveBytes: 0 });

/** Sums by leaf and bucket as the objects have them, and as the records say. */
async function bothSums(store: Store, of: number): Promise<{ readonly counted: string[]; readonly recorded: string[] }> {
  const sums = new Map<string, Sums>();
  for await (const { objectKey, bucket, generation, hash } of hashedKeys(store, 0, 2 ** 32)) {
    const high = new DataView(objectKey.buffer, objectKey.byteOffset).getUint32(1);
    const id = `${leafStart(leafOf(high, of), of)} ${bucket} ${generation}`;
    const sum = sums.get(id) ?? noSums(1);
    addAt(sum, 0, hash);
    sums.set(id, sum);
  }
  const trees = new Trees(store, { partitions: of, write: writeLeaf });
  const recorded: string[] = [];
  for (let partition = 0; partition < of; partition++) {
    await trees.loadPartition(partition);
    for (const [bucket, { generation, tree }] of trees.of(partition)) {
      for (const leaf of tree.leavesInUse()) {
        const { high, low } = tree.leaf(leaf);
        recorded.push(`${leafStart({ partition, leaf }, of)} ${bucket} ${generation} = ${high}:${low}`);
      }
    }
  }
  const counted = [...sums].map(([id, sum]) => `${id} = ${sumAt(sum, 0).high}:${sumAt(sum, 0).low}`);
  // What is still to be cleared of a dropped generation has no tree any more once there is one of a newer.
  const cleared = await toBeCleared(store);
  const isThere = (line: string): boolean => !cleared.some((dropped) => line.includes(dropped));
  return { counted: counted.filter(isThere).sort(), recorded: recorded.filter(isThere).sort() };
}

/** Dropped generations whose keys are still to be removed, as lines name them. */
async function toBeCleared(store: Store): Promise<string[]> {
  const items: string[] = [];
  for await (const [key] of store.range({ gte: Uint8Array.of(space.dropped), lt: Uint8Array.of(space.dropped + 1), limit: 100 })) {
    const generation = new DataView(key.buffer, key.byteOffset).getUint32(1);
    items.push(` ${new TextDecoder().decode(key.subarray(5))} ${generation} = `);
  }
  return items;
}

async function work(node: CoterieNode, random: SeededRandom): Promise<void> {
  const client = async (): Promise<void> => {
    for (let round = 0; round < 30; round++) {
      const key = bytes(`k${random.below(20)}`);
      const bucket = random.pick(['one', 'two']);
      const change = random.chance(0.1) ? node.delete({ bucket, key }) : node.put({ bucket, key, value: bytes(`v${round}`) });
      // The bucket may be dropped while the write is on its way.
      await change.catch((error: unknown) => {
        if (!isCoterieError(error, 'STALE_RING')) throw error;
      });
      if (random.chance(0.02)) await node.dropBucket('two');
    }
  };
  await Promise.all([client(), client(), client(), client()]);
}

/** Lives of a node that end at some operation of the disk; after each, what its store holds. */
async function liveAndCrash(seed: number, hazards: Partial<Hazards>): Promise<{ wrong: number; crashes: number }> {
  const simulation = createSimulation({ seed });
  const random = new SeededRandom(seed, 5);
  let [wrong, crashes] = [0, 0];
  for (let life = 0; life < 4; life++) {
    const { disk } = simulation;
    disk.crashAt(disk.operationCount + 20 + random.below(300));
    try {
      await simulation.run(async () => {
        const node = await startNode({
          environment: simulation.environment,
          dataDirectory: '/data',
          openStore: smallStore,
          partitions,
          hazards,
        });
        await work(node, random);
        await node.close();
      });
    } catch (error) {
      if (!(error instanceof CrashError)) throw error;
      crashes += 1;
      disk.restart(seed * 1000 + life);
    }
    disk.crashAt(undefined);
    if (!(await isTrue(simulation))) wrong += 1;
  }
  return { wrong, crashes };
}

async function isTrue(simulation: Simulation): Promise<boolean> {
  return simulation.run(async () => {
    await simulation.environment.files.makeDirectory('/data');
    const store = await smallStore('/data/store', { environment: simulation.environment, durable: true });
    const { counted, recorded } = await bothSums(store, partitions);
    await store.close();
    return counted.join() === recorded.join();
  });
}

bearUnheardPowerFailures();

const seeds = process.env['COTERIE_LONG'] === '1' ? 200 : 6;

describe('the sums of a store whose power fails', () => {
  it('are those of its objects, whatever was on its way', async () => {
    let crashes = 0;
    for (let seed = 1; seed <= seeds; seed++) {
      const run = await liveAndCrash(seed, {});
      expect(run.wrong, `seed ${seed}`).toBe(0);
      crashes += run.crashes;
    }
    expect(crashes).toBeGreaterThan(seeds);
  }, 300_000);

  it('are others when a sum is written apart from its object', async () => {
    let wrong = 0;
    for (let seed = 1; seed <= 10 && wrong === 0; seed++) wrong += (await liveAndCrash(seed, { leavesApart: true })).wrong;
    expect(wrong).toBeGreaterThan(0);
  }, 300_000);
});

describe('a batch that fails', () => {
  it('leaves its leaf in doubt, and a count sets it right', async () => {
    const world = new World();
    const { core } = await makeCore(world);
    const write = (key: string): Promise<unknown> => {
      const attempt = new Attempt(core.environment.clock, 5000);
      return put(core, { bucket: 'b', key: bytes(key), value: bytes('v') }, { attempt, origin: 'client' });
    };
    await world.run(() => write('a'));
    world.disk.failWith = new CoterieError('DISK_FULL', 'full', { details: { mayHaveTakenEffect: false } });
    await expect(world.run(() => write('a'))).rejects.toMatchObject({ code: 'DISK_FULL' });
    world.disk.failWith = undefined;
    const { token } = placeOf(core, 'b', bytes('a')).address;
    const place = leafOf(token.high, core.trees.partitions);
    const start = leafStart(place, core.trees.partitions);
    expect([...core.trees.doubtful]).toEqual([start]);
    expect(await world.run(() => recountLeaf(core, start))).toBe(true);
    expect(core.trees.doubtful.size).toBe(0);
    expect(await world.run(() => recountLeaf(core, start))).toBe(false);
    const { counted, recorded } = await world.run(() => bothSums(core.store, core.trees.partitions));
    expect(recorded).toEqual(counted);
  });
});

describe('a store from before there were sums', () => {
  it('has them counted once, and a removed object leaves none', async () => {
    const world = await new World().start({ partitions });
    for (let at = 0; at < 50; at++) await world.put(`k${at}`, 'v');
    await world.run(world.node.close());
    for (const name of [...world.disk.entries.keys()]) {
      if (name.startsWith('\u0028') || name === Buffer.from(markKey).toString('latin1')) world.disk.entries.delete(name);
    }
    const { environment } = world.simulation;
    const store = await world.disk.open('/data/store', { environment, durable: true });
    await world.run(() => prepareTrees(store, partitions));
    const { counted, recorded } = await world.run(() => bothSums(store, partitions));
    expect(recorded).toEqual(counted);
    expect(recorded.length).toBeGreaterThan(40);
    const { commits } = world.disk;
    await world.run(() => prepareTrees(store, partitions));
    expect(world.disk.commits).toBe(commits);
  });

  it('has them counted again when some may be gone', async () => {
    const world = await new World().start({ partitions });
    await world.put('k', 'v');
    await world.run(world.node.close());
    const { environment } = world.simulation;
    const store = await world.disk.open('/data/store', { environment, durable: true });
    for (const name of [...world.disk.entries.keys()]) if (name.startsWith('\u0028')) world.disk.entries.delete(name);
    await world.run(() => distrustTrees(store));
    await world.run(() => prepareTrees(store, partitions));
    const { counted, recorded } = await world.run(() => bothSums(store, partitions));
    expect({ recorded, leaves: recorded.length }).toEqual({ recorded: counted, leaves: 1 });
  });

  it('counts a partition anew whose objects were taken by damage', async () => {
    const world = new World();
    const { core } = await makeCore(world);
    const attempt = new Attempt(core.environment.clock, 5000);
    await world.run(() => put(core, { bucket: 'b', key: bytes('a'), value: bytes('v') }, { attempt, origin: 'client' }));
    const { address } = placeOf(core, 'b', bytes('a'));
    world.disk.entries.delete(latin1(address.objectKey));
    const { partition } = leafOf(address.token.high, core.trees.partitions);
    expect(await world.run(() => recountPartition(core, partition))).toEqual({ wrong: 1, left: 0 });
    expect(await world.run(() => recountPartition(core, partition))).toEqual({ wrong: 0, left: 0 });
    expect((await world.run(() => bothSums(core.store, core.trees.partitions))).recorded).toEqual([]);
  });

  it('counts a partition while it is written', async () => {
    const world = new World();
    const { core } = await makeCore(world);
    const write = (key: string, value: string): Promise<unknown> => {
      const attempt = new Attempt(core.environment.clock, 5000);
      return put(core, { bucket: 'b', key: bytes(key), value: bytes(value) }, { attempt, origin: 'client' });
    };
    const names = Array.from({ length: 300 }, (_, at) => `k${at}`);
    await world.run(() => Promise.all(names.map((name) => write(name, 'before'))));
    const partitionOf = (name: string): number =>
      leafOf(placeOf(core, 'b', bytes(name)).address.token.high, core.trees.partitions).partition;
    const counts = await world.run(async () => {
      const writing = names.map((name) => write(name, 'meanwhile'));
      const counting = [...new Set(names.map(partitionOf))].map((partition) => recountPartition(core, partition));
      await Promise.all(writing);
      return Promise.all(counting);
    });
    expect(counts.every(({ wrong }) => wrong === 0)).toBe(true);
    const { counted, recorded } = await world.run(() => bothSums(core.store, core.trees.partitions));
    expect(recorded).toEqual(counted);
    expect(recorded.length).toBeGreaterThan(200);
  });

  it('holds no sum of what was released', async () => {
    const world = new World();
    const { core } = await makeCore(world);
    const attempt = new Attempt(core.environment.clock, 5000);
    await world.run(() => put(core, { bucket: 'b', key: bytes('a'), value: bytes('v') }, { attempt, origin: 'client' }));
    const place = placeOf(core, 'b', bytes('a'));
    expect(await world.run(() => core.local.release(place, () => true))).toBe(true);
    const { partition } = leafOf(place.address.token.high, core.trees.partitions);
    expect(core.trees.of(partition).get('b')?.tree.root).toEqual(zeroSum);
    expect((await world.run(() => bothSums(core.store, core.trees.partitions))).recorded).toEqual([]);
  });
});
