/**
 * Operation ids: a client keeps one across the retries of one write, and the write happens once.
 *
 * ```
 *  timed id    0192f3a4b5c6-9f02c41b6d3e8a75      wall-clock milliseconds, 12 hex digits │ - │ 16 random hex digits
 *  other id    1 to 64 visible ASCII characters, any
 *  own id      a space │ 16 random hex digits                       minted by a coordinator, told to nobody
 *
 *  running time ─┬── window w-1 ──┬── window w ──┬──▶       remembered: this window and the one before
 *                └ forgotten before this         now
 * ```
 *
 * What an operation answered is stored in the batch of its write and remembered for at least one window. A timed id that
 * is older than the memory is refused: nobody can tell whether it took effect. An id without a time cannot be judged; it
 * is taken for new once forgotten, unless its sibling is still there. Windows are counted in time that the node *ran*,
 * so that neither a clock that jumps nor a long stop forgets anything early.
 */
import { ByteReader, ByteWriter } from '@coterie/bytes';
import { type Clock, CoterieError, type Log, type Random } from '@coterie/env';
import { formatToken } from '@coterie/ring';
import { type Address, operationKey, operationWindowKey } from '../store/layout.ts';
import type { Store, StoreBatch } from '../store/store.ts';

/** What a write answered, to be answered again to its retry. */
export interface WriteAnswer {
  readonly context: string;
  readonly etag: string;
}

/** Clocks of clients may be off by so much. */
const skewMs = 60_000;

const plain = /^[\x21-\x7e]{1,64}$/;
const timed = /^([0-9a-f]{12})-[0-9a-f]{16}$/;
/** Made so that nobody makes it twice: timed, minted for a write that is passed on, or a UUID. */
const unique = /^(?:[0-9a-f]{12}-[0-9a-f]{16}|passed-[0-9a-f]{32}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$/;
/** Begins an id that no client can name, as it is not visible. */
export const ownMark = ' ';

/** A new id for a write that nobody can ask for again, because nobody is told it. */
export function mintOwnOperation(random: Random): string {
  return ownMark + formatToken({ high: random.u32(), low: random.u32() });
}

/** A new id without a time, for a write that is passed on: no other node's clock is to judge it. */
export function mintUntimedOperation(random: Random): string {
  const word = (): string => formatToken({ high: random.u32(), low: random.u32() });
  return `passed-${word()}${word()}`;
}

/** Whether somebody knows this id and may ask for its operation again. */
export function isAskedAgain(operation: string): boolean {
  return !operation.startsWith(ownMark);
}

/** Whether an id of this form is never used for another write. */
export function isNeverUsedAgain(operation: string): boolean {
  return unique.test(operation);
}

/** Checks a client's id. @throws `INVALID_ARGUMENT` if it is malformed, from the future, or older than the memory */
export function checkOperation(operation: string, now: number, memoryMs: number): void {
  if (!plain.test(operation)) throw refuse('operation ids are 1 to 64 visible ASCII characters', false);
  const time = timed.exec(operation);
  if (time === null) return;
  const ageMs = now - Number.parseInt(time[1], 16);
  if (ageMs < -skewMs) throw refuse(`the operation id is from ${-ageMs} ms in the future; the clocks differ`, false);
  if (ageMs > memoryMs) {
    throw refuse(
      `the operation is ${ageMs} ms old and its outcome is remembered for ${memoryMs}; read the key to see whether it took effect`,
      true,
    );
  }
}

/** What the memory needs of the world. */
export interface OperationMemoryParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  /** A timed id may be so old. */
  readonly memoryMs: number;
  /** Milliseconds that this store had run before this start. */
  readonly ranMs: number;
}

/** What recent operations answered, in the store. */
export class OperationMemory {
  readonly #parts: OperationMemoryParts;
  readonly #startedAt: number;
  readonly #windowMs: number;
  #window: number;

  constructor(parts: OperationMemoryParts) {
    this.#parts = parts;
    this.#startedAt = parts.clock.monotonic();
    this.#windowMs = parts.memoryMs + 2 * skewMs;
    this.#window = Math.floor(parts.ranMs / this.#windowMs);
  }

  /** Milliseconds that this store has run in all its life. */
  get ranMs(): number {
    return Math.floor(this.#parts.ranMs + this.#parts.clock.monotonic() - this.#startedAt);
  }

  /** What the operation answered, if it wrote this address within memory. */
  async find(operation: string, address: Address): Promise<WriteAnswer | undefined> {
    const window = this.#turnWindow();
    const recent = await this.#read(window, operation, address);
    if (recent !== undefined || window === 0) return recent;
    return this.#read(window - 1, operation, address);
  }

  /** Adds to `batch` that the operation answered so. */
  remember(batch: StoreBatch, operation: string, of: { readonly address: Address; readonly answer: WriteAnswer }): void {
    const { context, etag } = of.answer;
    const record = new ByteWriter(64 + context.length).u8(recordFormat).string(etag).string(context).finish();
    batch.put(operationKey(this.#turnWindow(), operation, of.address), record);
  }

  async #read(window: number, operation: string, address: Address): Promise<WriteAnswer | undefined> {
    const record = await this.#parts.store.get(operationKey(window, operation, address));
    if (record === undefined) return undefined;
    const reader = new ByteReader(record);
    const format = reader.u8();
    if (format !== recordFormat) throw new CoterieError('UNSUPPORTED_FORMAT', `a remembered operation has format ${format}`);
    return { etag: reader.string(), context: reader.string() };
  }

  /** The window of now. Entering a new one forgets all but the one before. */
  #turnWindow(): number {
    const window = Math.floor(this.ranMs / this.#windowMs);
    if (window !== this.#window) {
      this.#window = window;
      this.#forgetBefore(window - 1);
    }
    return window;
  }

  #forgetBefore(window: number): void {
    if (window <= 0) return;
    const batch = this.#parts.store.batch();
    batch.deleteRange(operationWindowKey(0), operationWindowKey(window));
    // Nothing waits for it: what stays is removed with the next window.
    batch.commit({ durable: false }).catch((error: unknown) => {
      this.#parts.log.warn('could not forget old operations', { reason: String(error) });
    });
  }
}

const recordFormat = 1;

function refuse(message: string, mayHaveTakenEffect: boolean): CoterieError {
  return new CoterieError('INVALID_ARGUMENT', message, { details: { mayHaveTakenEffect } });
}
