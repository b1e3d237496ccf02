/**
 * Operation ids: one for each write, the same for all its tries, so that it happens once however often it arrives.
 *
 * ```
 *  0192f3a4b5c6-9f02c41b6d3e8a75      wall-clock milliseconds, 12 hex digits │ - │ 16 random hex digits
 * ```
 *
 * A node refuses ids whose time is more than a minute in its future, or older than its memory. The time is therefore the
 * cluster's, estimated from the `Date` of answers, so that a client whose clock is wrong can write all the same.
 */
import { CoterieError } from '@coterie/env';
import { formatToken } from '@coterie/ring';
import type { ClientWorld } from './options.ts';
import { parseTime } from './times.ts';

const plain = /^[\x21-\x7e]{1,64}$/;
/** `Date` is to the second, and answers travel: smaller differences are none. */
const noticedMs = 5000;

/** Mints ids in the cluster's time. */
export class OperationIds {
  readonly #world: Pick<ClientWorld, 'clock' | 'random'>;
  #aheadMs = 0;
  #lastDate: string | undefined;

  constructor(world: Pick<ClientWorld, 'clock' | 'random'>) {
    this.#world = world;
  }

  /** Takes note of the `Date` header of an answer. */
  heard(date: string | undefined): void {
    // The same for a whole second of answers.
    if (date === this.#lastDate) return;
    this.#lastDate = date;
    const time = parseTime(date);
    if (time === undefined) return;
    const aheadMs = time - this.#world.clock.now();
    this.#aheadMs = Math.abs(aheadMs) < noticedMs ? 0 : aheadMs;
  }

  /** A new id. */
  mint(): string {
    const { clock, random } = this.#world;
    const now = Math.max(0, clock.now() + this.#aheadMs);
    const time = formatToken({ high: Math.floor(now / 2 ** 32), low: now >>> 0 });
    return `${time.slice(4)}-${formatToken({ high: random.u32(), low: random.u32() })}`;
  }
}

/** An id of the caller's own. @throws `INVALID_ARGUMENT` if it is none */
export function checkOperation(operation: string): string {
  if (plain.test(operation)) return operation;
  throw new CoterieError('INVALID_ARGUMENT', 'operation ids are 1 to 64 visible ASCII characters', {
    details: { mayHaveTakenEffect: false },
  });
}
