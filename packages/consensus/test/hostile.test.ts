/** Bytes from anywhere: every message is answered, every answer survived, with a typed error and nothing changed. */
import { CoterieError, errorCodes, isCoterieError } from '@coterie/env';
import { crc32 } from '@coterie/bytes';
import { SeededRandom } from '@coterie/simulator';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contentBytesMax, type DecidedRecord, idsMax, type Snapshot } from '../src/chain.ts';
import type { Page, Position } from '../src/history.ts';
import {
  decodeReply,
  decodeRequest,
  encodeReply,
  encodeRequest,
  type LogReply,
  type LogRequest,
  messageBytesMax,
} from '../src/messages.ts';
import { stateBytesMax } from '../src/rules.ts';
import { Cluster } from './cluster.ts';
import { add, loneLog } from './lone.ts';
import { act } from './team.ts';

const long = process.env['COTERIE_LONG'] !== undefined;
const rounds = long ? 50_000 : 3000;
const identity = { cluster: 'lone', lineage: 'lone' };

const name = fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme-ascii' });
const epoch = fc.maxSafeNat().map((value) => value % 2 ** 48);
const hash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('hex'));
const bytes = fc.uint8Array({ maxLength: 40 });
const ballot = fc.record({ round: epoch, proposer: name });
const decision = fc.record({ id: name, content: bytes });
const position = fc.record({ epoch, hash });
const record: fc.Arbitrary<DecidedRecord> = fc.record({ epoch, previous: hash, decision });
const snapshot: fc.Arbitrary<Snapshot> = fc.record({
  epoch: epoch.map((value) => Math.max(1, value)),
  hash,
  ids: fc.array(fc.record({ id: name, epoch }), { maxLength: 4 }),
  state: bytes,
});
const page: fc.Arbitrary<Page> = fc.record({
  snapshot: fc.option(snapshot, { nil: undefined }),
  records: fc.array(record, { maxLength: 4 }),
  end: position,
});
const request: fc.Arbitrary<LogRequest> = fc.oneof(
  fc.record({
    kind: fc.constant('vote' as const),
    epoch,
    previous: hash,
    request: fc.oneof(
      fc.record({ kind: fc.constant('prepare' as const), ballot }),
      fc.record({ kind: fc.constant('accept' as const), ballot, value: bytes }),
    ),
  }),
  fc.record({ kind: fc.constant('learn' as const), page }),
  fc.record({ kind: fc.constant('pull' as const), after: position }),
  fc.constant({ kind: 'join' as const }),
);
const reply: fc.Arbitrary<LogReply> = fc.oneof(
  fc.record({
    kind: fc.constant('vote' as const),
    reply: fc.oneof(
      fc.record({
        kind: fc.constant('promise' as const),
        ballot,
        accepted: fc.option(fc.record({ ballot, value: bytes }), { nil: undefined }),
      }),
      fc.record({ kind: fc.constant('accepted' as const), ballot }),
      fc.record({ kind: fc.constant('refused' as const), ballot, promised: fc.option(ballot, { nil: undefined }) }),
    ),
  }),
  fc.record({ kind: fc.constant('position' as const), position }),
  fc.record({ kind: fc.constant('page' as const), page }),
  fc.constant({ kind: 'noSeat' as const }),
  fc.record({
    kind: fc.constant('error' as const),
    code: fc.constantFrom(...(Object.keys(errorCodes) as (keyof typeof errorCodes)[])),
    message: name,
  }),
);

/** Bytes that pass the checksum whatever was done to them. */
function sealed(message: Uint8Array): Uint8Array {
  const copy = message.slice();
  if (copy.length >= 5) new DataView(copy.buffer).setUint32(1, crc32(copy.subarray(5)), true);
  return copy;
}

/** A copy with a few bytes changed, cut or added. */
function spoilt(message: Uint8Array, random: SeededRandom): Uint8Array {
  const copy = random.chance(0.2) ? message.slice(0, random.below(message.length + 1)) : message.slice();
  for (let i = random.below(4); i >= 0 && copy.length > 0; i--) copy[random.below(copy.length)] = random.below(256);
  return random.chance(0.1) ? Uint8Array.from([...copy, random.below(256)]) : copy;
}

/** The request, about an epoch that the log at `end` has something to say on. Snapshots are left out: a member's is believed. */
function near(body: LogRequest, end: Position | undefined): LogRequest {
  if (end === undefined || body.kind === 'join') return body;
  if (body.kind === 'pull') return { kind: 'pull', after: { ...body.after, epoch: body.after.epoch % 6 } };
  if (body.kind === 'vote') return { ...body, epoch: 2 + (body.epoch % 4), previous: body.epoch % 2 === 0 ? end.hash : body.previous };
  const records = body.page.records.map((record, i) => ({
    ...record,
    epoch: end.epoch + 1 + i,
    previous: i === 0 ? end.hash : record.previous,
  }));
  return { kind: 'learn', page: { ...body.page, snapshot: undefined, records } };
}

