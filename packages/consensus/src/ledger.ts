/**
 * What is decided, on disk and in memory. The only place where an epoch becomes known here, one at a time:
 *
 * ```
 *   record ─▶ judge ─▶ append to ring.log · sync ─▶ state, epoch and digest move ─▶ listeners hear of it
 *               └─ split ─▶ failed: learns, decides and answers nothing more
 * ```
 *
 * So nobody is told of an epoch that a crash could take back. A second decision for one epoch can only come of a
 * broken promise somewhere; no member can say which one is right, so each that sees both stops and says where they part.
 */
import { assert, CoterieError, isCoterieError } from '@coterie/env';
import type { Environment } from '@coterie/env';
import type { DecidedRecord, Identity, Snapshot } from './chain.ts';
import { History, type HistoryLimits, type Page, type Position } from './history.ts';
import { decidedPayload, logPlace, readHistory, writeHistory } from './log-file.ts';
import { isFinal, type RecordFile } from './record-file.ts';
import { type Rules, stewardsAfter } from './rules.ts';
import { Serial } from './serial.ts';

/** What a ledger needs, and its limits. */
export interface LedgerPlace<State> {
  readonly environment: Pick<Environment, 'files' | 'log'>;
  readonly directory: string;
  readonly rules: Rules<State>;
  /** Past them the older half gives way to a snapshot. */
  readonly limits: HistoryLimits;
}

const learnersMax = 1024;

/** A history and its file. */
export class Ledger<State> {
  readonly #place: LedgerPlace<State>;
  readonly #turns = new Serial('pages to learn', learnersMax);
  readonly #listeners = new Set<() => void>();
  #history: History<State> | undefined;
  #file: RecordFile | undefined;
  #failure: CoterieError | undefined;

  private constructor(place: LedgerPlace<State>) {
    this.#place = place;
  }

  /** Reads what a directory holds. @throws CoterieError `CORRUPTION` with file and offset, `UNSUPPORTED_FORMAT`, `DISK_IO` */
  static async open<State>(place: LedgerPlace<State>): Promise<Ledger<State>> {
    const ledger = new Ledger(place);
    const { files, log } = place.environment;
    const found = await readHistory(logPlace(files, place.directory), place);
    if (found === undefined) return ledger;
    const { history, tornBytes } = found;
    if (tornBytes > 0) log.warn('ring log tail cut', { directory: place.directory, epoch: history.epoch, bytes: tornBytes });
    await ledger.#rewrite(history);
    return ledger;
  }

  /** The history; undefined before there is one. */
  get history(): History<State> | undefined {
    return this.#history;
  }

  /** Epoch of the last decision known here; 0 before there is a history. */
  get epoch(): number {
    return this.#history?.epoch ?? 0;
  }

  /** Why nothing more is learned. */
  get failure(): CoterieError | undefined {
    return this.#failure;
  }

