/** A bucket as a whole: its properties, its keys, its end. */
import type { HttpAnswer } from '@coterie/env';
import { parseFields } from './answers.ts';
import type { CallOptions } from './api.ts';
import type { Call, Runner } from './caller.ts';
import { bucketSegment } from './names.ts';
import type { RequestParts } from './requests.ts';

/** Properties of a bucket, as `docs/http-api.md` has them. */
export interface BucketProperties {
  /** Copies wanted. */
  readonly n?: number;
  /** Answers awaited by default. */
  readonly r?: number | 'majority';
  readonly w?: number | 'majority';
  readonly pr?: number;
  readonly pw?: number;
  /** What concurrent writes do. Fixed at the first write. */
  readonly conflict?: 'siblings' | 'lww';
  readonly ttlMs?: number;
  readonly valueBytesMax?: number;
  readonly siblingsMax?: number;
  readonly [name: string]: unknown;
}

/** A bucket as it stands. */
export interface BucketState {
  readonly name: string;
  /** Goes up each time the bucket is dropped. */
  readonly generation: number;
  /** Whether it was ever written or set; one that was not has the defaults. */
  readonly exists: boolean;
  readonly properties: BucketProperties;
}

/** One bucket's door. */
export class Bucket {
  readonly name: string;
  readonly #parts: RequestParts;
  readonly #caller: Runner;
  readonly #path: string;

  /** @throws `INVALID_ARGUMENT` for a name that none can have */
  constructor(name: string, parts: RequestParts, caller: Runner) {
    this.name = name;
    this.#parts = parts;
    this.#caller = caller;
    this.#path = `/v1/buckets/${bucketSegment(name)}`;
  }

  /** The bucket as it stands. */
  get(options: CallOptions = {}): Promise<BucketState> {
    return this.#caller.run({ ...this.#frame('show', options), method: 'GET', headers: {}, isWrite: false, read: readState });
  }

  /** Sets the properties that are named and keeps the others; resolves with the bucket as it then stands. @throws `INVALID_ARGUMENT` naming the property */
  set(properties: BucketProperties, options: CallOptions = {}): Promise<BucketState> {
    const body = new TextEncoder().encode(JSON.stringify(properties));
    const headers = { 'content-type': 'application/json' };
    return this.#caller.run({ ...this.#frame('set', options), method: 'PUT', headers, body, isWrite: true, read: readState });
  }

  /**
   * Removes all its keys, at once and for ever. Sent once only: a second drop would take what was written after the first.
   * So a lost answer is an error with `mayHaveTakenEffect`; look before you drop again.
   */
  async drop(options: CallOptions = {}): Promise<void> {
    const call: Call<boolean> = {
      ...this.#frame('drop', options),
      method: 'DELETE',
      headers: {},
      isWrite: true,
      repetition: 'if-unsent',
      read: ({ status }) => status === 204 || undefined,
    };
    await this.#caller.run(call);
  }

  #frame(verb: string, options: CallOptions): Pick<Call<BucketState>, 'what' | 'path' | 'timeoutMs' | 'signal' | 'repetition' | 'route'> {
    const { limits, ring } = this.#parts;
    const { timeoutMs = limits.timeoutMs, signal } = options;
    return { what: `${verb} bucket ${this.name}`, path: this.#path, timeoutMs, signal, repetition: 'freely', route: () => ring.anyRoute() };
  }
}

function readState({ status, body }: HttpAnswer): BucketState | undefined {
  const json = status === 200 ? parseFields(body) : undefined;
  if (json === undefined) return undefined;
  const { name, generation, exists, properties } = json;
  const isOne = typeof name === 'string' && typeof generation === 'number' && typeof exists === 'boolean' && typeof properties === 'object';
  return isOne && properties !== null ? { name, generation, exists, properties: properties as BucketProperties } : undefined;
}
