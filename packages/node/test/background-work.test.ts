/** What a node does by itself, step by step, with peers that are made up. */
import { CoterieError } from '@coterie/env';
import type { RingLog } from '@coterie/consensus';
import { describe, expect, it } from 'vitest';
import { ClusterMember } from '../src/cluster/cluster-member.ts';
import { type Decision, decide } from '../src/cluster/decisions.ts';
import type { ClusterLink } from '../src/cluster/link.ts';
import type { ClusterState } from '../src/cluster/state.ts';
import { placeOf } from '../src/core.ts';
import { Attempt } from '../src/coordinator/deadlines.ts';
import { dropBucket } from '../src/buckets/decide-bucket.ts';
import { EpochGate } from '../src/peers/epoch-gate.ts';
import { Evacuation } from '../src/transfer/evacuation.ts';
import { Handoff } from '../src/transfer/handoff.ts';
import { hashOf } from '../src/objects/object.ts';
import { noPeers } from '../src/peers/peers.ts';
import type { Recovery } from '../src/transfer/recovery.ts';
import { PeerService } from '../src/peers/serve.ts';
import { AmongPeers, idOf, stateOf } from './among-peers.ts';
import { latin1, space } from '../src/store/layout.ts';
import { bytes, World } from './world.ts';

async function withHints(keys: readonly string[]): Promise<AmongPeers> {
  const among = (await new AmongPeers(stateOf(4, [1, 2, 3])).start()).keepAll(() => new CoterieError('CONNECTION_LOST', 'away'));
  for (const key of keys) await among.run(among.put(key, { w: 1, key }));
  expect(among.hints.total).toBe(keys.length);
  return among;
}

describe('handing hints over', () => {
  it('is not held up by a hint that its owner refuses', async () => {
    // More than are on their way at a time, and the bad one is the first in order of their tokens.
    const keys = Array.from({ length: 30 }, (_, i) => `k${10 + i}`);
    const among = await withHints(keys);
    const idOfKey = (key: string): string => latin1(placeOf(among.core, 'b', bytes(key)).address.objectKey);
    const [bad] = keys.map(idOfKey).sort((a, b) => (a < b ? -1 : 1));
    among.keepAll((_, { address }) => (latin1(address.objectKey) === bad ? new CoterieError('CORRUPTION', 'damaged there') : undefined));
    await among.run(new Handoff(among.core, among.hints).round());
    expect(among.merged.flatMap(({ values }) => values).sort()).toEqual(keys.filter((key) => idOfKey(key) !== bad));
    expect(among.hints.total).toBe(1);
  });

  it('waits for no hint that damage took, once hints are counted anew', async () => {
    const among = await withHints(['a', 'b']);
    const { core, hints, world } = among;
    const behindItsBack = async (): Promise<void> => {
      const batch = core.store.batch();
      for await (const [key] of core.store.range({ gte: Uint8Array.of(space.hint), lt: Uint8Array.of(space.hint + 1), limit: 1 }))
        batch.delete(key);
      await batch.commit({ durable: true });
    };
    await world.run(behindItsBack());
    expect(hints.total).toBe(2);
    const comesMeanwhile = (): Promise<void> => Promise.resolve(hints.added(idOf(1)));
    expect([await world.run(hints.recount(core.store, comesMeanwhile)), hints.total]).toEqual([false, 3]);
    expect([await world.run(hints.recount(core.store, () => Promise.resolve())), hints.total]).toEqual([true, 1]);
  });

  it('learns the newer ring from an owner that knows one', async () => {
    const among = await withHints(['a']);
    among.learned.length = 0;
    among.keepAll(() => new CoterieError('STALE_RING', 'newer here'));
    await among.run(new Handoff(among.core, among.hints).round());
    expect(among.learned).toEqual([[idOf(1)]]);
    expect(among.hints.total).toBe(1);
  });
});