  /** Calls `listener` after each change, and when the ledger fails. Returns what ends that. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The history. @throws CoterieError `NOT_READY` before there is one; the failure after it failed */
  require(): History<State> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#history === undefined) throw new CoterieError('NOT_READY', 'this node has no ring log yet: create one or catch up');
    return this.#history;
  }

  /** Begins a lineage with `base` if the ledger stands where `after` says; durable when it resolves. @throws `INVALID_ARGUMENT` */
  begin(identity: Identity, base: Snapshot, after: number): Promise<void> {
    return this.#turns.run(async () => {
      if (this.#failure !== undefined) throw this.#failure;
      if (this.epoch !== after) {
        throw new CoterieError(
          'INVALID_ARGUMENT',
          `there is a ring log already, of cluster ${this.#history?.identity.cluster} at epoch ${this.epoch}`,
        );
      }
      const history = History.from({ ...this.#place, identity, base });
      stewardsAfter(this.#place.rules, history.state);
      await this.#rewrite(history);
      this.#tell();
    });
  }

  /**
   * Learns what `page` adds; durable when it resolves. What is known already changes nothing.
   * @throws CoterieError `CORRUPTION` when it tells of another history: the ledger has failed; `PROTOCOL` for a page with gaps
   */
  learn(page: Page): Promise<void> {
    return this.#turns.run(async () => {
      this.require();
      if (page.snapshot !== undefined) await this.#adopt(page.snapshot);
      for (const record of page.records) await this.#add(record);
      this.compare(page.end);
      await this.#shorten();
    });
  }

  /** Checks that another's history goes with this one as far as both are known here. @throws CoterieError `CORRUPTION`: it does not */
  compare({ epoch, hash }: Position): void {
    const own = this.require().hashAt(epoch);
    if (own !== undefined && own !== hash) this.#split(epoch);
  }

  /** Resolves when all that is being learned is. */
  settled(): Promise<void> {
    return this.#turns.idle();
  }

  /** Nothing more is learned or read. Resolves when the file is closed. */
  async close(): Promise<void> {
    this.#failure ??= new CoterieError('CLOSED', 'the ring log is closed');
    this.#tell();
    await this.#turns.idle();
    await this.#file?.close();
  }

  async #adopt(snapshot: Snapshot): Promise<void> {
    const history = this.require();
    if (snapshot.epoch <= history.epoch) return this.compare(snapshot);
    await this.#rewrite(History.from({ ...this.#place, identity: history.identity, base: snapshot }));
    this.#tell();
  }

  async #add(record: DecidedRecord): Promise<void> {
    const history = this.require();
    const verdict = this.#judge(history, record);
    if (verdict.kind === 'known') return;
    if (verdict.kind === 'split') this.#split(Math.min(record.epoch, history.epoch));
    if (verdict.kind === 'gap') {
      throw new CoterieError('PROTOCOL', `epoch ${record.epoch} came and epoch ${history.epoch + 1} is missing`);
    }
    assert(this.#file !== undefined && verdict.kind === 'next', 'a history has a file');
    await this.#orFail(this.#file.append(decidedPayload(record)));
    history.append(record, verdict);
    this.#tell();
  }

  #judge(history: History<State>, record: DecidedRecord): ReturnType<History<State>['judge']> {
    try {
      return history.judge(record);
    } catch (error) {
      const isEnd = isCoterieError(error, 'CORRUPTION') || isCoterieError(error, 'UNSUPPORTED_FORMAT');
      throw isEnd ? this.#fail(error) : error;
    }
  }

  async #shorten(): Promise<void> {
    const history = this.require();
    if (!history.isLong) return;
    try {
      await this.#rewrite(history.shortened());
    } catch (error) {
      if (!isCoterieError(error) || this.#failure !== undefined) throw error;
      this.#place.environment.log.warn('ring log could not be shortened', { directory: this.#place.directory, error: error.message });
    }
  }

  /** Writes `history` whole and makes it the one in force. */
  async #rewrite(history: History<State>): Promise<void> {
    const old = this.#file;
    this.#file = await this.#orFail(writeHistory(logPlace(this.#place.environment.files, this.#place.directory), history));
    this.#history = history;
    await old?.close();
  }

  /** A disk that may have lost what it was given ends everything; a full one does not. */
  async #orFail<Result>(step: Promise<Result>): Promise<Result> {
    try {
      return await step;
    } catch (error) {
      if (isFinal(error)) this.#fail(error as CoterieError);
      throw error;
    }
  }

  #split(epoch: number): never {
    const message = `two histories: epoch ${epoch} is decided here and otherwise elsewhere; nothing more is decided on this node`;
    throw this.#fail(new CoterieError('CORRUPTION', message, { details: { epoch } }));
  }

  #fail(error: CoterieError): CoterieError {
    if (this.#failure === undefined) {
      this.#failure = error;
      this.#place.environment.log.error('ring log failed', { directory: this.#place.directory, error: error.message });
      this.#tell();
    }
    return error;
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
