/**
 * Whether the content of a decision has the form of its kind: what another node proposes or sends may be anything, and
 * `decide` reads it as if it were what its type says. Fields that are not named here are a later version's, and let be.
 *
 * ```
 *   bytes ──JSON──▶ anything ──form──▶ Decision ──decide──▶ state, or a refusal
 * ```
 *
 * A kind that is not named here is left to `decide`, which says that it does not know it.
 */
import { CoterieError } from '@coterie/env';

/** What is wrong with a value, by where in it; undefined if nothing is. */
type Form = (value: unknown, where: string) => string | undefined;

/** Longest text in a decision: names, addresses, zones, ids. */
const textMax = 256;
/** Partitions that a ring may have, and what may move at once. */
const movesMax = 65_536;
const holdersMax = 64;
const wishesMax = 10_000;

const text: Form = (value, where) => (typeof value === 'string' && value.length <= textMax ? undefined : where);
const whole: Form = (value, where) => (Number.isSafeInteger(value) && (value as number) >= 0 ? undefined : where);
const flag: Form = (value, where) => (typeof value === 'boolean' ? undefined : where);
const memberId: Form = (value, where) => (typeof value === 'string' && /^[0-9a-f]{16}$/.test(value) ? undefined : where);
const anyRecord: Form = (value, where) => (isRecord(value) ? undefined : where);

const moves = list(pair(whole, list(whole, holdersMax)), movesMax);
const wholeIfAny: Form = (value, where) => (value === undefined ? undefined : whole(value, where));
const idIfAny: Form = (value, where) => (value === undefined ? undefined : memberId(value, where));
const reached = { id: memberId, peer: text, http: text, acceptor: text, level: wholeIfAny };
const member = record({ ...reached, name: text, zone: text, weight: whole });
const wish = byKind({
  join: record({ member }),
  leave: record({ id: memberId }),
  remove: record({ id: memberId }),
  replace: record({ id: memberId, by: member, isLost: flag }),
  weight: record({ id: memberId, weight: whole }),
});

const decision = byKind({
  join: record({ member, plannedFor: whole, moves }),
  begin: record({ wishes: list(wish, wishesMax), plannedFor: whole, moves }),
  advance: record({ change: text, from: text }),
  abort: record({ change: text }),
  stage: record({ wish: both(wish, record({ stagedBy: idIfAny, stagedAtMs: wholeIfAny })) }),
  unstage: record({}),
  lose: record({ member: memberId }),
  left: record({ member: memberId }),
  member: record({ member: record(reached) }),
  level: record({ level: whole }),
  bucket: record({ name: text, given: anyRecord, used: flag }),
  drop: record({ name: text }),
});

/** Passes on a decision's content that has the form of its kind. @throws `CORRUPTION` naming the part that has not */
export function checkForm<Content>(content: Content): Content {
  const wrong = decision(content, 'it');
  if (wrong === undefined) return content;
  throw new CoterieError('CORRUPTION', `a decision of the ring log is not of the form of its kind: ${wrong}`);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function record(forms: Readonly<Record<string, Form>>): Form {
  return (value, where) =>
    isRecord(value) ? first(Object.entries(forms), ([name, form]) => form(value[name], `${where}.${name}`)) : where;
}

function list(form: Form, most: number): Form {
  return (value, where) => (Array.isArray(value) && value.length <= most ? first(value, (one: unknown) => form(one, `${where}[]`)) : where);
}

function pair(one: Form, other: Form): Form {
  return (value, where) =>
    Array.isArray(value) && value.length === 2 ? (one(value[0], `${where}[0]`) ?? other(value[1], `${where}[1]`)) : where;
}

function both(one: Form, other: Form): Form {
  return (value, where) => one(value, where) ?? other(value, where);
}

/** Kinds that are not named are right whatever they hold. */
function byKind(kinds: Readonly<Record<string, Form>>): Form {
  return (value, where) => {
    if (!isRecord(value) || typeof value['kind'] !== 'string') return `${where}.kind`;
    const { kind } = value;
    return Object.hasOwn(kinds, kind) ? kinds[kind](value, where) : undefined;
  };
}

/** The first fault among these. */
function first<T>(values: Iterable<T>, faultOf: (value: T) => string | undefined): string | undefined {
  for (const value of values) {
    const fault = faultOf(value);
    if (fault !== undefined) return fault;
  }
  return undefined;
}
