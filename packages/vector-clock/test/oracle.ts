/**
 * The truth that clocks only summarise: a copy of a key is the set of writes it has heard of, and each write knows the
 * set of writes that its writer had seen. Slow, exact, and impossible to get wrong in the way clocks can be.
 */
import { Context, type Dot, DottedSet } from '../src/index.ts';

export type EventId = number;

/** Every write of one key, with what its writer had seen. */
export class History {
  readonly pasts: ReadonlySet<EventId>[] = [];

  write(seen: ReadonlySet<EventId>): EventId {
    this.pasts.push(new Set(seen));
    return this.pasts.length - 1;
  }

  /** The antichain: known writes that no known write's writer had seen. */
  live(known: ReadonlySet<EventId>): EventId[] {
    return [...known].filter((id) => ![...known].some((other) => this.pasts[other].has(id))).sort((a, b) => a - b);
  }
}

/** One store's copy of the key under test, beside the oracle's set. */
export interface Copy {
  incarnation: string;
  counter: number;
  /** The epoch that this store opened and has held since; 0 when its copy is not one it kept. */
  ownEpoch: number;
  set: DottedSet<EventId>;
  known: Set<EventId>;
}

/** What a client holds after a read. */
export interface Seen {
  readonly context: Context;
  readonly known: ReadonlySet<EventId>;
}

/** How copies choose dots. `oneEpoch` is the mutation: what stores did before key epochs. */
export type EpochRule = 'epochs' | 'oneEpoch';

/** Stores, one key, and the oracle; every step changes both. */
export class World {
  readonly history: History = new History();
  readonly copies: Copy[];
  readonly rule: EpochRule;
  #minted = 0;

  constructor(copies: number, rule: EpochRule = 'epochs') {
    this.rule = rule;
    this.copies = Array.from({ length: copies }, () => this.#newCopy());
  }

  read(index: number): Seen {
    const copy = this.copies[index];
    return { context: Context.whole(copy.set), known: new Set(copy.known) };
  }

  /** Returns what the writer knows afterwards: what it had seen, and its own write. */
  put(index: number, seen?: Seen): Seen {
    const copy = this.copies[index];
    const id = this.history.write(seen?.known ?? new Set());
    const dot = this.#nextDot(copy);
    const context = seen?.context;
    copy.set = copy.set.event({ dot, at: id, value: id, ...(context === undefined ? {} : { context }) });
    copy.known = new Set([...copy.known, ...(seen?.known ?? []), id]);
    return { context: Context.afterWrite(copy.set, dot, context), known: new Set([...(seen?.known ?? []), id]) };
  }

  sync(from: number, to: number): void {
    const target = this.copies[to];
    target.set = target.set.sync(this.copies[from].set);
    target.known = new Set([...target.known, ...this.copies[from].known]);
  }

  /** The store hands its copy away and forgets it. Other keys go on counting. */
  lose(index: number): void {
    const copy = this.copies[index];
    copy.set = DottedSet.empty();
    copy.known = new Set();
    copy.ownEpoch = 0;
    copy.counter += 1;
  }

  /** An unclean stop: a new life of the store, on the same data. */
  restart(index: number): void {
    const copy = this.copies[index];
    copy.incarnation = this.#mint();
    copy.counter = 0;
    copy.ownEpoch = 0;
  }

  #nextDot(copy: Copy): Dot {
    copy.counter += 1;
    if (this.rule === 'oneEpoch') copy.ownEpoch = 1;
    else if (copy.ownEpoch === 0) copy.ownEpoch = copy.counter;
    return { incarnation: copy.incarnation, epoch: copy.ownEpoch, counter: copy.counter };
  }

  #newCopy(): Copy {
    return { incarnation: this.#mint(), counter: 0, ownEpoch: 0, set: DottedSet.empty(), known: new Set() };
  }

  #mint(): string {
    return incarnation(++this.#minted);
  }
}

/** The n-th test incarnation. */
export function incarnation(n: number): string {
  return (Math.imul(n, 0x9e3779b1) >>> 0).toString(16).padStart(8, '0') + n.toString(16).padStart(8, '0');
}

export function values(set: DottedSet<EventId>): EventId[] {
  return set.siblings.map((sibling) => sibling.value).sort((a, b) => a - b);
}
