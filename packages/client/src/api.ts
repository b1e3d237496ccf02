/** What programs put in and get out. Everything that comes out is the program's to keep. */
import type { Bytes } from './names.ts';

/** One of the concurrent values of a key. */
export class Sibling {
  readonly value: Uint8Array;
  readonly contentType: string;
  /** When it was written: wall-clock milliseconds of the node that took it; whole seconds when it is the only value. */
  readonly writtenAt: number;
  /** Names this value; of an only value, the same as the key's. */
  readonly etag: string;
  /** Wall-clock milliseconds after which it is hidden; absent when it lasts. */
  readonly expiresAt?: number;

  constructor(fields: Pick<Sibling, 'value' | 'contentType' | 'writtenAt' | 'etag' | 'expiresAt'>) {
    this.value = fields.value;
    this.contentType = fields.contentType;
    this.writtenAt = fields.writtenAt;
    this.etag = fields.etag;
    if (fields.expiresAt !== undefined) this.expiresAt = fields.expiresAt;
  }

  /** The value as UTF-8 text. */
  get text(): string {
    return new TextDecoder().decode(this.value);
  }
}

/** Which stores answered: primaries and fallbacks, and how many of them hold a write on disk. */
export interface Reached {
  readonly primaries: number;
  readonly fallbacks: number;
  readonly synced: number;
}

/** A key with values. */
export interface Found {
  /** One, or several that were written concurrently: then the program decides what becomes of them. Never empty. */
  readonly siblings: readonly Sibling[];
  /** Hand it to the next write of this key, and that replaces exactly these siblings. */
  readonly context: string;
  /** Names this state of the key, for `ifMatch`. */
  readonly etag: string;
  readonly reached?: Reached;
}

/** What a key is: with values, deleted (a context says so to the next write), or never heard of. */
export type KeyState =
  | (Found & { readonly state: 'found' })
  | { readonly state: 'deleted'; readonly context: string; readonly reached?: Reached }
  | { readonly state: 'missing'; readonly reached?: Reached };

/** What a write made true. */
export interface Written {
  /** Covers this write and what its writer had seen; hand it to the next write. */
  readonly context: string;
  readonly etag: string;
  readonly reached: Reached;
}

/** Options of every operation. */
export interface CallOptions {
  /** Time for the operation with all its tries; `connect` has the default. */
  readonly timeoutMs?: number | undefined;
  /** Gives it up: it fails with `CLOSED`, and a write may have taken effect. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of a read. */
export interface ReadOptions extends CallOptions {
  /** Stores, and primaries among them, that have to answer. The bucket has the defaults. */
  readonly r?: number | undefined;
  readonly pr?: number | undefined;
  /** Makes what was read last before it is answered, so that no later read sees less. */
  readonly monotonic?: boolean | undefined;
}

/** Options of a write that takes values away. */
export interface DeleteOptions extends CallOptions {
  /** Of a read or write of this key: what the writer had seen. */
  readonly context?: string | undefined;
  /** Stores, and primaries among them, that have to hold it. The bucket has the defaults. */
  readonly w?: number | undefined;
  readonly pw?: number | undefined;
  /** An id of your own, 1 to 64 visible ASCII characters; minted by default. The write happens once, however often it is sent. */
  readonly operation?: string | undefined;
  /** Only if the key still has this etag. A guard against losing time, not a lock: two nodes may both let a write pass. */
  readonly ifMatch?: string | undefined;
}

/** Options of a write of a value. */
export interface PutOptions extends DeleteOptions {
  /** By default `text/plain; charset=utf-8` for text, else `application/octet-stream`. */
  readonly contentType?: string | undefined;
  /** The value hides itself after so many milliseconds. */
  readonly ttlMs?: number | undefined;
  /** Only if the key holds no value. */
  readonly ifNoneMatch?: '*' | undefined;
}

/** A value to be written, with what belongs to it. */
export interface NewValue extends Pick<PutOptions, 'contentType' | 'ttlMs'> {
  readonly value: Bytes;
}

/** One write of many. */
export interface PutEntry extends NewValue, Pick<PutOptions, 'context' | 'operation'> {
  readonly key: Bytes;
}
