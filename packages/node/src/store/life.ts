/**
 * The life of a store: who makes dots here, and when a new incarnation must begin.
 *
 * ```
 *   start ──▶ judge ──keep──▶ mark running ──▶ dots… ──▶ clean stop: counter and mark written
 *               └────mint───▶ mark running ──▶ dots… ──▶ (crash: the next start mints)
 *                                               └──▶ meets its own future, or damage: mints while running
 *
 *   record "life" in the store = format u8 = 1 │ state u8 (0 running, 1 stopped cleanly) │ incarnation string
 *                                │ counter u48 │ ran u48 (milliseconds)
 * ```
 *
 * The record lies in the log of the data: a store that lost data lost the clean mark with it, or never had it. The
 * running mark is durable before the first dot is made. So the counter needs no reservation: after a crash the
 * incarnation has ended, and after a clean stop the counter is exact.
 */
import { ByteReader, ByteWriter } from '@coterie/bytes';
import { CoterieError, type Environment, isCoterieError, randomHex } from '@coterie/env';
import { type Dot, isIncarnation, maxCounter, type VersionVector } from '@coterie/vector-clock';
import { type IdentityFile, readIdentity, writeIdentity } from './identity-file.ts';
import { namedKey, space } from './layout.ts';
import type { Store } from './store.ts';

/** The stored record. */
export interface LifeRecord {
  readonly stoppedCleanly: boolean;
  readonly incarnation: string;
  readonly counter: number;
  /** Milliseconds that the store has run. */
  readonly ranMs: number;
}

/** What to do at start: go on, or begin a new life and why. */
export type LifeVerdict = { readonly keep: LifeRecord } | { readonly mint: string; readonly data: 'all there' | 'may lack' };

/** Decides whether the life that a store was left with goes on. Pure. */
export function judgeLife(record: LifeRecord | undefined, file: IdentityFile | undefined): LifeVerdict {
  if (record === undefined) return { mint: 'the store is new', data: 'may lack' };
  if (!record.stoppedCleanly) {
    const isOwn = file?.genuine === true && file.incarnation === record.incarnation;
    return { mint: 'it was not stopped cleanly', data: isOwn ? 'all there' : 'may lack' };
  }
  if (file === undefined) return { mint: 'its identity file is missing or unreadable', data: 'may lack' };
  if (!file.genuine) return { mint: 'its directory was copied or restored', data: 'may lack' };
  if (file.incarnation !== record.incarnation) return { mint: 'its identity file belongs to another life', data: 'may lack' };
  return { keep: record };
}

/** An epoch of one key that this store opened, in one of its lives. */
export interface OwnEpoch {
  readonly incarnation: string;
  readonly epoch: number;
}

/** What a life needs of the world. */
export interface LifeParts {
  readonly store: Store;
  readonly environment: Environment;
  readonly directory: string;
  /** Makes known for good that data may be missing. Called while the start still shows it: once a life has begun, nothing does. */
  doubt?(): Promise<void>;
  /** Damage was found in the store, which may have held dots of the life before. */
  readonly isDamaged?: boolean;
  /** A hazard, for tests: see `Hazards`. */
  readonly oneEpochForEver?: boolean;
}

const recordKey: Uint8Array = namedKey(space.own, new TextEncoder().encode('life'));
const recordFormat = 1;
/** Past so many damaged places the disk is beyond help, and more lives do not help either. */
const damageMax = 1000;

/** The present life of a store. */
export class Life {
  /** Milliseconds that the store had run before this start. */
  readonly ranBeforeMs: number;
  readonly #parts: LifeParts;
  #incarnation: string;
  #counter: number;
  #ended: string | undefined;
  #minting: Promise<void> | undefined;
  readonly #damage = new Set<string>();

  private constructor(parts: LifeParts, record: LifeRecord) {
    this.#parts = parts;
    this.ranBeforeMs = record.ranMs;
    this.#incarnation = record.incarnation;
    this.#counter = record.counter;
  }

  /** Goes on with the store's life or begins a new one; the running mark is durable when it resolves. */
  static async begin(parts: LifeParts): Promise<Life> {
    const { store, environment, directory } = parts;
    const record = decodeRecord(await readIfWhole(store));
    const judged = judgeLife(record, await readIdentity(environment.files, directory));
    const decision: LifeVerdict =
      parts.isDamaged === true && 'keep' in judged ? { mint: 'damage was found in the store', data: 'all there' } : judged;
    if ('keep' in decision) {
      const life = new Life(parts, decision.keep);
      await life.#write(false, life.ranBeforeMs);
      return life;
    }
    const life = new Life(parts, { stoppedCleanly: false, incarnation: '', counter: 0, ranMs: record?.ranMs ?? 0 });
    if (decision.data === 'may lack') await parts.doubt?.();
    life.end(decision.mint);
    await life.renew();
    return life;
  }

