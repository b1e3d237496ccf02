/**
 * Who gives a write its dot: this node if it holds the key, else the first owner that takes the request, and when none
 * does, this node after all, in an owner's stead. A write always finds a home (P3).
 *
 * ```
 *   holds the key ──▶ here
 *   else            ──▶ owner 1 ──refused or silent──▶ owner 2 ──▶ … ──▶ here, as a hint for an owner
 *   was passed on   ──▶ here, whoever holds it: a request is passed on once
 *   takes no writes ──▶ as if it did not hold the key; then any other node that is up
 *   cannot read it  ──▶ the same
 *   lww, and a clock ──▶ as if it did not hold the key; refused if it was passed on
 *   far from others
 * ```
 *
 * The operation id travels along, so a try that took effect unseen and the next one are one write in the end.
 */
import { CoterieError, isCoterieError } from '@coterie/env';
import type { WriteReply } from '../api.ts';
import type { KeyPlacement } from '../cluster/placement.ts';
import type { Core } from '../core.ts';
import type { Attempt } from './deadlines.ts';
import { mintUntimedOperation } from './operations.ts';
import type { Target } from './pursuit.ts';

/** Where a request came from. */
export type Origin = 'client' | 'peer';

/** How an operation runs here. */
export interface Handling {
  readonly attempt: Attempt;
  readonly origin: Origin;
}

/** The request with an operation id: from now on it may be tried at more than one node. */
export function withOperation<Request extends { readonly operation?: string }>(core: Core, request: Request): Request {
  if (request.operation !== undefined) return request;
  return { ...request, operation: mintUntimedOperation(core.environment.random) };
}

/** Whether this node coordinates by itself: it holds the key, and takes writes like this one. */
function isForHere(core: Core, { placement, mayStamp }: Errand): boolean {
  return takesWrites(core) && placement.owners.includes(core.selfId) && mayStamp;
}

function takesWrites({ store, cluster, selfId }: Core): boolean {
  return store.failure === undefined && cluster.writeStanding(selfId) !== 'down';
}

/** A write that some node is to coordinate. */
export interface Errand {
  readonly placement: KeyPlacement;
  readonly origin: Origin;
  /** Whether the clock here is good enough for what the write wants of it. */
  readonly mayStamp: boolean;
  /** Coordinates here; `part` is what this store counts as. */
  here(part: Target): Promise<WriteReply>;
  /** Has that member coordinate. */
  there(member: string, timeoutMs: number): Promise<WriteReply>;
}

/** Longest time that one owner is given, so that the next one still has some. */
const shareMs = 1000;

/** Errors of the node that was asked, not of the request: another node may do better. */
const elsewhere = [
  'CONNECTION_LOST',
  'TIMEOUT',
  'NOT_READY',
  'OVERLOADED',
  'CLOSED',
  'DISK_IO',
  'DISK_FULL',
  'CORRUPTION',
  'STALE_RING',
] as const;

/** The store cannot read or write what the write needs: others can (P3). */
function isOfOwnStore(error: unknown): boolean {
  return isCoterieError(error, 'CORRUPTION') || isCoterieError(error, 'DISK_IO') || isCoterieError(error, 'DISK_FULL');
}

/** Whether another node may do better with the request. */
function isElsewhere(error: unknown): boolean {
  return isUnknownThere(error) || elsewhere.some((code) => isCoterieError(error, code));
}

/** The node knows no such request: it is older, or still starting. (What an operation refuses says what it did.) */
function isUnknownThere(error: unknown): boolean {
  return isCoterieError(error, 'UNSUPPORTED_FORMAT') && error.details.mayHaveTakenEffect === undefined;
}

/** Whether a request that failed so may have been carried out. */
function isDoubtful(error: unknown): boolean {
  return !isUnknownThere(error) && !(isCoterieError(error) && error.details.mayHaveTakenEffect === false);
}

