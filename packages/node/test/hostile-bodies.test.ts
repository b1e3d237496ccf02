/**
 * Messages of peers, made up or spoilt: every method answers each with an answer or a typed error, nothing else, and a
 * store that was asked such things is as it was, but for what was whole.
 */
import { isCoterieError } from '@coterie/env';
import type { IncomingRequest, RpcAnswer } from '@coterie/rpc';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { askingFrom } from '../src/cluster/door.ts';
import { placeOf } from '../src/core.ts';
import { EpochGate } from '../src/peers/epoch-gate.ts';
import { addressFrom, scopeOf } from '../src/store/layout.ts';
import { addressSeed, decodeObject, encodeObject } from '../src/objects/object.ts';
import { peerHandlers, RemotePeers } from '../src/peers/remote.ts';
import { decodeCopy, hashOfRecord } from '../src/replica/stored-copy.ts';
import { PeerService } from '../src/peers/serve.ts';
import { openFields, openReply } from '../src/peers/wire.ts';
import { AmongPeers, idOf, stateOf } from './among-peers.ts';
import { bytes } from './world.ts';

const long = process.env['COTERIE_LONG'] !== undefined;
const numRuns = long ? 20_000 : 600;

/** Whatever a body can hold. */
const body: fc.Arbitrary<unknown> = fc.letrec<{ any: unknown }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.constantFrom(null, true, false, 0, -1, 1.5, 2 ** 40, Number.MAX_SAFE_INTEGER, NaN, '', 'b', '*', idOf(1), idOf(2)),
    fc.double(),
    fc.integer(),
    fc.string({ maxLength: 20, unit: 'binary' }),
    fc.array(tie('any'), { maxLength: 10 }),
  ),
})).any;

/** What may stand beside it: any bytes, and now and then an address or an object, whole or with a byte changed. */
function values(real: readonly Uint8Array[]): fc.Arbitrary<Uint8Array[]> {
  const spoilt = fc.tuple(fc.constantFrom(...real), fc.nat(), fc.nat(255)).map(([whole, at, byte]) => {
    const copy = whole.slice();
    copy[at % copy.length] = byte;
    return copy;
  });
  return fc.array(fc.oneof(fc.constantFrom(...real), spoilt, fc.uint8Array({ maxLength: 40 })), { maxLength: 4 });
}

/** The code of a typed error, or `answered`. Anything else is what these tests look for. */
async function outcomeOf(work: () => unknown): Promise<string> {
  try {
    await work();
    return 'answered';
  } catch (error) {
    if (!isCoterieError(error)) throw error;
    return error.code;
  }
}

/** What each method is asked by those who mean well. */
const wellMeant: Readonly<Record<string, readonly unknown[]>> = {
  read: [[idOf(1)]],
  merge: [null, false],
  merges: [null],
  put: ['b', ['text/plain', null, 'op', 1000, 1, 0, 500, '*', null]],
  delete: ['b', [null, null, 'op', null, 1, 0, 500, null, 'etag']],
  page: [
    [0, 1],
    [3, 9],
  ],
  lacking: [[1, 2]],
  keys: ['b', 10, [idOf(1)]],
  buckets: [],
  clock: [],
  barrier: [1],
  'taken-over': ['join-1'],
};

/** `real`, with anything in one place of it, at one of two depths. */
function near(real: readonly unknown[]): fc.Arbitrary<unknown> {
  const at = fc.nat(Math.max(0, real.length - 1));
  const changed = fc.tuple(at, body).map(([place, other]) => real.map((one, i) => (i === place ? other : one)));
  const inside = fc
    .tuple(at, fc.nat(8), body)
    .map(([place, deeper, other]) =>
      real.map((one, i) => (i === place && Array.isArray(one) ? one.map((part: unknown, j) => (j === deeper ? other : part)) : one)),
    );
  return fc.oneof(fc.constant(real), changed, inside);
}

/** A node among others that holds one key, and its methods. */
async function answering() {
  const among = await new AmongPeers(stateOf(3, [0, 1, 2])).start();
  among.keepAll();
  await among.put('v', { w: 1 });
  const place = placeOf(among.core, 'b', bytes('k'));
  const object = await among.run(among.core.local.read(place));
  const passedOn: unknown[] = [];
  const take = (request: unknown): Promise<never> => {
    passedOn.push(request);
    return Promise.reject(new Error('no write comes here'));
  };
  const service = new PeerService(among.core, new EpochGate(() => among.state.ringEpoch));
  const handlers = peerHandlers({ service, put: take, delete: take, missing: () => '' });
  const { objectKey } = place.address;
  return { among, place, passedOn, handlers, real: [objectKey, encodeObject(object, addressSeed(objectKey))] };
}