  get incarnation(): string {
    return this.#incarnation;
  }

  get counter(): number {
    return this.#counter;
  }

  /** The next dot of a key; `own` is the epoch of the local copy, if this store has kept it since it opened it. */
  nextDot(own: OwnEpoch | undefined): Dot {
    if (this.#ended !== undefined) throw new Error('assertion failed: an ended life makes no dots');
    if (this.#counter >= maxCounter) throw new CoterieError('OVERLOADED', 'the counter of this life is used up', { retryable: true });
    this.#counter += 1;
    const opened = this.#parts.oneEpochForEver === true ? 1 : this.#counter;
    const epoch = own !== undefined && own.incarnation === this.#incarnation ? own.epoch : opened;
    return { incarnation: this.#incarnation, epoch, counter: this.#counter };
  }

  /** Whether `clock` shows a dot of this life that this life has not made: the store is a copy, or went back in time. */
  meetsOwnFuture(clock: VersionVector): boolean {
    return clock.highestCounter(this.#incarnation) > this.#counter;
  }

  /** Whether `dot` is one of this life that this life has not made. */
  isOwnFuture({ incarnation, counter }: Dot): boolean {
    return incarnation === this.#incarnation && counter > this.#counter;
  }

  /** No dot is made any more until `renew`. */
  end(reason: string): void {
    this.#ended ??= reason;
  }

  /** Damage was found at `where`: dots of this life may be lost with it. Each place ends a life once. */
  damaged(where: string): void {
    if (this.#damage.has(where) || this.#damage.size >= damageMax) return;
    this.#damage.add(where);
    this.end('damage was found in the store');
  }

  get hasEnded(): boolean {
    return this.#ended !== undefined;
  }

  /** Begins a new life if the present one has ended; concurrent callers share one. */
  renew(): Promise<void> {
    if (this.#ended === undefined) return Promise.resolve();
    this.#minting ??= this.#mint(this.#ended).finally(() => {
      this.#minting = undefined;
    });
    return this.#minting;
  }

  /** Writes the clean mark. No dot may be made afterwards. */
  async stop(ranMs: number): Promise<void> {
    this.end('the node stops');
    await this.#write(true, ranMs);
  }

  async #mint(reason: string): Promise<void> {
    const { environment, directory } = this.#parts;
    const before = this.#incarnation;
    this.#incarnation = randomHex(environment.random, 8);
    this.#counter = 0;
    await this.#write(false, this.ranBeforeMs);
    await writeIdentity(environment.files, directory, this.#incarnation);
    environment.log.info('a new life of the store begins', { reason, incarnation: this.#incarnation, before });
    this.#ended = undefined;
  }

  async #write(stoppedCleanly: boolean, ranMs: number): Promise<void> {
    const batch = this.#parts.store.batch();
    batch.put(recordKey, encodeRecord({ stoppedCleanly, incarnation: this.#incarnation, counter: this.#counter, ranMs }));
    await batch.commit({ durable: true });
  }
}

/** The record; undefined also where it lay in a file that was damaged. */
async function readIfWhole(store: Store): Promise<Uint8Array | undefined> {
  try {
    return await store.get(recordKey);
  } catch (error) {
    if (isCoterieError(error, 'CORRUPTION')) return undefined;
    throw error;
  }
}

/** The record's bytes. */
export function encodeRecord(record: LifeRecord): Uint8Array {
  const writer = new ByteWriter(64).u8(recordFormat).u8(record.stoppedCleanly ? 1 : 0);
  return writer.string(record.incarnation).u48(record.counter).u48(record.ranMs).finish();
}

/** The record that `encodeRecord` wrote. @throws `CORRUPTION`, `UNSUPPORTED_FORMAT` */
export function decodeRecord(bytes: Uint8Array | undefined): LifeRecord | undefined {
  if (bytes === undefined) return undefined;
  const reader = new ByteReader(bytes);
  const format = reader.u8();
  if (format !== recordFormat) throw new CoterieError('UNSUPPORTED_FORMAT', `the life record has format ${format}`);
  const stoppedCleanly = reader.u8() === 1;
  const incarnation = reader.string();
  if (!isIncarnation(incarnation)) throw new CoterieError('CORRUPTION', 'the life record names no incarnation');
  return { stoppedCleanly, incarnation, counter: reader.u48(), ranMs: reader.u48() };
}
