/**
 * The ring log's rules for a cluster: how states and decisions lie in bytes, who votes, and what a decision does.
 *
 * ```
 *  decision = JSON, UTF-8: {"kind":"join","member":{…},"moves":…}        its id is the log's
 *  state    = JSON, UTF-8: {"format":2,"clusterId":…,"level":2,"ring":{"replicas":…},"members":[…],…}
 *
 *  replicas, moves   up to level 1 numbers ([[0,[1,2,3]],…], format 1), then packed (`packed-lists.ts`, format 2)
 * ```
 *
 * Both are rare and small, and an operator may want to read them. Either form is read at any level.
 */
import { equalBytes } from '@coterie/bytes';
import { assert, CoterieError } from '@coterie/env';
import { type Decision as LoggedDecision, type Refusal, type Rules, type Steward as Seat } from '@coterie/consensus';
import type { Ring } from '@coterie/ring';
import { checkForm } from './decision-form.ts';
import { type Decision, decide } from './decisions.ts';
import { checkLevelKnown, firstLevel, newestLevel, packedListsLevel } from './level.ts';
import { packLists, packMoves, unpackLists, unpackMoves } from './packed-lists.ts';
import type { Aim, Change, ClusterState, DecidedBucket } from './state.ts';

/** Format of a state whose lists are numbers, and of one whose lists are packed. */
const plainFormat = 1;
const packedFormat = 2;
const utf8 = { encode: (text: string) => new TextEncoder().encode(text), decode: (bytes: Uint8Array) => new TextDecoder().decode(bytes) };

/** How clusters decide, for a node that goes up to this level: a state beyond it is `UNSUPPORTED_FORMAT`. */
export function rulesUpTo(levelMax: number): Rules<ClusterState> {
  const applyAnew = (state: ClusterState, decision: LoggedDecision): ClusterState | Refusal =>
    checkLevelKnown(decide(state, decodeDecision(decision)), levelMax);
  return {
    stewardsOf: (state): readonly Seat[] => state.stewards.map(({ id, acceptor }) => ({ node: id, incarnation: acceptor })),
    apply: rememberLast(applyAnew),
    encodeState,
    decodeState: (bytes): ClusterState => checkLevelKnown(decodeState(bytes), levelMax),
  };
}

/**
 * The same function, which knows its last result: a member asks what comes of one decision when it proposes, votes and
 * hears of it, and with a move for each of a thousand partitions every answer takes milliseconds.
 */
function rememberLast(apply: Rules<ClusterState>['apply']): Rules<ClusterState>['apply'] {
  let last: { readonly state: ClusterState; readonly decision: LoggedDecision; readonly result: ClusterState | Refusal } | undefined;
  return (state, decision) => {
    const isSame = last?.state === state && last.decision.id === decision.id && equalBytes(last.decision.content, decision.content);
    if (last !== undefined && isSame) return last.result;
    const result = apply(state, decision);
    last = { state, decision: { id: decision.id, content: decision.content.slice() }, result };
    return result;
  };
}

/** How clusters decide, at all levels that this version knows. */
export const clusterRules: Rules<ClusterState> = rulesUpTo(newestLevel);

/** The decision as the log of a cluster at this level keeps it. */
export function encodeDecision(decision: Decision, level: number): LoggedDecision {
  const { id, ...content } = decision;
  const packed = 'moves' in content && level >= packedListsLevel ? { ...content, moves: packMoves(content.moves) } : content;
  return { id, content: utf8.encode(JSON.stringify(packed)) };
}

/** The decision that the log kept. @throws `CORRUPTION` */
export function decodeDecision({ id, content }: LoggedDecision): Decision {
  const said = parse(content) as { readonly moves?: unknown };
  const plain = typeof said.moves === 'string' ? { ...said, moves: unpackMoves(said.moves) } : said;
  return { ...(checkForm(plain) as Omit<Decision, 'id'>), id } as Decision;
}

type StoredMoves = { readonly moves: string | readonly (readonly [number, readonly number[]])[] };
type StoredRing = Omit<Ring, 'replicas'> & { readonly replicas: string | Ring['replicas'] };

interface StoredState extends Omit<ClusterState, 'changes' | 'buckets' | 'ring' | 'level'> {
  readonly format: number;
  /** Absent at the first level. */
  readonly level?: number;
  readonly ring: StoredRing;
  readonly changes?: readonly (Omit<Change, 'moves'> & StoredMoves)[];
  /** Written when there was one change at most, and it was a join. */
  readonly change?: Pick<Change, 'id' | 'phase'> & StoredMoves & { readonly member: string };
  readonly buckets: readonly (readonly [string, DecidedBucket])[];
}

function encodeState(state: ClusterState): Uint8Array {
  const { changes, buckets, ring, ...rest } = state;
  const isPacked = state.level >= packedListsLevel;
  const stored: StoredState = {
    format: isPacked ? packedFormat : plainFormat,
    ...rest,
    ring: isPacked ? { ...ring, replicas: packLists(ring.replicas) } : ring,
    changes: changes.map((change) => ({ ...change, moves: isPacked ? packMoves([...change.moves]) : [...change.moves] })),
    buckets: [...buckets],
  };
  return utf8.encode(JSON.stringify(stored));
}

function decodeState(bytes: Uint8Array): ClusterState {
  const { format, change, changes, buckets, ring: storedRing, level = firstLevel, ...rest } = parse(bytes) as StoredState;
  if (format !== plainFormat && format !== packedFormat)
    throw new CoterieError('UNSUPPORTED_FORMAT', `a state of the ring log has format ${format}`);
  const replicas = typeof storedRing?.replicas === 'string' ? unpackLists(storedRing.replicas) : storedRing?.replicas;
  const ring = { ...storedRing, replicas };
  const isWhole = replicas?.length === ring.partitions && rest.members?.length === ring.members?.length;
  if (!isWhole) throw new CoterieError('CORRUPTION', 'a state of the ring log does not add up');
  const join: readonly Aim[] = change === undefined ? [] : [{ kind: 'join', member: change.member }];
  const former = change === undefined ? [] : [{ id: change.id, phase: change.phase, aims: join, moves: change.moves }];
  return {
    ...noneOfThese,
    ...rest,
    level,
    ring,
    changes: [...former, ...(changes ?? [])].map((one) => ({ ...one, moves: movesIn(one) })),
    buckets: new Map(buckets),
  };
}

function movesIn({ moves }: StoredMoves): Change['moves'] {
  return new Map(typeof moves === 'string' ? unpackMoves(moves) : moves);
}

/** What states did not say when members could only join. */
const noneOfThese: Pick<ClusterState, 'staged' | 'leaving' | 'lost' | 'former'> = { staged: [], leaving: [], lost: [], former: [] };

function parse(bytes: Uint8Array): unknown {
  try {
    const value: unknown = JSON.parse(utf8.decode(bytes));
    assert(typeof value === 'object' && value !== null, 'the ring log holds objects');
    return value;
  } catch (cause) {
    throw new CoterieError('CORRUPTION', 'the ring log holds something that is not JSON', { cause });
  }
}