describe('clearing out', () => {
  it('keeps a copy that has become its own meanwhile', async () => {
    const among = (await new AmongPeers(stateOf(4, [0, 1, 2])).start()).keepAll();
    await among.run(among.put('v', { w: 1 }));
    among.state = { ...stateOf(4, [1, 2, 3]), ringEpoch: 2, epoch: 2 };
    among.peers = {
      ...among.peers,
      lacking: async () => {
        among.state = { ...stateOf(4, [0, 2, 3]), ringEpoch: 3, epoch: 3 };
        return [];
      },
    };
    const evacuation = new Evacuation(among.core);
    await among.run(evacuation.step());
    expect(evacuation.removed).toBe(0);
    const place = placeOf(among.core, 'b', bytes('k'));
    expect((await among.run(among.core.local.read(place))).set.siblings).toHaveLength(1);
  });

  it('finds by a later sweep what came late', async () => {
    const among = (await new AmongPeers(stateOf(4, [1, 2, 3])).start()).keepAll();
    among.peers = { ...among.peers, lacking: async (_, objects) => objects.map((_one, at) => at) };
    const evacuation = new Evacuation(among.core);
    await among.run(evacuation.step());
    await among.run(among.core.local.merge(placeOf(among.core, 'b', bytes('k')), await strayOf(among)));
    for (let step = 0; step < 60; step++) await among.run(evacuation.step());
    expect(among.merged.map(({ member }) => member)).toEqual([idOf(1), idOf(2), idOf(3)]);
    expect(evacuation.removed).toBe(1);
  });

  it('makes sure at the next step that what it found was all', async () => {
    const among = (await new AmongPeers(stateOf(4, [1, 2, 3])).start()).keepAll();
    among.peers = { ...among.peers, lacking: async () => [] };
    await among.run(among.core.local.merge(placeOf(among.core, 'b', bytes('k')), await strayOf(among)));
    const evacuation = new Evacuation(among.core);
    await among.run(evacuation.step());
    expect(evacuation.removed).toBe(1);
    expect(evacuation.isClearAt(among.state.ringEpoch)).toBe(false);
    await among.run(evacuation.step());
    expect(evacuation.isClearAt(among.state.ringEpoch)).toBe(true);
  });

  it('ends where the ring changes, and begins anew by the new one', async () => {
    const among = (await new AmongPeers(stateOf(4, [1, 2, 3])).start()).keepAll();
    for (let i = 0; i < 100; i++)
      await among.run(among.core.local.merge(placeOf(among.core, 'b', bytes(`k${i}`)), await strayOf(among, `k${i}`)));
    const { state } = among;
    among.peers = {
      ...among.peers,
      lacking: async () => {
        among.state = { ...state, epoch: state.epoch + 1, ringEpoch: state.ringEpoch + 1 };
        return [];
      },
    };
    const evacuation = new Evacuation(among.core);
    await among.run(evacuation.step());
    expect(evacuation.removed, 'those of one page').toBe(64);
    expect(evacuation.isClearAt(state.ringEpoch)).toBe(false);
    await among.run(evacuation.step());
    expect(evacuation.removed).toBe(100);
  });

  it('does not look again at once for what has to stay', async () => {
    const among = (await new AmongPeers(stateOf(4, [1, 2, 3])).start()).keepAll();
    let asked = 0;
    const lacking = async (): Promise<readonly number[]> => {
      asked += 1;
      return [];
    };
    among.peers = { ...among.peers, lacking };
    await among.run(among.core.local.merge(placeOf(among.core, 'b', bytes('k')), await strayOf(among)));
    // Below a floor that this store vouches for, nothing goes by itself.
    among.core.floors.keptAt = () => ({ state: 'settled' }) as never;
    const evacuation = new Evacuation(among.core);
    for (let step = 0; step < 30; step++) await among.run(evacuation.step());
    expect(evacuation.removed).toBe(0);
    expect(asked).toBe(3);
  });
});

/** An object as an owner would send it. */
async function strayOf(among: AmongPeers, key = 'k') {
  const owner = await new AmongPeers(stateOf(1, [0])).start();
  await owner.run(owner.put('late', { w: 1, key }));
  return owner.run(owner.core.local.read(placeOf(among.core, 'b', bytes(key))));
}

describe('the barrier', () => {
  it('does not wait for what began under the ring of now, whatever else was decided since', async () => {
    const among = await new AmongPeers({ ...stateOf(3, [0, 1, 2]), epoch: 5, ringEpoch: 3 }).start();
    const gate = new EpochGate(() => among.state.ringEpoch);
    let end = (): void => undefined;
    const running = gate.run(5, () => new Promise<void>((resolve) => (end = resolve)));
    const service = new PeerService(among.core, gate);
    expect(await Promise.race([service.barrier(5).then(() => 'passed'), among.run(Promise.resolve('waits'))])).toBe('passed');
    end();
    await running;
  });
});

