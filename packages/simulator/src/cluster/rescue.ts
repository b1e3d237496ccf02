/**
 * What an operator does about a node that does not start, as `docs/operating.md` says it.
 *
 * ```
 *   its ring log is damaged, and it was told no seeds ──────┐
 *   ten seconds after its start it still asks its seeds ────┴──▶ all other machines are named to it
 *   its own files are unreadable, eight times in a row ──▶ its store is thrown away ──so again──▶ it begins anew in its own place
 * ```
 */
import { isCoterieError } from '@coterie/env';
import type { Fleet } from './fleet.ts';

/** What a rescue is made of. */
export interface RescueParts {
  readonly fleet: Pick<Fleet, 'failedStarts' | 'startingMs' | 'isToldOfAll' | 'tellOfAll' | 'stopFor' | 'startAgain'>;
  /** The store on a machine is thrown away, and its node starts without it. */
  throwStoreAway(machine: string): void;
  /** The node on a machine loses all it has, and takes its own former place by force. */
  beginAnew(machine: string): void;
}

/** Failed starts in a row after which a store is given up. */
const startsMax = 8;
/** After so long a start that goes on is looked at. */
const startMs = 10_000;

/** Sees to nodes that do not start. */
export class Rescue {
  readonly #parts: RescueParts;
  readonly #thrownAway = new Set<string>();

  constructor(parts: RescueParts) {
    this.#parts = parts;
  }

  /** Looks at one machine, and does what there is to be done. */
  look(machine: string): void {
    const { fleet, throwStoreAway, beginAnew } = this.#parts;
    this.#nameOthers(machine);
    const { times, error } = fleet.failedStarts(machine);
    if (times < startsMax || !isDamage(error)) return;
    if (this.#thrownAway.delete(machine)) return beginAnew(machine);
    this.#thrownAway.add(machine);
    throwStoreAway(machine);
  }

  /** A node that was told one seed waits for it, also when that one is dead; one that was told none says that it needs some. */
  #nameOthers(machine: string): void {
    const { fleet } = this.#parts;
    if (fleet.isToldOfAll(machine)) return;
    const { error } = fleet.failedStarts(machine);
    const isAsking = fleet.startingMs(machine) > startMs;
    const needsSeeds = isCoterieError(error, 'CORRUPTION') && error.message.includes('start with --seed');
    if (!isAsking && !needsSeeds) return;
    fleet.tellOfAll(machine);
    if (!isAsking) return;
    fleet.stopFor(machine, () => undefined);
    fleet.startAgain(machine);
  }
}

/** Whether files are not as they were written. */
export function isDamage(error: unknown): boolean {
  return isCoterieError(error, 'CORRUPTION') || isCoterieError(error, 'UNSUPPORTED_FORMAT');
}
