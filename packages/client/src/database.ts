/**
 * A cluster, as a program sees it. What an operation is stands in `requests.ts`, how it is carried out in `caller.ts`;
 * here is the list of them, and the one piece of state that they share: open, closing, closed.
 *
 * ```
 *  open ──close()──▶ closing: nothing new; what runs ends by itself, at its deadline at the latest ──▶ closed
 * ```
 */
import { CoterieError, type HttpTransport } from '@coterie/env';
import { parseFields, readStateLine, readWrittenLine } from './answers.ts';
import type { CallOptions, DeleteOptions, Found, KeyState, PutEntry, PutOptions, ReadOptions, Written } from './api.ts';
import { getLine, putLine } from './batch-lines.ts';
import { Bucket } from './bucket.ts';
import type { Caller, Runner } from './caller.ts';
import { type KeysOptions, keysOf } from './key-pages.ts';
import { type BatchFrame, checkCount, type Entry, type Outcome, runMany } from './many.ts';
import type { Bytes } from './names.ts';
import { type ClientWorld, checkTimeout } from './options.ts';
import { deleteCall, getCall, putCall, type RequestParts } from './requests.ts';
import { type Resolver, update, type UpdateOptions } from './update.ts';
import { waitAtMost } from './wait.ts';

/** What a database is made of. */
export interface DatabaseParts {
  readonly requests: RequestParts;
  readonly caller: Caller;
  readonly transport: HttpTransport;
  readonly world: ClientWorld;
}

/** JSON that a node answers about itself; `docs/http-api.md` has the fields. */
export type Document = Readonly<Record<string, unknown>>;

/**
 * A connected cluster. Every operation goes to the node that coordinates its key, and to the next one if that cannot
 * answer, within the time and the retries it has. Errors are `CoterieError`s that name the endpoint, what failed and what to
 * do; of a failed write `details.mayHaveTakenEffect` says whether it may be seen all the same.
 */
export class Database {
  readonly #parts: DatabaseParts;
  /** For those who make requests in an operation's name later on: these too are counted, and end with the database. */
  readonly #runner: Runner = { run: (call) => this.#run(() => this.#parts.caller.run(call)) };
  #running = 0;
  #closing: Promise<void> | undefined;
  /** Called when nothing runs any more. */
  #quiet: (() => void) | undefined;

  constructor(parts: DatabaseParts) {
    this.#parts = parts;
  }

  /** The siblings of a key with a context that covers them; `undefined` when it has none, deleted or never written: `read` tells which. */
  async get(bucket: string, key: Bytes, options: ReadOptions = {}): Promise<Found | undefined> {
    const state = await this.read(bucket, key, options);
    return state.state === 'found' ? state : undefined;
  }

  /** The key's state: found, deleted (with a context, so that a write can say it knows) or missing. */
  read(bucket: string, key: Bytes, options: ReadOptions = {}): Promise<KeyState> {
    return this.#run(() => this.#parts.caller.run(getCall(this.#parts.requests, { bucket, key }, options)));
  }

  /** Writes a value: in place of what `context` covers, beside everything else. Resolves once `w` stores hold it on disk. */
  put(bucket: string, key: Bytes, value: Bytes, options: PutOptions = {}): Promise<Written> {
    return this.#run(() => this.#parts.caller.run(putCall(this.#parts.requests, { bucket, key, value }, options)));
  }

  /** Removes what `context` covers, or what is there when none is given. A value written meanwhile survives. */
  delete(bucket: string, key: Bytes, options: DeleteOptions = {}): Promise<Written> {
    return this.#run(() => this.#parts.caller.run(deleteCall(this.#parts.requests, { bucket, key }, options)));
  }

