/**
 * What a store can be told when it is opened, with the defaults and the limits. Checked once, here; everything behind
 * works with `Settings`, in which nothing is optional.
 */
import { CoterieError, type Environment } from '@coterie/env';

/** `true`: acknowledged when synced. `false`: when handed to the system. `everyMs`: handed, and synced that often. */
export type Durability = boolean | { readonly everyMs: number };

/** Options of `openStore`; all optional. */
export interface StoreOptions {
  /** Default durability of writes. Default `true`. */
  readonly durable?: Durability;
  /** Memory budget for cached blocks and write buffers together; blocks get a quarter of it at least. Default 128 MiB. */
  readonly cacheBytes?: number;
  /** Size of one memtable arena; four of them exist at most. Default 16 MiB. */
  readonly writeBufferBytes?: number;
  /** Compression of new blocks. Default `none`. */
  readonly compression?: 'none' | 'deflate';
  /** The world; the real one by default. */
  readonly environment?: Environment;
  /** Uncompressed size of a table's blocks. Default 4096. */
  readonly blockBytes?: number;
  /** Bloom filter bits for each key; 0 for none. Default 10. */
  readonly filterBitsPerKey?: number;
  /** Size at which a compaction starts its next table. Default 32 MiB. */
  readonly tableBytes?: number;
  /** Tables of level 0 that start a compaction. Default 12. */
  readonly level0Tables?: number;
  /** Size of level 1; each further level is ten times the one before. Default 256 MiB. */
  readonly level1Bytes?: number;
  /** Open table files at most. Default 256. */
  readonly tableHandles?: number;
  /** Snapshots at a time at most. Default 1000. */
  readonly snapshotsMax?: number;
  /** How long a sync write may wait for room before it throws `OVERLOADED`. Default 10,000. */
  readonly stallMs?: number;
  /** Bytes of async writes that may wait for room; past it `OVERLOADED`. Default 64 MiB. */
  readonly stallBytesMax?: number;
  /** Quiet time after which compaction debt is worked off. Default 1000. */
  readonly idleMs?: number;
  /** Disk space kept back so that flush, manifest and close succeed on a full disk. Default 4 MiB; 0 for none. */
  readonly reserveBytes?: number;
  /** Size of a commit-log segment. Default 4 MiB. */
  readonly logSegmentBytes?: number;
}

/** Checked options, nothing missing. */
export interface Settings extends Required<Omit<StoreOptions, 'environment'>> {
  readonly environment: Environment;
}

/** Largest key in bytes. */
export const keyBytesMax = 65_535;
/** Largest value in bytes. */
export const valueBytesMax: number = 32 * 2 ** 20;
/** Largest batch in bytes, keys and values together. */
export const batchBytesMax: number = 64 * 2 ** 20;

const mebibyte = 2 ** 20;

const defaults = {
  durable: true,
  cacheBytes: 128 * mebibyte,
  writeBufferBytes: 16 * mebibyte,
  compression: 'none',
  blockBytes: 4096,
  filterBitsPerKey: 10,
  tableBytes: 32 * mebibyte,
  level0Tables: 12,
  level1Bytes: 256 * mebibyte,
  tableHandles: 256,
  snapshotsMax: 1000,
  stallMs: 10_000,
  stallBytesMax: 64 * mebibyte,
  idleMs: 1000,
  reserveBytes: 4 * mebibyte,
  logSegmentBytes: 4 * mebibyte,
} as const;

/** Allowed range of each numeric option, both ends included. */
const ranges: Readonly<Record<string, readonly [number, number]>> = {
  cacheBytes: [0, 2 ** 40],
  writeBufferBytes: [1024, 1024 * mebibyte],
  blockBytes: [1, 65_536],
  filterBitsPerKey: [0, 23],
  tableBytes: [1024, 1024 * mebibyte],
  level0Tables: [1, 64],
  level1Bytes: [1024, 2 ** 50],
  tableHandles: [2, 100_000],
  snapshotsMax: [1, 1_000_000],
  stallMs: [0, 3_600_000],
  stallBytesMax: [0, 2 ** 40],
  idleMs: [1, 3_600_000],
  reserveBytes: [0, 2 ** 40],
  logSegmentBytes: [64 * 1024, 1024 * mebibyte],
};

/** Checks options and fills in defaults. @throws CoterieError `INVALID_ARGUMENT` naming the option and what would be right */
export function checkOptions(options: StoreOptions, environment: Environment): Settings {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const settings: Settings = { ...defaults, ...given, environment };
  for (const name of Object.keys(given)) {
    if (name !== 'environment' && !(name in defaults)) throw refuse(name, 'is not an option of openStore');
  }
  for (const [name, [low, high]] of Object.entries(ranges)) {
    const value = settings[name as keyof Settings];
    const fits = typeof value === 'number' && Number.isInteger(value) && value >= low && value <= high;
    if (!fits) throw refuse(name, `is ${String(value)}; it must be an integer from ${low} to ${high}`);
  }
  checkDurability(settings.durable);
  if (!['none', 'deflate'].includes(settings.compression)) throw refuse('compression', "must be 'none' or 'deflate'");
  return settings;
}

function checkDurability(durable: Durability): void {
  if (typeof durable === 'boolean') return;
  if (typeof durable === 'object' && Number.isFinite(durable.everyMs) && durable.everyMs >= 1) return;
  throw refuse('durable', 'must be true, false or { everyMs } with everyMs of at least 1');
}

function refuse(name: string, what: string): CoterieError {
  return new CoterieError('INVALID_ARGUMENT', `option ${name} ${what}`);
}
