/** Objects that go to one member in one turn: one message, and to each its own outcome. */
import { CoterieError } from '@coterie/env';
import type { IncomingRequest, RpcAnswer, RpcRequest } from '@coterie/rpc';
import { describe, expect, it } from 'vitest';
import { placeOf } from '../src/core.ts';
import { EpochGate } from '../src/peers/epoch-gate.ts';
import { emptyObject, type CausalObject } from '../src/objects/object.ts';
import { peerHandlers, RemotePeers } from '../src/peers/remote.ts';
import type { Place } from '../src/replica/replica.ts';
import { PeerService } from '../src/peers/serve.ts';
import { bundleMax } from '../src/peers/wire.ts';
import { AmongPeers, idOf, stateOf } from './among-peers.ts';
import { bytes } from './world.ts';

type Carry = (request: RpcRequest, carryOn: () => Promise<RpcAnswer>) => Promise<RpcAnswer>;

/** A node that answers, one that asks it, and what was said between them. `way` is what the network makes of a question. */
async function twoNodes(way: Carry = (_, carryOn) => carryOn()) {
  const among = await new AmongPeers(stateOf(3, [0, 1, 2])).start();
  const source = await new AmongPeers(stateOf(3, [0, 1, 2]), 2).start();
  source.keepAll();
  const nobody = (): Promise<never> => Promise.reject(new Error('no write comes here'));
  const gate = new EpochGate(() => among.state.ringEpoch);
  const service = new PeerService(among.core, gate);
  const handlers = peerHandlers({ service, put: nobody, delete: nobody, missing: () => '' });
  const said: RpcRequest[] = [];
  const request = (_address: string, question: RpcRequest): Promise<RpcAnswer> => {
    said.push(question);
    const { epoch, body, values = [] } = question;
    const incoming = { from: { id: idOf(2) }, epoch, body, values, deadlineMs: Infinity } as unknown as IncomingRequest;
    return way(question, async () => ({ values: [], ...(await handlers[question.method](incoming)) }));
  };
  const { timers } = among.core.environment;
  const peers = new RemotePeers({ endpoint: { request }, state: () => source.state, timeoutMs: 100, timers });
  const written = async (key: string, value = 'v'): Promise<{ place: Place; object: CausalObject }> => {
    await source.run(source.put(value, { key, w: 1 }));
    const place = placeOf(source.core, 'b', bytes(key));
    return { place, object: await source.run(source.core.local.read(place)) };
  };
  const bring = (place: Place, object: CausalObject): Promise<unknown> =>
    peers.merge(idOf(0), place, { object, order: {} }).catch((error: unknown) => error);
  const isThere = async ({ place, object }: { place: Place; object: CausalObject }): Promise<boolean> =>
    (await among.run(among.core.local.read(place))).set.clock.compare(object.set.clock) === 'equal';
  return { among, said, written, bring, isThere, gate };
}

const ofCode = (code: string): unknown => expect.objectContaining({ code });

