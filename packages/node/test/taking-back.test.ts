/** A store that lost its data takes it back, whatever the ring does meanwhile. */
import { CoterieError } from '@coterie/env';
import { describe, expect, it } from 'vitest';
import type { Change, ClusterState } from '../src/cluster/state.ts';
import { placeOf } from '../src/core.ts';
import { addressSeed, encodeObject } from '../src/objects/object.ts';
import { type CopyPage, noPeers, type PartitionRanges } from '../src/peers/peers.ts';
import { partitionStart } from '../src/store/partition-ranges.ts';
import { Pace } from '../src/transfer/pace.ts';
import { TakingBack } from '../src/transfer/taking-back.ts';
import { AmongPeers, idOf, stateOf } from './among-peers.ts';
import { ClusterWorld } from './cluster-world.ts';
import { bytes } from './world.ts';

const keys = Array.from({ length: 60 }, (_, i) => `k${i}`);

/** Three holders, all of them of everything; n2 is dead, so the join of n4 waits for it; n3 lost its data. */
async function stuckAndWiped(seed: number, valueBytes = 100): Promise<ClusterWorld> {
  const cluster = await new ClusterWorld(seed).startAll(3);
  for (const key of keys) {
    await cluster.run(() => cluster.node('n1').put({ bucket: 'b', key: bytes(key), value: new Uint8Array(valueBytes), w: 3 }));
  }
  cluster.kill('n2');
  await cluster.start('n4');
  await cluster.until(() => cluster.node('n1').cluster().changes[0]?.phase === 'dual-write');
  cluster.kill('n3');
  await cluster.wipeStore('n3');
  await cluster.start('n3');
  expect(await heldBy(cluster, 'n3')).toBeLessThan(keys.length);
  return cluster;
}

async function heldBy(cluster: ClusterWorld, name: string): Promise<number> {
  let held = 0;
  for (const key of keys) if ((await cluster.copies(key, [name]))[0]?.etag !== undefined) held += 1;
  return held;
}

const isChanging = (cluster: ClusterWorld): boolean => cluster.node('n3').cluster().changes.length === 1;

describe('a store that lost its data while a change of the ring stands', () => {
  it('takes back what the other holders have, so that it survives them, and vouches for nothing yet', async () => {
    const cluster = await stuckAndWiped(71);
    await cluster.world.advance(20_000);
    expect(isChanging(cluster)).toBe(true);
    expect(await heldBy(cluster, 'n3')).toBe(keys.length);
    expect(cluster.node('n3').cluster().isRecovering).toBe(true);
    await expect(cluster.get('n3', 'k0', { r: 2, pr: 2 })).rejects.toMatchObject({ code: 'QUORUM_NOT_MET' });
    // The only other member that had everything.
    cluster.kill('n1');
    for (const key of keys) expect((await cluster.get('n3', key, { r: 1 })).state).toBe('found');
  });

  it('streams nothing twice: once the ring is at rest it compares, and vouches again', async () => {
    const cluster = await stuckAndWiped(72);
    await cluster.until(() => cluster.node('n3').status().moved['takenObjects'] === keys.length);
    expect(isChanging(cluster)).toBe(true);
    await cluster.revive('n2');
    await cluster.until(() => !cluster.node('n3').cluster().isRecovering);
    expect(isChanging(cluster)).toBe(false);
    // Of n1 while the ring changed, of n2 when it was back; n4 had nothing that these lacked.
    expect(cluster.node('n3').status().moved).toMatchObject({ takenObjects: 2 * keys.length, mendedObjects: 0 });
    for (const key of keys) expect((await cluster.get('n3', key, { r: 3, pr: 3 })).state).toBe('found');
  });
});

const idsIn = (state: ClusterState): string[] => state.members.map(({ id }) => id);

/** Partitions of which the third list goes to member 3. */
function moving(state: ClusterState, phase: Change['phase']): ClusterState {
  const change: Change = { id: 'c', aims: [], phase, moves: new Map([[5, [0, 1, 3]]]) };
  return { ...state, ringEpoch: state.ringEpoch + 1, changes: [change] };
}

/** Member 0 after a loss, among others that tell how often they were asked for what. */
class AfterLoss {
  readonly among: AmongPeers;
  readonly asked: string[] = [];
  readonly back = new TakingBack();
  /** What happens when a page is asked for. */
  onPage: (member: string) => Promise<CopyPage> = () => Promise.resolve({ records: [] });

  constructor(among: AmongPeers) {
    this.among = among;
    const ask = (what: string, member: string, ranges: PartitionRanges): void => {
      this.asked.push(`${what} of ${idsIn(among.state).indexOf(member)}: ${ranges.map(([from, until]) => `${from}-${until}`).join(' ')}`);
    };
    among.peers = {
      ...noPeers,
      page: (member, ranges) => {
        ask('all', member, ranges);
        return this.onPage(member);
      },
      hashes: (member, ranges) => {
        ask('hashes', member, ranges);
        return Promise.resolve({ hashes: [] });
      },
    };
  }

