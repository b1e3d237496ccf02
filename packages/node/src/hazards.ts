/**
 * Safeguards that can be switched off, one by one, for tests of the store itself: a scenario of a known way to lose data
 * has to fail without the fix that it is there for, or it shows nothing.
 *
 * ```
 *   NodeOptions.hazards ──checkHazards──▶ Hazards ──▶ read once, where the part that keeps the promise is made
 *                                          └ none: every promise of the store holds
 * ```
 *
 * No setting of the server reaches these. What a part does without its fix stands here, so that the part itself reads as
 * if there were no hazards. Each is named after what goes wrong; the number is that of the scenario, under
 * `packages/simulator/test/cluster/loss-scenarios/`.
 */
import { type Clock, CoterieError } from '@coterie/env';
import type { Sum64 } from '@coterie/merkle';
import type { Endpoint, Handler } from '@coterie/rpc';
import { Context, DottedSet, type VersionVector } from '@coterie/vector-clock';
import type { KeyTurn, KeyTurns } from './replica/key-locks.ts';
import { writeLeaf, type WriteLeaf } from './anti-entropy/trees.ts';
import type { ClusterState } from './cluster/state.ts';
import { type Conflict, mergeObjects } from './objects/merge.ts';
import type { Core } from './core.ts';
import { ended } from './forgetting/floor.ts';
import { dropBelow } from './forgetting/look.ts';
import { fieldsOf, makePayload } from './objects/payload.ts';
import type { Store } from './store/store.ts';
import type { CausalObject } from './objects/object.ts';

/** Each is true in a node that does without a safeguard. */
export interface Hazards {
  /** Scenario 1: a context is a plain clock of the whole object. It replaces all siblings or, if any of them is newer, none. */
  readonly mergedClockOnly: boolean;
  /** Scenario 3: each store drops tombstones by itself as soon as it looks, and lets in whatever comes. */
  readonly reapsAlone: boolean;
  /** Scenario 4: a value that arrives has its whole time to live before it again. */
  readonly expiryFromArrival: boolean;
  /** Scenario 5: in `lww` buckets the coordinator's wall clock decides alone, whatever the writer had seen. */
  readonly wallClockWins: boolean;
  /** Scenario 6: what a store keeps for others is noted in memory alone: after a restart nobody sends it. */
  readonly hintsInMemory: boolean;
  /** Scenario 10: the sum of a leaf is written after the object, not with it. */
  readonly leavesApart: boolean;
  /** Scenario 9: ids of operations are not looked at: whatever asks for a write is a write of its own. */
  readonly everyTryAWrite: boolean;
  /** Scenario 11: every store cuts the clock of whatever it merges to a few entries, unasked. */
  readonly prunedClocks: boolean;
  /** Scenario 12: what moves is taken over from the first of its old holders alone. */
  readonly takenFromOne: boolean;
  /** Scenario 13: requests between members carry no epoch, so an older ring is served like the newest. */
  readonly ringOfYesterday: boolean;
  /** Scenario 14: who answers at a member's last address is taken for that member. */
  readonly addressIsIdentity: boolean;
  /** Scenario 14: nobody is told that a disk is slow, read-only, or damages what it is given. */
  readonly silentDisks: boolean;
  /** Scenario 16: hints are sent all at once, and take the place of clients at the node that gets them. */
  readonly unpacedHints: boolean;
  /** Scenario 17: copies are compared when somebody reads them, and not else. */
  readonly onlyReadRepair: boolean;
  /** Scenario 19: a life of the store goes on with one epoch on every key, also where it has given its copy away. */
  readonly oneEpochForEver: boolean;
  /** Scenario 20: nobody waits for anybody else who is about to change the same key. */
  readonly sharedKeyTurn: boolean;
}

/** A node that keeps every promise. */
export const noHazards: Hazards = {
  mergedClockOnly: false,
  reapsAlone: false,
  expiryFromArrival: false,
  hintsInMemory: false,
  wallClockWins: false,
  leavesApart: false,
  everyTryAWrite: false,
  prunedClocks: false,
  takenFromOne: false,
  ringOfYesterday: false,
  addressIsIdentity: false,
  silentDisks: false,
  unpacedHints: false,
  onlyReadRepair: false,
  oneEpochForEver: false,
  sharedKeyTurn: false,
};

/** The hazards that are given, and none besides. @throws `INVALID_ARGUMENT` for a name that is none */
export function checkHazards(given: Partial<Hazards> = {}): Hazards {
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(noHazards, name));
  if (unknown !== undefined) throw new CoterieError('INVALID_ARGUMENT', `${unknown} is not a hazard`);
  return { ...noHazards, ...given };
}

