/** Messages of peers that are not what they should be: refused by name, before anything is done about them. */
import type { IncomingRequest, RpcAnswer } from '@coterie/rpc';
import { describe, expect, it } from 'vitest';
import { askingFrom } from '../src/cluster/door.ts';
import { placeOf } from '../src/core.ts';
import { EpochGate } from '../src/peers/epoch-gate.ts';
import { Pace } from '../src/transfer/pace.ts';
import { peerHandlers, RemotePeers } from '../src/peers/remote.ts';
import { PeerService } from '../src/peers/serve.ts';
import { takeOver } from '../src/transfer/transfer.ts';
import { AmongPeers, idOf, stateOf } from './among-peers.ts';
import { bytes } from './world.ts';

const malformed = expect.objectContaining({ code: 'PROTOCOL' });

async function answering(): Promise<{
  readonly among: AmongPeers;
  ask(method: string, body: unknown, values?: Uint8Array[]): Promise<unknown>;
}> {
  const among = await new AmongPeers(stateOf(3, [0, 1, 2])).start();
  const nobody = (): Promise<never> => Promise.reject(new Error('no write comes here'));
  const service = new PeerService(among.core, new EpochGate(() => among.state.ringEpoch));
  const handlers = peerHandlers({ service, put: nobody, delete: nobody, missing: () => '' });
  const ask = (method: string, body: unknown, values: Uint8Array[] = []): Promise<unknown> => {
    const request = { from: { id: idOf(1) }, epoch: 1, body, values, deadlineMs: Infinity } as unknown as IncomingRequest;
    return among.run((async () => handlers[method]?.(request))());
  };
  return { among, ask };
}

describe('a node that is asked', () => {
  it('refuses an address that is none, or lies under another token than its own', async () => {
    const { among, ask } = await answering();
    const { objectKey } = placeOf(among.core, 'b', bytes('k')).address;
    const moved = objectKey.slice();
    moved[1] = (moved[1] ?? 0) ^ 0x80;
    const notText = objectKey.slice();
    notText[10] = 0xff;
    for (const address of [new Uint8Array(), bytes('nonsense'), objectKey.subarray(0, -1), moved, notText]) {
      await expect(ask('read', [[]], [address])).rejects.toEqual(malformed);
      await expect(ask('merge', [null, false], [address, new Uint8Array()])).rejects.toEqual(malformed);
      await expect(ask('lacking', [[1, 2]], [address])).rejects.toEqual(malformed);
    }
    expect(await ask('read', [[]], [objectKey])).toMatchObject({ body: [false] });
  });

  it('refuses more than anybody who means well would ask at once', async () => {
    const { among, ask } = await answering();
    const { objectKey } = placeOf(among.core, 'b', bytes('k')).address;
    await expect(ask('read', [Array.from({ length: 33 }, () => idOf(1))], [objectKey])).rejects.toEqual(malformed);
    const many = Array.from({ length: 1025 }, () => objectKey);
    await expect(
      ask(
        'lacking',
        many.map(() => [1, 2]),
        many,
      ),
    ).rejects.toEqual(malformed);
    await expect(
      ask(
        'page',
        many.map(() => [0, 1]),
      ),
    ).rejects.toEqual(malformed);
    await expect(ask('page', [[0, 2 ** 40]])).rejects.toEqual(malformed);
    await expect(ask('digests', null, many.slice(0, 257))).rejects.toEqual(malformed);
    expect(await ask('digests', null, many.slice(0, 256))).toMatchObject({ body: null });
  });

  it('lets in who asks for itself, and says where it is reached', () => {
    const [id, other] = [idOf(1), idOf(2)];
    const body = (more: { readonly id?: string; readonly name?: string; readonly peer?: string }): unknown[] => {
      const { id: who = id, name = 'n', peer = 'n:1' } = more;
      return [who, name, '', 1, peer, '', 'first'];
    };
    expect(askingFrom(id, body({}))).toMatchObject({ member: { id, name: 'n', peer: 'n:1' }, mode: 'auto' });
    expect(() => askingFrom(id, body({ id: other }))).toThrow(malformed);
    expect(() => askingFrom('zz', body({ id: 'zz' }))).toThrow(malformed);
    expect(() => askingFrom(id, body({ name: 'n'.repeat(257) }))).toThrow(malformed);
    expect(() => askingFrom(id, body({ peer: 'nowhere' }))).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });
});

describe('a node that asks', () => {
  const told = (answer: RpcAnswer): RemotePeers =>
    new RemotePeers({
      endpoint: { request: () => Promise.resolve(answer) },
      state: () => stateOf(3, [0, 1, 2]),
      timeoutMs: 100,
      timers: { turn: () => Promise.resolve() },
    });

  it('refuses answers that do not add up', async () => {
    await expect(told({ body: [2 ** 50], values: [] }).page(idOf(1), [[0, 1]], undefined)).rejects.toEqual(malformed);
    const order = { bucket: 'b', prefix: new Uint8Array(), after: undefined, limit: 1 };
    await expect(told({ body: [7], values: [bytes('k')] }).keys(idOf(1), order, [])).rejects.toEqual(malformed);
    const object = { objectKey: bytes('k'), hash: { high: 1, low: 2 } };
    await expect(told({ body: [1], values: [] }).lacking(idOf(1), [object])).rejects.toEqual(malformed);
    expect(await told({ body: [0], values: [] }).lacking(idOf(1), [object])).toEqual([0]);
    await expect(told({ body: null, values: [] }).digests(idOf(1), [bytes('k')])).rejects.toEqual(malformed);
    await expect(told({ body: null, values: [new Uint8Array(8)] }).digests(idOf(1), [bytes('k')])).rejects.toEqual(malformed);
    expect(await told({ body: null, values: [new Uint8Array(9)] }).digests(idOf(1), [bytes('k')])).toEqual([undefined]);
  });

  it('does not turn in a circle with a source that never comes to an end', async () => {
    const among = await new AmongPeers(stateOf(3, [0, 1, 2])).start();
    let pages = 0;
    among.peers = { ...among.peers, page: async () => ({ records: [], cursor: bytes(pages++ < 50 ? 'here' : 'there') }) };
    const from = { source: idOf(1), ranges: [[0, 1] as const] };
    const progress = { objects: 0, bytes: 0, cursor: undefined };
    const pace = new Pace(among.core.environment, 1e9);
    await expect(among.run(takeOver(among.core, from, { progress, pace }))).rejects.toEqual(malformed);
    expect(pages).toBe(2);
  });
});