  /**
   * Reads, lets `resolve` make one value of all siblings (`null` deletes, `undefined` keeps all as it is), and writes that in
   * their place; again if the write was refused because of what others wrote. What others write meanwhile stays beside it.
   * Resolves with the write, or with `undefined` when nothing was written.
   */
  update(bucket: string, key: Bytes, resolve: Resolver, options: UpdateOptions = {}): Promise<Written | undefined> {
    return this.#run(() => {
      const remainingMs = this.#countdown(options);
      const { timers, random } = this.#parts.world;
      const { caller, requests } = this.#parts;
      const steps = {
        random,
        remainingMs,
        read: (how: ReadOptions) => caller.run(getCall(requests, { bucket, key }, how)),
        put: (value: Bytes, how: PutOptions) => caller.run(putCall(requests, { bucket, key, value }, how)),
        delete: (how: DeleteOptions) => caller.run(deleteCall(requests, { bucket, key }, how)),
        pause: (ms: number) => waitAtMost(timers, ms),
      };
      return update(steps, resolve, options);
    });
  }

  /** Many keys in few trips: what `get` gives for each, in their order. @throws the error of the first that failed */
  async getMany(bucket: string, keys: readonly Bytes[], options: ReadOptions = {}): Promise<readonly (Found | undefined)[]> {
    const { requests, caller } = this.#parts;
    const entryOf = (key: Bytes): Entry<KeyState> => ({
      ...getLine(requests, { bucket, key }, options),
      read: readStateLine,
      alone: (timeoutMs) => caller.run(getCall(requests, { bucket, key }, { ...options, timeoutMs })),
    });
    const outcomes = await this.#run(async () => {
      checkCount(keys.length);
      return runMany(keys.map(entryOf), this.#frame(options, { isWrite: false }));
    });
    return outcomes.map((outcome) => {
      if ('error' in outcome) throw outcome.error;
      return outcome.value.state === 'found' ? outcome.value : undefined;
    });
  }

  /** Many values in few trips, not as one atomic operation: what became of each, in their order. */
  putMany(
    bucket: string,
    entries: readonly PutEntry[],
    options: CallOptions & Pick<PutOptions, 'w' | 'pw'> = {},
  ): Promise<readonly Outcome<Written>[]> {
    const { requests, caller } = this.#parts;
    const entryOf = (entry: PutEntry): Entry<Written> => {
      const { key, value, ...how } = entry;
      const operation = entry.operation ?? requests.operations.mint();
      return {
        ...putLine(requests, { ...entry, bucket, operation }, options),
        read: readWrittenLine,
        alone: (timeoutMs) => caller.run(putCall(requests, { bucket, key, value }, { ...options, ...how, operation, timeoutMs })),
      };
    };
    return this.#run(async () => {
      checkCount(entries.length);
      return runMany(entries.map(entryOf), this.#frame(options, { isWrite: true }));
    });
  }

  /** The keys of a bucket, in no order that a program should count on. Leave the loop when you have enough. */
  keys(bucket: string, options: KeysOptions = {}): AsyncGenerator<Uint8Array, void, void> {
    return keysOf(bucket, options, { caller: this.#runner, parts: this.#parts.requests });
  }

  /** A bucket's properties, and its end. @throws `INVALID_ARGUMENT` for a name that none can have */
  bucket(name: string): Bucket {
    return new Bucket(name, this.#parts.requests, this.#runner);
  }

  /** How one node is doing: `/v1/status` of any. */
  status(options: CallOptions = {}): Promise<Document> {
    return this.#document('/v1/status', options);
  }

  /** Members, balance and warnings: `/v1/cluster`. */
  cluster(options: CallOptions = {}): Promise<Document> {
    return this.#document('/v1/cluster', options);
  }

  /** Takes nothing new, waits for what runs, and ends all connections. */
  close(): Promise<void> {
    this.#closing ??= this.#drain();
    return this.#closing;
  }

  async #drain(): Promise<void> {
    if (this.#running > 0) await new Promise<void>((resolve) => (this.#quiet = resolve));
    this.#parts.transport.close();
  }

  #document(path: string, options: CallOptions): Promise<Document> {
    const { limits, ring } = this.#parts.requests;
    return this.#run(() =>
      this.#parts.caller.run({
        what: `get ${path}`,
        method: 'GET',
        path,
        headers: {},
        isWrite: false,
        repetition: 'freely',
        timeoutMs: options.timeoutMs ?? limits.timeoutMs,
        signal: options.signal,
        route: () => ring.anyRoute(),
        read: ({ status, body }) => (status === 200 ? parseFields(body) : undefined),
      }),
    );
  }

  #frame({ timeoutMs, signal }: CallOptions, { isWrite }: Pick<BatchFrame, 'isWrite'>): BatchFrame {
    return { caller: this.#parts.caller, isWrite, signal, remainingMs: this.#countdown({ timeoutMs }) };
  }

  #countdown({ timeoutMs = this.#parts.requests.limits.timeoutMs }: CallOptions): () => number {
    const { clock } = this.#parts.world;
    const endsAt = clock.monotonic() + checkTimeout(timeoutMs);
    return () => endsAt - clock.monotonic();
  }

  async #run<T>(work: () => Promise<T>): Promise<T> {
    this.#checkOpen();
    this.#running++;
    try {
      return await work();
    } finally {
      this.#running--;
      if (this.#running === 0) this.#quiet?.();
    }
  }

  #checkOpen(): void {
    if (this.#closing !== undefined)
      throw new CoterieError('CLOSED', 'this database connection is closed', { details: { mayHaveTakenEffect: false } });
  }
}