/** Scenario 20: everybody has the turn at once, and nobody knows of another's batch in flight. */
export function openTurns<State>(): KeyTurns<State> {
  const turn: KeyTurn<State> = { latest: undefined, find: () => undefined, track: () => (): void => undefined, leave: () => undefined };
  return { bounds: {}, enter: () => turn };
}

/** Scenarios 1 and 5: what a write's context counts for. */
export function contextUnder(
  { mergedClockOnly, wallClockWins }: Hazards,
  seen: Context,
  on: { readonly local: CausalObject; readonly conflict: Conflict },
): Context {
  if (wallClockWins && on.conflict === 'lww') return Context.empty;
  return mergedClockOnly && !coversWhole(seen, on.local.set.clock) ? Context.empty : seen;
}

function coversWhole(seen: Context, clock: VersionVector): boolean {
  return clock.entries.every((entry) => seen.covers(entry));
}

/** Scenario 5: stamps straight from the wall clock. */
export function wallClockStamps(clock: Clock): { next(seen: number): number } {
  return { next: () => clock.now() * 1000 };
}

/** Scenario 10: the sum of a leaf is written in a batch of its own, once the object's is on the disk. */
export function writeApart(store: Store): WriteLeaf {
  return (_batch, passingKey, sum) => {
    const key = passingKey.slice();
    // The object's own batch is committed in this turn, before the microtasks.
    queueMicrotask(() => void writeLate(store, key, sum).catch(() => undefined));
  };
}

async function writeLate(store: Store, key: Uint8Array, sum: Sum64): Promise<void> {
  const before = store.batch();
  // No record has this key: the batch only waits its turn.
  before.delete(key.subarray(0, 1));
  await before.commit({ durable: true });
  const late = store.batch();
  writeLeaf(late, key, sum);
  await late.commit({ durable: false });
}

/** Scenario 11: entries that are left of a clock when objects meet. */
const entriesLeft = 8;

/** Scenario 11: merges two copies, and forgets the oldest of what they know. */
export function mergeAndPrune(a: CausalObject, b: CausalObject, conflict: Conflict): CausalObject {
  const merged = mergeObjects(a, b, conflict);
  return { ...merged, set: merged.set.truncate(entriesLeft) };
}

/** Scenario 12: a ring in which nobody but the first holder has anything to give. */
export function firstHoldersOnly(state: ClusterState): ClusterState {
  return { ...state, ring: { ...state.ring, replicas: state.ring.replicas.map((holders) => holders.slice(0, 1)) } };
}

/** Scenario 14: a door through which nobody looks who it is that answers. */
export function whoeverAnswers(endpoint: Pick<Endpoint, 'request'>): Pick<Endpoint, 'request'> {
  return {
    request: (address, { method, epoch, body, values }, options) =>
      endpoint.request(address, { method, epoch, body, ...(values === undefined ? {} : { values }) }, options),
  };
}

/** Scenario 16: all hints are read and sent at once. */
export const noPace: { readonly pageHints: number; readonly window: number } = { pageHints: 100_000, window: 100_000 };

/** A node that lets work in under the limits that clients have. */
interface Admitting {
  amongClients<T>(bytes: number, work: () => Promise<T>): Promise<T>;
}

/** Scenario 16: what other nodes bring counts like a client's request. */
export function takingTurnsWithClients(handlers: Readonly<Record<string, Handler>>, node: Admitting): Readonly<Record<string, Handler>> {
  const { merge } = handlers;
  if (merge === undefined) return handlers;
  return { ...handlers, merge: (request) => node.amongClients(request.values[1]?.length ?? 0, async () => merge(request)) };
}

/** Scenario 3: below this floor lies whatever any store ever wrote. */
class EveryLife extends Map<string, number> {
  override get(): number {
    return ended;
  }
}

/** Scenario 3: drops every tombstone of this store, as if everybody had agreed. */
export async function reapAlone(core: Core): Promise<number> {
  let dropped = 0;
  const common = {
    floor: { round: 1, upTo: new EveryLife() },
    before: { expiredMs: core.environment.clock.now() },
    state: 'settled' as const,
  };
  for (let partition = 0; partition < core.cluster.state.ring.partitions; partition++) {
    const floors = core.buckets.list().map(({ name, generation }) => ({ partition, bucket: name, generation, ...common }));
    dropped += await dropBelow(core, partition, floors);
  }
  return dropped;
}

/** Scenario 4: the object as if each of its values had been written now. */
export function leasedAnew(object: CausalObject, seed: number, nowMs: number): CausalObject {
  const siblings = object.set.siblings.map(({ dot, value }) => {
    const { expiresAt, writtenAt } = value;
    return {
      dot,
      value: expiresAt === undefined ? value : makePayload({ ...fieldsOf(value), expiresAt: nowMs + expiresAt - writtenAt }, seed),
    };
  });
  return { ...object, set: DottedSet.of(object.set.clock, siblings, object.set.cloud) };
}