describe('messages', () => {
  it('are read as they were written', () => {
    fc.assert(
      fc.property(request, (body) => {
        expect(decodeRequest(encodeRequest({ identity, body }))).toEqual({ identity, body });
      }),
    );
    fc.assert(
      fc.property(reply, (body) => {
        expect(decodeReply(encodeReply({ identity, body }))).toEqual({ identity, body });
      }),
    );
  });

  it('that are spoilt are refused with a typed error', () => {
    const random = new SeededRandom(1);
    for (const body of fc.sample(request, { numRuns: rounds, seed: 1 })) {
      const message = spoilt(encodeRequest({ identity, body }), random);
      for (const one of [message, sealed(message)]) {
        try {
          decodeRequest(one);
        } catch (error) {
          expect(isCoterieError(error) ? error.code : error).toMatch(/^(PROTOCOL|UNSUPPORTED_FORMAT)$/);
        }
      }
    }
  });

  it('stay below their limit, even the largest', () => {
    const big: Snapshot = {
      epoch: 1,
      hash: '00'.repeat(32),
      ids: Array.from({ length: idsMax }, (_, i) => ({ id: `${i}`.padStart(128, 'x'), epoch: i })),
      state: new Uint8Array(stateBytesMax),
    };
    const end = { epoch: 1, hash: '00'.repeat(32) };
    const message = encodeReply({ identity, body: { kind: 'page', page: { snapshot: big, records: [], end } } });
    expect(message.length).toBeLessThan(messageBytesMax);
    expect(() => decodeReply(new Uint8Array(messageBytesMax + 1))).toThrow(expect.objectContaining({ code: 'TOO_LARGE' }));
    const tooLong = { epoch: 2, previous: end.hash, decision: act('x', { padding: 'x'.repeat(contentBytesMax) }) };
    const page = { snapshot: undefined, records: [tooLong], end };
    expect(() => decodeRequest(encodeRequest({ identity, body: { kind: 'learn', page } }))).toThrow(
      expect.objectContaining({ code: 'PROTOCOL' }),
    );
  });
});

describe('a ring log that hears nonsense', () => {
  it('answers each message, and goes on', async () => {
    const { simulation, log } = await loneLog(1, ['a', 'b']);
    const before = log.digest();
    const random = new SeededRandom(2);
    for (const body of fc.sample(request, { numRuns: rounds / 10, seed: 2 })) {
      const message = spoilt(encodeRequest({ identity, body }), random);
      const answer = decodeReply(await simulation.run(log.handle(random.chance(0.3) ? random.fill(message) : message)));
      expect(answer.body.kind).toBe('error');
    }
    expect(log.digest()).toEqual(before);
    await simulation.run(log.propose(add('c')));
    expect(log.state.words).toEqual(['a', 'b', 'c']);
  });

  it('refuses what is well-formed and false, or stops: its past stays', async () => {
    let stopped = 0;
    for (const [seed, body] of fc.sample(request, { numRuns: rounds / 30, seed: 3 }).entries()) {
      const { simulation, log } = await loneLog(seed, ['a', 'b']);
      const answer = decodeReply(await simulation.run(log.handle(encodeRequest({ identity, body: near(body, log.digest()) }))));
      expect(answer.identity).toEqual(identity);
      expect(log.state.words).toEqual(['a', 'b']);
      if (log.failure === undefined) continue;
      expect(log.failure.code).toBe('CORRUPTION');
      stopped++;
    }
    expect(stopped).toBeGreaterThan(0);
  });

  it('survives answers that are none', async () => {
    const random = new SeededRandom(4);
    const bodies = fc.sample(reply, { numRuns: 400, seed: 4 });
    let at = 0;
    const cluster = new Cluster({ seed: 5, nodes: ['n1', 'n2', 'n3'], log: { attemptsMax: 3 } });
    await cluster.found();
    const n1 = cluster.log('n1');
    const lies = {
      handle: () =>
        Promise.resolve(
          spoilt(encodeReply({ identity: { cluster: 'test', lineage: 'test' }, body: bodies[at++ % bodies.length] }), random),
        ),
    };
    cluster.node('n2').log = lies as never;
    cluster.node('n3').log = lies as never;
    for (let i = 0; i < 20; i++) {
      const outcome = await cluster.until(n1.propose(act(`d${i}`, {}), { timeoutMs: 100 }).catch((error: unknown) => error));
      expect(isCoterieError(outcome)).toBe(true);
      const pulled = await cluster.until(n1.catchUp(['n2']).catch((error: unknown) => error));
      expect(pulled).toBeInstanceOf(CoterieError);
    }
    expect(n1.failure).toBeUndefined();
    expect(n1.epoch).toBe(1);
  });
});
