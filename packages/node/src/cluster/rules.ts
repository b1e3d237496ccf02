/**
 * The ring log's rules for a cluster: how states and decisions lie in bytes, who votes, and what a decision does.
 *
 * ```
 *  decision = JSON, UTF-8: {"kind":"join","member":{…}}        its id is the log's
 *  state    = JSON, UTF-8: {"format":1,"clusterId":…,"ring":{…},"members":[…],…}
 * ```
 *
 * Both are rare and small, and an operator may want to read them.
 */
import { assert, CoterieError } from '@coterie/env';
import { type Decision as LoggedDecision, type Refusal, type Rules, type Steward as Seat } from '@coterie/consensus';
import { checkForm } from './decision-form.ts';
import { type Decision, decide } from './decisions.ts';
import type { Aim, Change, ClusterState, DecidedBucket } from './state.ts';

const stateFormat = 1;
const utf8 = { encode: (text: string) => new TextEncoder().encode(text), decode: (bytes: Uint8Array) => new TextDecoder().decode(bytes) };

/** How clusters decide. */
export const clusterRules: Rules<ClusterState> = {
  stewardsOf: (state): readonly Seat[] => state.stewards.map(({ id, acceptor }) => ({ node: id, incarnation: acceptor })),
  apply: (state, decision): ClusterState | Refusal => decide(state, decodeDecision(decision)),
  encodeState,
  decodeState,
};

/** The decision as the log keeps it. */
export function encodeDecision(decision: Decision): LoggedDecision {
  const { id, ...content } = decision;
  return { id, content: utf8.encode(JSON.stringify(content)) };
}

/** The decision that the log kept. @throws `CORRUPTION` */
export function decodeDecision({ id, content }: LoggedDecision): Decision {
  const said = checkForm(parse(content)) as Omit<Decision, 'id'>;
  return { ...said, id } as Decision;
}

type StoredMoves = { readonly moves: readonly (readonly [number, readonly number[]])[] };

interface StoredState extends Omit<ClusterState, 'changes' | 'buckets'> {
  readonly format: number;
  readonly changes?: readonly (Omit<Change, 'moves'> & StoredMoves)[];
  /** Written when there was one change at most, and it was a join. */
  readonly change?: Pick<Change, 'id' | 'phase'> & StoredMoves & { readonly member: string };
  readonly buckets: readonly (readonly [string, DecidedBucket])[];
}

function encodeState(state: ClusterState): Uint8Array {
  const { changes, buckets, ...rest } = state;
  const stored: StoredState = {
    format: stateFormat,
    ...rest,
    changes: changes.map((change) => ({ ...change, moves: [...change.moves] })),
    buckets: [...buckets],
  };
  return utf8.encode(JSON.stringify(stored));
}

function decodeState(bytes: Uint8Array): ClusterState {
  const { format, change, changes, buckets, ...rest } = parse(bytes) as StoredState;
  if (format !== stateFormat) throw new CoterieError('UNSUPPORTED_FORMAT', `a state of the ring log has format ${format}`);
  const isWhole = rest.ring?.replicas?.length === rest.ring?.partitions && rest.members?.length === rest.ring?.members?.length;
  if (!isWhole) throw new CoterieError('CORRUPTION', 'a state of the ring log does not add up');
  const join: readonly Aim[] = change === undefined ? [] : [{ kind: 'join', member: change.member }];
  const former = change === undefined ? [] : [{ id: change.id, phase: change.phase, aims: join, moves: change.moves }];
  return {
    ...noneOfThese,
    ...rest,
    changes: [...former, ...(changes ?? [])].map((one) => ({ ...one, moves: new Map(one.moves) })),
    buckets: new Map(buckets),
  };
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
