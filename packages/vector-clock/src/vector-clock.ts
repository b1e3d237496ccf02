/**
 * The vector clock of the literature (Fidge 1988, Mattern 1989; Dynamo, section 4.4): one counter per actor. An actor
 * adds one for each event of its own; a message carries the clock; the receiver takes the larger of each counter. Then
 * one event came before another exactly when its clock is smaller in every place.
 *
 * ```
 *            a:1          a:2                       a:2 b:1 and a:2 c:1 are concurrent: neither is
 *   alice ────●────────────●──┬───────────          smaller everywhere. a:1 is before both.
 *                             ├──▶ bob  ● a:2 b:1
 *                             └──▶ carol ● a:2 c:1
 * ```
 *
 * Coterie itself stores dotted version vector sets (`dotted-set.ts`): a plain clock on a *merged* object forgets which
 * event made which value, and then keeps values that were replaced. This class is here to learn from, to test against,
 * and for programs that need just this.
 */
import { ByteReader, ByteWriter } from '@coterie/bytes';
import { CoterieError } from '@coterie/env';
import { type Comparable, type Order, orderOf } from './order.ts';

/** Most actors that `decode` accepts. */
const actorsMax = 65_536;

/** An immutable vector clock. Actors are any strings; an absent actor counts as zero. */
export class VectorClock implements Comparable<VectorClock> {
  /** The clock of the empty history. */
  static readonly empty: VectorClock = new VectorClock(new Map());

  readonly #counters: ReadonlyMap<string, number>;

  private constructor(counters: ReadonlyMap<string, number>) {
    this.#counters = counters;
  }

  /** Number of actors with an event. */
  get size(): number {
    return this.#counters.size;
  }

  /** Events of `actor` in this history. */
  get(actor: string): number {
    return this.#counters.get(actor) ?? 0;
  }

  /** This history and one more event of `actor`. */
  increment(actor: string): VectorClock {
    return new VectorClock(new Map(this.#counters).set(actor, this.get(actor) + 1));
  }

  /** The smallest history that holds both. */
  merge(other: VectorClock): VectorClock {
    const merged = new Map(this.#counters);
    for (const [actor, counter] of other.#counters) {
      if (counter > (merged.get(actor) ?? 0)) merged.set(actor, counter);
    }
    return new VectorClock(merged);
  }

  /** How this history stands to the other. */
  compare(other: VectorClock): Order {
    return orderOf({ aOnly: this.#exceeds(other), bOnly: other.#exceeds(this) });
  }

  /** Count, then (actor, counter) sorted by actor: equal clocks have equal bytes. */
  encode(): Uint8Array {
    const writer = new ByteWriter();
    writer.varint(this.size);
    const actors = [...this.#counters.keys()].sort((a, b) => (a < b ? -1 : 1));
    for (const actor of actors) writer.string(actor).varint(this.get(actor));
    return writer.finish();
  }

  /** The clock that `encode` wrote. @throws `CORRUPTION` for anything else */
  static decode(bytes: Uint8Array): VectorClock {
    const reader = new ByteReader(bytes);
    const count = reader.varint();
    if (count > actorsMax || count * 2 > reader.remaining) throw malformed('too many actors');
    const counters = new Map<string, number>();
    let previous: string | undefined;
    for (let i = 0; i < count; i++) {
      const actor = reader.string();
      const counter = reader.varint();
      if (counter === 0) throw malformed('a counter of zero');
      if (previous !== undefined && !(previous < actor)) throw malformed('actors out of order');
      counters.set(actor, counter);
      previous = actor;
    }
    if (reader.remaining > 0) throw malformed('bytes after the end');
    return new VectorClock(counters);
  }

  toString(): string {
    return [...this.#counters].map(([actor, counter]) => `${actor}:${counter}`).join(' ');
  }

  #exceeds(other: VectorClock): boolean {
    for (const [actor, counter] of this.#counters) {
      if (counter > other.get(actor)) return true;
    }
    return false;
  }
}

/** A value and the history that it was written in. */
export interface Version<T> {
  readonly clock: VectorClock;
  readonly value: T;
}

/**
 * The versions that no other version replaces: Dynamo's syntactic reconciliation. Of versions with equal clocks the
 * first stays. More than one result means concurrent writes, which only the program can reconcile.
 */
export function siblings<T>(versions: readonly Version<T>[]): readonly Version<T>[] {
  return versions.filter((version, index) =>
    versions.every((other, otherIndex) => {
      const order = version.clock.compare(other.clock);
      return order === 'equal' ? index <= otherIndex : order !== 'before';
    }),
  );
}

function malformed(what: string): CoterieError {
  return new CoterieError('CORRUPTION', `malformed vector clock: ${what}`);
}
