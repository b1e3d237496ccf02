/** Random messages, and what they are made of. */
import fc from 'fast-check';
import type { Envelope, Introduction, MemberRecord, Message, SummaryLine } from '../src/message.ts';
import type { Profile } from '../src/profile.ts';
import { memberStates, type Standing, witnessesMax } from '../src/standing.ts';

const u32 = fc.nat(2 ** 32 - 1);
const word = u32.map((value) => value.toString(16).padStart(8, '0'));
/** A member's id. */
export const id: fc.Arbitrary<string> = fc
  .tuple(word, word)
  .map(([high, low]) => (`${high}${low}` === '0'.repeat(16) ? '1'.repeat(16) : high + low));
const incarnation = fc.oneof(fc.nat(5), fc.nat(2 ** 48 - 1), fc.constant(2 ** 48 - 1));
const address = fc
  .tuple(fc.constantFrom('10.0.0.1', 'localhost', '[::1]', 'knoten-ä.example', 'h'.repeat(250)), fc.integer({ min: 1, max: 65_535 }))
  .map(([host, port]) => `${host}:${port}`);
const extensions = fc
  .uniqueArray(fc.tuple(fc.string({ minLength: 1, maxLength: 6 }), fc.string({ maxLength: 6 })), {
    maxLength: 5,
    selector: ([name]) => name,
  })
  .map((entries) => new Map(entries));

/** What is believed of somebody. */
export const standing: fc.Arbitrary<Standing> = fc
  .record({ incarnation, state: fc.constantFrom(...memberStates), by: fc.uniqueArray(id, { maxLength: witnessesMax }) })
  .map(({ incarnation, state, by }) => ({ incarnation, state, witnesses: state === 'suspect' || state === 'dead' ? by.toSorted() : [] }));

/** The profile of a member with this id. */
export const profileOf = (memberId: string): fc.Arbitrary<Profile> =>
  fc.record({
    id: fc.constant(memberId),
    incarnation,
    address,
    zone: fc.constantFrom('', 'dc1/rack 2', 'z'.repeat(128)),
    weight: fc.nat(1_000_000),
    extensions,
  });

/** What is told of a member. */
export const record: fc.Arbitrary<MemberRecord> = id.chain((memberId) =>
  fc.oneof(
    fc.record({ id: fc.constant(memberId), standing }),
    fc.record({ id: fc.constant(memberId), standing, profile: profileOf(memberId) }),
  ),
);

const records = fc.array(record, { maxLength: 1 });
const line: fc.Arbitrary<SummaryLine> = fc.record({
  id,
  incarnation,
  profileIncarnation: incarnation,
  state: fc.constantFrom(...memberStates),
});
const summary: fc.Arbitrary<Message> = fc
  .record({
    rest: fc.constantFrom('more' as const, 'none' as const),
    lines: fc.uniqueArray(line, { maxLength: 60, selector: (one) => one.id }),
  })
  .map(({ rest, lines }) => ({
    kind: 'summary',
    rest,
    after: '0'.repeat(16),
    to: 'f'.repeat(16),
    lines: lines.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
  }));
const hashes = fc.integer({ min: 0, max: 8 }).chain((bits) => fc.uint32Array({ minLength: 2 ** bits, maxLength: 2 ** bits }));

function messageFrom(sender: string): fc.Arbitrary<Message> {
  const from: fc.Arbitrary<Introduction> = fc.record({ standing, profile: profileOf(sender), heartbeat: u32, epoch: u32 });
  return fc.oneof(
    fc.record({
      kind: fc.constant('ping' as const),
      seq: u32,
      target: fc.oneof(id, fc.constant('0'.repeat(16))),
      from,
      records: fc.constant([]),
    }),
    fc.record({ kind: fc.constant('ack' as const), seq: u32, from, records: fc.constant([]) }),
    fc.record({ kind: fc.constant('relay' as const), seq: u32, target: id, address, records }),
    fc.record({
      kind: fc.constant('report' as const),
      seq: u32,
      outcome: fc.constantFrom('answered' as const, 'silent' as const),
      records,
    }),
    fc.record({ kind: fc.constantFrom('gossip' as const, 'records' as const), records }),
    fc.record({ kind: fc.constant('digest' as const), hashes }),
    fc.record({ kind: fc.constant('want' as const), ids: fc.array(id, { maxLength: 120 }) }),
    summary,
  );
}

/** A message of any kind, in its envelope. */
export const envelope: fc.Arbitrary<Envelope> = id.chain((sender) =>
  fc.record({ cluster: fc.constantFrom('', 'c', '0123456789abcdef'), sender: fc.constant(sender), message: messageFrom(sender) }),
);