  static async begin(holders: readonly number[]): Promise<AfterLoss> {
    return new AfterLoss(await new AmongPeers(stateOf(4, holders)).start());
  }

  /** Takes back what there is, and returns what was asked for that. */
  async run(): Promise<string[]> {
    const { core, world } = this.among;
    const pace = new Pace(world.simulation.environment, 1e9);
    this.asked.length = 0;
    await world.run(this.back.run(core, { pace, isWanted: () => true }));
    return this.asked;
  }
}

const cutOff = (): Promise<never> => Promise.reject(new CoterieError('CONNECTION_LOST', 'cut off'));

describe('what is taken back', () => {
  it('is of every holder, and stands while a change begins, goes on and is taken back', async () => {
    const loss = await AfterLoss.begin([0, 1, 2]);
    const { among } = loss;
    const atRest = among.state;
    expect(await loss.run()).toEqual(['all of 1: 0-64', 'all of 2: 0-64']);
    among.state = moving(atRest, 'dual-write');
    // Whoever is to hold something may have what the holders lack.
    expect(await loss.run()).toEqual(['hashes of 3: 5-6']);
    among.state = moving(atRest, 'undoing');
    expect(await loss.run()).toEqual([]);
    among.state = { ...atRest, ringEpoch: atRest.ringEpoch + 3 };
    expect(await loss.run()).toEqual([]);
  });

  it('is compared with the holders by other lists, and streamed of those alone who had given nothing yet', async () => {
    const loss = await AfterLoss.begin([0, 1]);
    const { among } = loss;
    expect(await loss.run()).toEqual(['all of 1: 0-64']);
    among.state = { ...among.state, ring: { ...among.state.ring, replicas: among.state.ring.replicas.map(() => [0, 1, 3]) } };
    expect(await loss.run()).toEqual(['hashes of 1: 0-64', 'all of 3: 0-64']);
    expect(await loss.run()).toEqual([]);
  });

  it('begins anew after another loss', async () => {
    const loss = await AfterLoss.begin([0, 1]);
    await loss.run();
    loss.back.forget();
    expect(await loss.run()).toEqual(['all of 1: 0-64']);
  });

  it('is had of all others when one fails, and that one is asked again', async () => {
    const loss = await AfterLoss.begin([0, 1, 2]);
    loss.onPage = (member) => (member === idOf(1) ? cutOff() : Promise.resolve({ records: [] }));
    await expect(loss.run()).rejects.toThrow('cut off');
    expect(loss.asked).toEqual(['all of 1: 0-64', 'all of 2: 0-64']);
    loss.onPage = () => Promise.resolve({ records: [] });
    expect(await loss.run()).toEqual(['all of 1: 0-64']);
  });

  it('comes of those last who seem to be down', async () => {
    const loss = await AfterLoss.begin([0, 1, 2]);
    loss.among.standing = (member) => (member === idOf(1) ? 'down' : 'up');
    expect(await loss.run()).toEqual(['all of 2: 0-64', 'all of 1: 0-64']);
  });

  it('goes on behind the partitions that are there after a failure', async () => {
    const loss = await AfterLoss.begin([0, 1]);
    const { core } = loss.among;
    const place = placeOf(core, 'b', bytes('k'));
    // More than may be on its way to the disk, so that it is there before the next page is asked for.
    await loss.among.run(loss.among.put('v'.repeat(300_000), { w: 1 }));
    const { objectKey } = place.address;
    const object = encodeObject(await loss.among.run(core.local.read(place)), addressSeed(objectKey));
    let pages = 0;
    loss.onPage = () => (pages++ === 0 ? Promise.resolve({ records: [{ objectKey, object }], cursor: partitionStart(7, 64) }) : cutOff());
    await expect(loss.run()).rejects.toThrow('cut off');
    loss.onPage = () => Promise.resolve({ records: [] });
    expect(await loss.run()).toEqual(['all of 1: 7-64']);
  });

  it('is not merged when others hold it by the time it comes', async () => {
    const loss = await AfterLoss.begin([0, 1]);
    const { among } = loss;
    const place = placeOf(among.core, 'b', bytes('k'));
    loss.onPage = async () => {
      among.state = { ...among.state, ring: { ...among.state.ring, replicas: among.state.ring.replicas.map(() => [1, 2]) } };
      // No object at all: merging it would fail as damaged.
      return { records: [{ objectKey: place.address.objectKey, object: new Uint8Array(0) }] };
    };
    await expect(loss.run()).rejects.toMatchObject({ code: 'NOT_READY' });
    expect(await loss.run()).toEqual([]);
  });
});