describe('objects for one member', () => {
  it('of one turn travel as one message, and one alone as it is', async () => {
    const { among, said, written, bring, isThere } = await twoNodes();
    const some = [await written('a'), await written('b'), await written('c'), await written('d')];
    expect(await among.run(Promise.all(some.map(({ place, object }) => bring(place, object))))).toEqual([true, true, true, true]);
    for (const one of some) expect(await isThere(one)).toBe(true);
    const next = await written('e');
    expect(await among.run(bring(next.place, next.object))).toBe(true);
    expect(said.map(({ method, body }) => [method, body])).toEqual([
      // The member had nothing to answer.
      ['merge', [null, false]],
      ['merges', [null, null, null]],
      ['merge', [null, false]],
    ]);
  });

  it('wait for a turn where something is under way or several left together last, and for none where nothing is', async () => {
    const { among, said, written, bring } = await twoNodes();
    const { place, object } = await written('a');
    const atOnce = async (count: number): Promise<number> => {
      const before = said.length;
      const brought = Array.from({ length: count }, () => bring(place, object));
      const sent = said.length - before;
      expect(await among.run(Promise.all(brought))).toEqual(brought.map(() => true));
      return sent;
    };
    expect([await atOnce(1), await atOnce(2), await atOnce(3)]).toEqual([1, 1, 1]);
    // Two of those three left together: the next waits, leaves by itself, and with that the one after it goes at once again.
    expect([await atOnce(1), await atOnce(1)]).toEqual([0, 1]);
  });

  it('fail each for itself', async () => {
    const { among, written, bring, isThere } = await twoNodes();
    const [a, b, c] = [await written('a'), await written('b'), await written('c')];
    // Of a generation that the other side does not know.
    const address = { ...b.place.address, objectKey: b.place.address.objectKey.slice() };
    address.objectKey[10 + 1 + 3] = 9;
    const outcomes = await among.run(
      Promise.all([bring(a.place, a.object), bring({ ...b.place, address }, b.object), bring(c.place, c.object)]),
    );
    expect(outcomes).toEqual([true, ofCode('STALE_RING'), true]);
    expect([await isThere(a), await isThere(b), await isThere(c)]).toEqual([true, false, true]);
  });

  it('count as under way until the last has ended', async () => {
    const { among, written, bring, gate } = await twoNodes();
    const [a, b] = [await written('a'), await written('b')];
    among.world.disk.commitMs = 50;
    const both = Promise.all([bring(a.place, a.object), bring(b.place, b.object)]);
    let isDrained = false;
    await among.world.simulation.advance(10);
    const drained = gate.drained(among.state.ringEpoch + 1).then(() => (isDrained = true));
    await among.world.simulation.advance(10);
    expect(isDrained).toBe(false);
    await among.run(both);
    await among.run(drained);
  });

  it('are no more than a message may have, and large ones go by themselves', async () => {
    const { among, said, written, bring } = await twoNodes();
    const { place, object } = await written('a');
    const large = await written('large', 'x'.repeat(20_000));
    const many = Array.from({ length: 1 + bundleMax + 2 }, () => bring(place, object));
    const outcomes = await among.run(Promise.all([...many, bring(large.place, large.object)]));
    expect(new Set(outcomes)).toEqual(new Set([true]));
    expect(said.map(({ method, values = [] }) => [method, values.length / 2])).toEqual([
      ['merge', 1],
      ['merges', bundleMax],
      ['merge', 1],
      ['merges', 2],
    ]);
  });

  it('are sent again together when the connection was lost, once, and fail together', async () => {
    const lost = new CoterieError('CONNECTION_LOST', 'cut', { details: { mayHaveTakenEffect: true } });
    let losses = 1;
    const { among, said, written, bring, isThere } = await twoNodes(async ({ method }, carryOn) => {
      if (method === 'merges' && losses-- > 0) throw lost;
      return carryOn();
    });
    const some = [await written('alone'), await written('a'), await written('b')];
    const bringAll = (): Promise<unknown[]> => among.run(Promise.all(some.map(({ place, object }) => bring(place, object))));
    const bundles = (): number => said.filter(({ method }) => method === 'merges').length;
    expect(await bringAll()).toEqual([true, true, true]);
    expect(bundles()).toBe(2);
    for (const one of some) expect(await isThere(one)).toBe(true);
    losses = 2;
    // Several left together last: the first does not go alone this time.
    expect(await bringAll()).toEqual([lost, lost, lost]);
    expect(bundles()).toBe(4);
  });

  it.each([[null], [[true]], [[true, [0]]], [[true, [2, ['TIMEOUT', 'late', true, []]]]], [[true, [-1, null]]]])(
    'are all refused when the answer %j is none',
    async (body) => {
      const { among, written, bring } = await twoNodes(() => Promise.resolve({ body, values: [] }));
      const some = [await written('alone'), await written('a'), await written('b')];
      const [, ...together] = await among.run(Promise.all(some.map(({ place, object }) => bring(place, object))));
      expect(together).toEqual([ofCode('PROTOCOL'), ofCode('PROTOCOL')]);
    },
  );

  it('say whether they are synced', async () => {
    const { among, written, bring } = await twoNodes(() =>
      Promise.resolve({ body: [false, [1, ['TIMEOUT', 'late', true, []]]], values: [] }),
    );
    const { place } = await written('a');
    const [, ...together] = await among.run(Promise.all(Array.from({ length: 3 }, () => bring(place, emptyObject))));
    expect(together).toEqual([false, ofCode('TIMEOUT')]);
  });
});
