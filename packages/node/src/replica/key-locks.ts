/**
 * One critical section per key, and what was decided in it that the store may not show yet.
 *
 * ```
 *   enter ──▶ read latest object ──▶ decide ──▶ commit() called ──▶ leave      the next one enters here,
 *                                                  │                           before the sync is done
 *                                                  └────────── settled ────▶ forgotten
 * ```
 *
 * The lock is given up when the batch is handed to the log, not when it is durable, so that many writers of one key
 * share a sync. Until a batch is settled its object stays here: whoever enters next builds on it, whether or not the
 * store shows it. A failed batch is taken out; what was built on it may carry its write, which is why a failed write
 * says that it may have taken effect.
 *
 * Invariants: at most one holder per key; waiters are served in order and bounded; a key costs memory only while
 * somebody holds it, waits, or has a batch in flight.
 */
import { type Bounds, CoterieError, ShortLivedMap } from '@coterie/env';

/** A batch on its way to the disk. */
export interface InFlight<State> {
  readonly state: State;
  /** The operation that it carries out, if its client named one. */
  readonly operation: string | undefined;
}

/** The right to decide about one key. Give it back with `leave`. */
export interface KeyTurn<State> {
  /** The newest state that was decided and is not settled; undefined when the store has the newest. */
  readonly latest: State | undefined;
  /** The batch in flight for an operation. */
  find(operation: string): InFlight<State> | undefined;
  /** Remembers a batch until it is settled, well or not: then what this returns is to be called, once. */
  track(item: InFlight<State>): () => void;
  leave(): void;
}

/** Hands out turns. */
export interface KeyTurns<State> {
  readonly bounds: Bounds;
  /** The turn, at once if nobody has it; else when it is the caller's. Rejects with `OVERLOADED` when too many wait for this key. */
  enter(key: string): KeyTurn<State> | Promise<KeyTurn<State>>;
}

class Slot<State> implements KeyTurn<State> {
  /** The key. */
  readonly id: string;
  held = true;
  readonly waiting: (() => void)[] = [];
  readonly #inFlight: InFlight<State>[] = [];
  readonly #slots: ShortLivedMap<string, Slot<State>>;

  constructor(id: string, slots: ShortLivedMap<string, Slot<State>>) {
    this.id = id;
    this.#slots = slots;
  }

  get latest(): State | undefined {
    return this.#inFlight.at(-1)?.state;
  }

  find(operation: string): InFlight<State> | undefined {
    return this.#inFlight.find((item) => item.operation === operation);
  }

  track(item: InFlight<State>): () => void {
    this.#inFlight.push(item);
    return () => {
      this.#inFlight.splice(this.#inFlight.indexOf(item), 1);
      this.#dropIfIdle();
    };
  }

  leave(): void {
    const next = this.waiting.shift();
    if (next !== undefined) {
      next();
      return;
    }
    this.held = false;
    this.#dropIfIdle();
  }

  #dropIfIdle(): void {
    if (!this.held && this.#inFlight.length === 0) this.#slots.remove(this.id);
  }
}

/** The locks of one store's keys. */
export class KeyLocks<State> implements KeyTurns<State> {
  readonly #slots = new ShortLivedMap<string, Slot<State>>();
  readonly #waitersMax: number;

  /** `waitersMax`: how many may wait for one key. */
  constructor(waitersMax: number) {
    this.#waitersMax = waitersMax;
  }

  /** Those who wait for one key, where most do. */
  get bounds(): Bounds {
    let longest = 0;
    for (const { waiting } of this.#slots.list()) longest = Math.max(longest, waiting.length);
    return { waitersOfOneKey: { now: longest, most: this.#waitersMax } };
  }

  /** Keys in use. */
  get size(): number {
    return this.#slots.size;
  }

  enter(key: string): KeyTurn<State> | Promise<KeyTurn<State>> {
    const slot = this.#slots.get(key);
    if (slot === undefined) {
      const made = new Slot<State>(key, this.#slots);
      this.#slots.add(made);
      return made;
    }
    if (!slot.held) {
      slot.held = true;
      return slot;
    }
    return this.#wait(slot);
  }

  async #wait(slot: Slot<State>): Promise<KeyTurn<State>> {
    if (slot.waiting.length >= this.#waitersMax) {
      throw new CoterieError('OVERLOADED', `${slot.waiting.length} operations wait for this key already; try again later`, {
        details: { mayHaveTakenEffect: false },
      });
    }
    await new Promise<void>((resolve) => slot.waiting.push(resolve));
    return slot;
  }
}