describe('dropping a bucket', () => {
  it('is decided although nobody who answers knows the bucket, while a member is away that may', async () => {
    const among = await new AmongPeers(stateOf(3, [0, 1, 2])).start();
    const decided: string[] = [];
    const cluster: ClusterLink = {
      ...noLink(among),
      get peers() {
        return among.peers;
      },
      propose: async (decision: Decision) => {
        decided.push(decision.kind);
        return among.state;
      },
    };
    const drop = (): Promise<void> => {
      const attempt = new Attempt(among.core.environment.clock, 5000);
      return among.run(dropBucket({ ...among.core, cluster }, 'b', attempt));
    };
    among.peers = { ...among.peers, usedBuckets: async () => [] };
    await drop();
    expect(decided).toEqual([]);
    among.standing = (member) => (member === idOf(2) ? 'down' : 'up');
    await drop();
    expect(decided).toEqual(['drop']);
  });

  it('is refused when the cluster remembers as many as it can', () => {
    const one = { generation: 2, given: {}, exists: false };
    const buckets = new Map(Array.from({ length: 10_000 }, (_, i) => [`b${i}`, one] as const));
    const state = { ...stateOf(1, [0]), buckets };
    const full = expect.objectContaining({ code: 'OVERLOADED' });
    expect(() => decide(state, { kind: 'drop', id: 'x', name: 'another' })).toThrow(full);
    expect(decide(state, { kind: 'drop', id: 'x', name: 'b7' }).buckets.get('b7')?.generation).toBe(3);
  });
});

/** The link of a node, spelt out: its getters are lost in a spread. */
function noLink(among: AmongPeers): ClusterLink {
  const { cluster } = among.core;
  return {
    state: among.state,
    get peers() {
      return among.peers;
    },
    placement: (token, n) => cluster.placement(token, n),
    failure: undefined,
    standing: (member) => among.standing(member),
    writeStanding: (member) => among.standing(member),
    isRecovering: () => false,
    catchUp: () => Promise.resolve(),
    propose: () => Promise.reject(new Error('nothing is decided')),
    mintId: () => 'id',
  };
}

describe('what a store says that it has', () => {
  it('is on its disk', async () => {
    const among = await new AmongPeers(stateOf(1, [0])).start();
    await among.run(among.put('before'));
    const place = placeOf(among.core, 'b', bytes('k'));
    const hash = hashOf(await among.run(among.core.local.read(place)));
    const service = new PeerService(among.core, new EpochGate(() => 1));
    among.world.disk.commitMs = 50;
    const writing = among.put('after');
    expect(await among.run(service.lacking([{ objectKey: place.address.objectKey, hash }]))).toEqual([0]);
    await among.run(writing);
  });
});

describe('catching up', () => {
  it('asks those who know more, also when others are being asked already', async () => {
    const world = new World();
    const asked: (readonly string[])[] = [];
    const state = stateOf(9, [0, 1, 2]);
    const catchUp = async (peers: readonly string[]): Promise<void> => void asked.push(peers);
    const member = new ClusterMember({
      environment: world.simulation.environment,
      selfId: idOf(0),
      ringLog: { state, catchUp } as unknown as RingLog<ClusterState>,
      peers: noPeers,
      recovery: {} as Recovery,
      standing: () => 'up',
      storeOf: () => 'well',
    });
    await Promise.all([member.catchUp(), member.catchUp([idOf(7)]), member.catchUp([idOf(7), idOf(0)])]);
    expect(asked).toHaveLength(2);
    expect(asked[1]).toEqual([idOf(7)]);
  });
});

describe('a store that was put back', () => {
  it('does not vouch for what it lacks, also when its first start failed half-way', async () => {
    const world = await new World().start();
    expect(world.node.cluster().isRecovering).toBe(false);
    await world.run(world.node.close());
    world.simulation.environment.files.removeSync('/data/identity');
    const { environment } = world.simulation;
    const options = { environment, dataDirectory: '/data', openStore: world.disk.open };
    const { startNode } = await import('../src/index.ts');
    await expect(world.run(startNode({ ...options, peer: { listen: 'nowhere' } }))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await world.start();
    expect(world.node.cluster().isRecovering).toBe(true);
  });
});
