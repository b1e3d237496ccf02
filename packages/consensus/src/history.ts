/**
 * What is decided, in memory: a snapshot, the records since, and the state that they lead to. It judges what comes
 * next, and never waits.
 *
 * ```
 *   base (epoch b, hash, state) ─ record b + 1 ─ ... ─ record e        state, hash and ids as of e
 *
 *   judge(record):  known   it is this history's own, or older than its base
 *                   next    it follows: the state that it leads to
 *                   gap     something before it is missing
 *                   split   another decision for an epoch that is decided here: two histories
 * ```
 *
 * States are values, so the one in the middle is simply kept: when the history has grown too long the older half gives
 * way to it, and nothing is applied twice.
 *
 * Invariant: `hash` covers every decision since the lineage began; two histories with one hash at one epoch are equal.
 */
import { assert, CoterieError } from '@coterie/env';
import { type ChainHash, type DecidedId, type DecidedRecord, idsMax, type Identity } from './chain.ts';
import { recordHash, type Snapshot } from './chain.ts';
import { applyDecision, Refusal, type Rules } from './rules.ts';

/** A place in a history. */
export interface Position {
  readonly epoch: number;
  readonly hash: ChainHash;
}

/** A piece of a history, for somebody who is behind. */
export interface Page {
  /** In place of records that are gone. */
  readonly snapshot: Snapshot | undefined;
  readonly records: readonly DecidedRecord[];
  /** Where the sender's history ends. */
  readonly end: Position;
}

/** How a record stands to a history. */
export type Verdict<State> =
  | { readonly kind: 'known' | 'gap' | 'split' }
  | { readonly kind: 'next'; readonly state: State; readonly hash: ChainHash };

/** How long a history may grow. */
export interface HistoryLimits {
  readonly recordsMax: number;
  /** Of decisions, in all. */
  readonly bytesMax: number;
}

/** The state as of an epoch within the history, and the bytes of the decisions up to it. */
interface Mark<State> {
  readonly epoch: number;
  readonly bytes: number;
  readonly state: State;
}

/** Most records in a page. */
export const pageRecordsMax = 256;
/** A page takes no further record past so many bytes of decisions. */
const pageBytes: number = 1 << 20;

/** What a history begins with. */
export interface HistoryParts<State> {
  readonly rules: Rules<State>;
  readonly limits: HistoryLimits;
  readonly identity: Identity;
  readonly base: Snapshot;
}

/** A history that grows. */
export class History<State> {
  readonly identity: Identity;
  readonly base: Snapshot;
  readonly #rules: Rules<State>;
  readonly #limits: HistoryLimits;
  readonly #records: DecidedRecord[] = [];
  readonly #hashes: ChainHash[] = [];
  readonly #ids: Map<string, number>;
  /** Oldest first, half a limit apart. */
  readonly #marks: Mark<State>[] = [];
  #bytes = 0;
  #state: State;

  private constructor(parts: HistoryParts<State>, state: State) {
    this.#rules = parts.rules;
    this.#limits = parts.limits;
    this.identity = parts.identity;
    this.base = parts.base;
    this.#ids = new Map(parts.base.ids.map(({ id, epoch }) => [id, epoch]));
    this.#state = state;
  }

  /** The history that begins with a base. @throws what `decodeState` throws */
  static from<State>(parts: HistoryParts<State>): History<State> {
    return new History(parts, parts.rules.decodeState(parts.base.state));
  }

  get epoch(): number {
    return this.base.epoch + this.#records.length;
  }

  get hash(): ChainHash {
    return this.#hashes.at(-1) ?? this.base.hash;
  }

  get state(): State {
    return this.#state;
  }

  get end(): Position {
    return { epoch: this.epoch, hash: this.hash };
  }

  get records(): readonly DecidedRecord[] {
    return this.#records;
  }

  /** The hash at `epoch`; undefined before the base and past the end. */
  hashAt(epoch: number): ChainHash | undefined {
    return epoch === this.base.epoch ? this.base.hash : this.#hashes[epoch - this.base.epoch - 1];
  }

  /** Which epoch the decision `id` became, if it is among the last ones. */
  epochOf(id: string): number | undefined {
    return this.#ids.get(id);
  }