describe('a method of a node', () => {
  it.each(['read', 'merge', 'merges', 'page', 'digests', 'lacking', 'keys', 'buckets', 'clock', 'barrier', 'taken-over'])(
    '%s answers anything in a typed way, and changes nothing that it should not',
    async (method) => {
      const { among, place, handlers, real } = await answering();
      const before = await among.run(among.core.local.read(place));
      const outcomes = new Set<string>();
      await fc.assert(
        fc.asyncProperty(fc.oneof(body, near(wellMeant[method] ?? [])), values(real), async (said, beside) => {
          const request = { from: { id: idOf(1) }, epoch: 1, body: said, values: beside, deadlineMs: Infinity };
          const outcome = await outcomeOf(() => among.run(Promise.resolve(handlers[method](request as unknown as IncomingRequest))));
          expect(outcome).toMatch(/^(answered|PROTOCOL|CORRUPTION|UNSUPPORTED_FORMAT|NOT_READY|STALE_RING|INVALID_ARGUMENT|TOO_LARGE)$/);
          outcomes.add(outcome);
        }),
        // Chance alone seldom asks as those do who mean well.
        { numRuns, examples: [[wellMeant[method] ?? [], real]] },
      );
      expect(await among.run(among.core.local.read(place))).toEqual(before);
      expect(outcomes).toContain('answered');
    },
  );

  it.each(['put', 'delete'])('%s passes on only what has the form of a write', async (method) => {
    const { handlers, passedOn } = await answering();
    await fc.assert(
      fc.asyncProperty(fc.oneof(body, near(wellMeant[method] ?? [])), values([bytes('k')]), async (said, beside) => {
        const request = { from: { id: idOf(1) }, epoch: 1, body: said, values: beside, deadlineMs: Infinity };
        const outcome = await outcomeOf(async () => {
          await handlers[method](request as unknown as IncomingRequest)?.catch((error: unknown) => {
            if (!/no write comes here/.test(String(error))) throw error;
          });
        });
        expect(outcome).toMatch(/^(answered|PROTOCOL)$/);
      }),
      { numRuns },
    );
    const forms: Record<string, string> = { bucket: 'string', ttlMs: 'number', w: 'number', operation: 'string', context: 'string' };
    for (const request of passedOn as Record<string, unknown>[]) {
      expect(request['key']).toBeInstanceOf(Uint8Array);
      for (const [name, form] of Object.entries(forms)) expect(['undefined', form]).toContain(typeof request[name]);
    }
    expect(passedOn.length).toBeGreaterThan(0);
  });
});

describe('an answer of a node', () => {
  it('that is anything at all is refused in a typed way, or is one', async () => {
    const { among, place, real } = await answering();
    const address = { objectKey: place.address.objectKey, hash: { high: 1, low: 2 } };
    await fc.assert(
      fc.asyncProperty(body, values(real), async (said, beside) => {
        const answer: RpcAnswer = { body: said, values: beside };
        const peers = new RemotePeers({
          endpoint: { request: () => Promise.resolve(answer) },
          state: () => among.state,
          timeoutMs: 100,
          timers: { turn: () => Promise.resolve() },
        });
        const order = { bucket: 'b', prefix: new Uint8Array(), after: undefined, limit: 10 };
        const calls = [
          () => peers.read(idOf(1), place, []),
          () => peers.put(idOf(1), { bucket: 'b', key: bytes('k'), value: bytes('v') }),
          () => peers.page(idOf(1), [[0, 1]], undefined),
          () => peers.digests(idOf(1), [address.objectKey]),
          () => peers.lacking(idOf(1), [address]),
          () => peers.keys(idOf(1), order, []),
          () => peers.usedBuckets(idOf(1)),
          () => peers.clock(idOf(1)),
        ];
        for (const call of calls) expect(await outcomeOf(call)).toMatch(/^(answered|PROTOCOL|CORRUPTION|UNSUPPORTED_FORMAT)$/);
      }),
      { numRuns: Math.ceil(numRuns / 3) },
    );
  });
});

describe('what lies in a message', () => {
  it('is decoded, or refused in a typed way', async () => {
    const { place, real } = await answering();
    const seed = addressSeed(place.address.objectKey);
    const decoders: ((said: unknown, raw: Uint8Array) => unknown)[] = [
      (said) => openFields(said),
      (said) => openReply(said),
      (said) => askingFrom(idOf(1), said),
      (_, raw) => addressFrom(raw),
      (_, raw) => scopeOf(raw),
      (_, raw) => hashOfRecord(raw, seed),
      (_, raw) => decodeObject(raw, 0, seed),
      (_, raw) => decodeCopy(raw, seed),
    ];
    await fc.assert(
      fc.asyncProperty(body, values(real), async (said, [raw = new Uint8Array()]) => {
        for (const decode of decoders) {
          expect(await outcomeOf(() => decode(said, raw))).toMatch(/^(answered|PROTOCOL|CORRUPTION|UNSUPPORTED_FORMAT|INVALID_ARGUMENT)$/);
        }
      }),
      { numRuns: 3 * numRuns },
    );
  });
});
