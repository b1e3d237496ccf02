/**
 * How much work may be inside the node at a time: so many operations, so many bytes. Past it: a quick refusal before
 * anything was done. What timed out still counts until it has ended, for it still holds its memory.
 */
import { type Bounds, CoterieError } from '@coterie/env';

/** Limits of what runs at a time. */
export interface AdmissionLimits {
  readonly inFlightMax: number;
  readonly inFlightBytesMax: number;
}

/** Counts what runs. */
export class Admission {
  operations = 0;
  bytes = 0;
  readonly #limits: AdmissionLimits;
  #idle: (() => void)[] = [];

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  /** Bytes may pass their limit with a single operation that is larger by itself. */
  get bounds(): Bounds {
    const { inFlightMax, inFlightBytesMax } = this.#limits;
    const bytesMost = this.operations > 1 ? inFlightBytesMax : Math.max(inFlightBytesMax, this.bytes);
    return { operations: { now: this.operations, most: inFlightMax }, operationBytes: { now: this.bytes, most: bytesMost } };
  }

  /** Lets an operation of this size in. @throws `OVERLOADED` */
  enter(bytes: number): void {
    const { inFlightMax, inFlightBytesMax } = this.#limits;
    if (this.operations >= inFlightMax) throw overloaded(`${this.operations} operations run already`);
    if (this.bytes + bytes > inFlightBytesMax && this.operations > 0) throw overloaded(`${this.bytes} bytes of operations run already`);
    this.operations += 1;
    this.bytes += bytes;
  }

  /** An operation of this size has ended. */
  leave(bytes: number): void {
    this.operations -= 1;
    this.bytes -= bytes;
    if (this.operations > 0) return;
    const idle = this.#idle;
    this.#idle = [];
    for (const resolve of idle) resolve();
  }

  /** Resolves when nothing runs. */
  idle(): Promise<void> {
    if (this.operations === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }
}

function overloaded(what: string): CoterieError {
  return new CoterieError('OVERLOADED', `${what}; try again later`, { details: { mayHaveTakenEffect: false } });
}