/** Finds the write its coordinator. @throws what the coordinator throws */
export async function coordinateSomewhere(core: Core, errand: Errand, attempt: Attempt): Promise<WriteReply> {
  const { owners } = errand.placement;
  if (errand.origin === 'peer' && !errand.mayStamp) throw clockIsFar();
  if (isForHere(core, errand)) {
    try {
      return await errand.here({ store: core.selfId });
    } catch (error) {
      if (attempt.mayTakeEffect || errand.origin === 'peer' || !isOfOwnStore(error)) throw error;
    }
  }
  let isInDoubt = false;
  try {
    for (const member of candidatesFor(core, errand)) {
      try {
        attempt.check();
        // Time may run out before what the member answers is heard: it may be carrying the write out.
        attempt.mayTakeEffect = true;
        return await errand.there(member, shareOf(attempt));
      } catch (error) {
        attempt.mayTakeEffect = isInDoubt;
        if (!isElsewhere(error)) throw error;
        if (isDoubtful(error)) isInDoubt = true;
        attempt.mayTakeEffect = isInDoubt;
      }
    }
    attempt.check();
    if (core.cluster.state.leaving.includes(core.selfId)) throw leavingAlready();
    if (owners.includes(core.selfId)) return await errand.here({ store: core.selfId });
    return await errand.here({ store: core.selfId, standsFor: absentFrom(core, errand.placement) });
  } catch (error) {
    throw isInDoubt ? inDoubt(error) : error;
  }
}

/**
 * The owner in whose stead this store takes a write: one that is down, if any is. While a partition moves it is one of
 * both lists, for a stand-in counts only where its owner does, and all of the other list may be silent.
 */
function absentFrom({ cluster }: Core, { owners, writeSets }: KeyPlacement): string {
  const ofAll = owners.filter((id) => writeSets.every((set) => set.includes(id)));
  const choice = ofAll.length > 0 ? ofAll : owners;
  return choice.find((id) => cluster.writeStanding(id) === 'down') ?? choice[0];
}

/** What this store took in now would have to be brought home before it may go. */
function leavingAlready(): CoterieError {
  return new CoterieError('NOT_READY', 'this node is leaving the cluster, and no owner of the key answers it; ask another node', {
    details: { mayHaveTakenEffect: false },
  });
}

/** The time that one candidate gets: whole milliseconds, and half of what is left at most. */
function shareOf(attempt: Attempt): number {
  return Math.max(1, Math.floor(Math.min(shareMs, attempt.remainingMs / 2)));
}

/** Whoever passed the write on finds another one; if it finds none, it takes the write itself. */
function clockIsFar(): CoterieError {
  const message = 'the clock of this node is far from those of the other members, so it coordinates no lww writes for others';
  return new CoterieError('NOT_READY', message, { details: { mayHaveTakenEffect: false } });
}

/** What the last node refused for certain, an earlier one may have done. */
function inDoubt(error: unknown): unknown {
  if (!isCoterieError(error) || error.details.mayHaveTakenEffect === true) return error;
  const { code, message, retryable, details } = error;
  return new CoterieError(code, message, { cause: error, retryable, details: { ...details, mayHaveTakenEffect: true } });
}

/** Fallbacks that are asked to coordinate when this store takes no writes. */
const substitutesMax = 3;

/** Who is asked to coordinate, in order. */
function candidatesFor(core: Core, { placement, origin }: Errand): string[] {
  if (origin === 'peer') return [];
  const isWorthIt = (id: string): boolean => id !== core.selfId && core.cluster.writeStanding(id) !== 'down';
  const owners = placement.owners.filter(isWorthIt);
  if (takesWrites(core)) return owners;
  const substitutes: string[] = [];
  for (const id of placement.fallbacks) {
    if (substitutes.length === substitutesMax) break;
    if (isWorthIt(id)) substitutes.push(id);
  }
  return [...owners, ...substitutes];
}