  /**
   * How `record` stands to this history. @throws CoterieError `CORRUPTION` for one that follows and does not apply,
   * `UNSUPPORTED_FORMAT` for one that is beyond this version
   */
  judge(record: DecidedRecord): Verdict<State> {
    const { epoch, decision } = record;
    const hash = recordHash(record);
    if (epoch <= this.epoch) return { kind: (this.hashAt(epoch) ?? hash) === hash ? 'known' : 'split' };
    if (epoch > this.epoch + 1) return { kind: 'gap' };
    if (record.previous !== this.hash) return { kind: 'split' };
    if (this.#ids.has(decision.id)) return { kind: 'next', state: this.#state, hash };
    const state = applyDecision(this.#rules, this.#state, decision);
    if (!(state instanceof Refusal)) return { kind: 'next', state, hash };
    if (state.code === 'UNSUPPORTED_FORMAT') throw new CoterieError(state.code, `epoch ${epoch}: ${state.reason}`, { details: { epoch } });
    throw new CoterieError('CORRUPTION', `epoch ${epoch} was decided and does not apply here: ${state.reason}`, { details: { epoch } });
  }

  /** Adds a record that was judged `next`. */
  append(record: DecidedRecord, { state, hash }: Verdict<State> & { readonly kind: 'next' }): void {
    assert(record.epoch === this.epoch + 1 && record.previous === this.hash, 'a record follows its history');
    this.#add(record, hash);
    this.#state = state;
    if (this.#isHalf(this.#marks.at(-1) ?? { epoch: this.base.epoch, bytes: 0 }))
      this.#marks.push({ epoch: this.epoch, bytes: this.#bytes, state });
  }

  /** What somebody whose history ends at `epoch` needs next. */
  pageAfter(epoch: number): Page {
    const snapshot = epoch < this.base.epoch ? this.base : undefined;
    const records: DecidedRecord[] = [];
    let bytes = snapshot?.state.length ?? 0;
    for (const record of this.#records.slice(Math.max(0, epoch - this.base.epoch))) {
      bytes += record.decision.content.length;
      const isFull = records.length >= pageRecordsMax || bytes > pageBytes;
      if (isFull && (records.length > 0 || snapshot !== undefined)) break;
      records.push(record);
    }
    return { snapshot, records, end: this.end };
  }

  /** Whether it has passed its limits and should be `shortened`. */
  get isLong(): boolean {
    return this.#records.length > this.#limits.recordsMax || this.#bytes > this.#limits.bytesMax;
  }

  /** The same history without its older half: on the state in the middle as its base. */
  shortened(): History<State> {
    const at = Math.max(
      0,
      this.#marks.findLastIndex((mark) => this.#isHalf(mark)),
    );
    const mark = this.#marks.at(at) ?? { epoch: this.epoch, state: this.#state };
    const cut = mark.epoch - this.base.epoch;
    const older = new History({ ...this.#parts, base: this.base }, mark.state);
    for (const [i, record] of this.#records.slice(0, cut).entries()) older.#add(record, this.#hashes[i]);
    const base = { ...older.end, ids: older.#listIds(), state: this.#rules.encodeState(mark.state) };
    const shorter = new History({ ...this.#parts, base }, this.#state);
    for (const [i, record] of this.#records.slice(cut).entries()) shorter.#add(record, this.#hashes[cut + i]);
    shorter.#marks.push(...this.#marks.slice(at + 1).map(({ epoch, bytes, state }) => ({ epoch, bytes: bytes - older.#bytes, state })));
    return shorter;
  }

  /** Whether half of what may be kept, or more, came after a place. */
  #isHalf({ epoch, bytes }: Pick<Mark<State>, 'epoch' | 'bytes'>): boolean {
    const { recordsMax, bytesMax } = this.#limits;
    return this.epoch - epoch >= recordsMax / 2 || this.#bytes - bytes >= bytesMax / 2;
  }

  get #parts(): HistoryParts<State> {
    return { rules: this.#rules, limits: this.#limits, identity: this.identity, base: this.base };
  }

  #add(record: DecidedRecord, hash: ChainHash): void {
    this.#records.push(record);
    this.#hashes.push(hash);
    this.#bytes += record.decision.content.length;
    this.#remember(record.decision.id, record.epoch);
  }

  #remember(id: string, epoch: number): void {
    if (this.#ids.has(id)) return;
    this.#ids.set(id, epoch);
    if (this.#ids.size <= idsMax) return;
    const [oldest] = this.#ids.keys();
    this.#ids.delete(oldest);
  }

  #listIds(): DecidedId[] {
    return Array.from(this.#ids, ([id, epoch]) => ({ id, epoch }));
  }
}
