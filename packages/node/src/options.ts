/** What `startNode` is told. Checked once, here. */
import { CoterieError, type Environment } from '@coterie/env';
import { firstLevel, newestLevel } from './cluster/level.ts';
import { checkHazards, type Hazards } from './hazards.ts';
import { checkLimits, type NodeLimits } from './limits.ts';
import type { Durability, OpenStore } from './store/store.ts';

/** When writes are synced: each before it is acknowledged, so often, or when the system likes. Only `always` keeps promise P1. */
export type SyncMode = 'always' | 'never' | { readonly everyMs: number };

/** Options of `startNode`. */
export interface NodeOptions {
  readonly environment: Environment;
  /** Holds the store (`store/`) and the identity file. Made if it is not there. */
  readonly dataDirectory: string;
  /** For people; the node's id names it to machines. Different for each member. Default: `node-` and the first four digits of its id. */
  readonly name?: string;
  /** Default `always`. */
  readonly sync?: SyncMode;
  /** Opens the store. Default: `openStore` of `@coterie/lsm`. */
  readonly openStore?: OpenStore;
  /** Partitions of the ring when the store is new: a power of two from 64 to 65,536. Default 1024. Fixed afterwards. */
  readonly partitions?: number;
  /** Signs context tokens: 32 bytes. Default: made when the store is new, and kept in it. */
  readonly clusterKey?: Uint8Array;
  /** The newest level of formats that this node goes up to. Default: the newest it knows. Lower during an upgrade that may be taken back. */
  readonly levelMax?: number;
  /** The door for other nodes. Without one the node stays alone. */
  readonly peer?: PeerOptions;
  /** Between two looks whether tombstones and expired values can be forgotten, in milliseconds. Default a minute; `never` leaves them. */
  readonly forgetEveryMs?: number | 'never';
  readonly limits?: Partial<NodeLimits>;
  /** For tests of the store itself: safeguards to do without. Default: none. A node that has any loses data. */
  readonly hazards?: Partial<Hazards>;
  /** For tests of the store itself: is told of each write with a client's operation id that is about to be acknowledged from here, and by whom. */
  readonly witness?: WriteWitness;
}

/** A store that a reply counts. */
export interface CountedStore {
  /** Its member's id. */
  readonly store: string;
  readonly isPrimary: boolean;
  /** The owner for whom it keeps the write. */
  readonly standsFor?: string | undefined;
}

/** Hears which stores hold a write when it is acknowledged. */
export type WriteWitness = (operation: string, stores: readonly CountedStore[]) => void;

/** How other nodes and this one reach each other. */
export interface PeerOptions {
  /** `host:port`; port 0 picks one. */
  readonly listen: string;
  /** What others are told to dial. Default: where it listens. */
  readonly advertise?: string;
  /** Peer addresses of a cluster to join when this node belongs to none yet. Without any it begins a cluster of its own. */
  readonly seeds?: readonly string[];
  /** Whether it joins by itself, or is only staged for the next commit of a plan. Default `auto`. */
  readonly join?: 'auto' | 'staged';
  /** Name or id of a member whose place it is to take. */
  readonly replace?: string;
  /** A path such as `dc/rack/host`: copies are spread over different ones. */
  readonly zone?: string;
  /** How many times a usual share of the data. Default 1. */
  readonly weight?: number;
  /** Where clients reach this node, for others to tell: `host:port`. */
  readonly http?: string;
}

/** Options with the defaults filled in. */
export interface NodeSettings {
  readonly environment: Environment;
  readonly dataDirectory: string;
  readonly name: string | undefined;
  readonly sync: SyncMode;
  readonly partitions: number;
  readonly clusterKey: Uint8Array | undefined;
  readonly levelMax: number;
  readonly peer: PeerOptions | undefined;
  /** Undefined: never. */
  readonly forgetEveryMs: number | undefined;
  readonly limits: NodeLimits;
  readonly hazards: Hazards;
  readonly witness: WriteWitness | undefined;
}

const partitionsDefault = 1024;
const forgetEveryMsDefault = 60_000;

/** Checks the options. @throws `INVALID_ARGUMENT` naming the option and what would be right */
export function checkNodeOptions(options: NodeOptions): NodeSettings {
  const {
    environment,
    dataDirectory,
    name,
    sync = 'always',
    partitions = partitionsDefault,
    clusterKey,
    levelMax = newestLevel,
    peer,
  } = options;
  const { forgetEveryMs: asked = forgetEveryMsDefault } = options;
  if (dataDirectory === '') throw refuse('dataDirectory must not be empty');
  if (name !== undefined && !/^[\x21-\x7e]{1,64}$/.test(name)) throw refuse('name has 1 to 64 visible ASCII characters');
  const everyMs = typeof sync === 'object' ? sync.everyMs : 1;
  const known = sync === 'always' || sync === 'never' || typeof sync === 'object';
  if (!known || !Number.isInteger(everyMs) || everyMs < 1 || everyMs > 60_000) {
    throw refuse("sync is 'always', 'never' or { everyMs } with an integer from 1 to 60000");
  }
  if (!Number.isInteger(levelMax) || levelMax < firstLevel || levelMax > newestLevel)
    throw refuse(`levelMax is an integer from ${firstLevel} to ${newestLevel}, not ${levelMax}`);
  const forgetEveryMs = asked === 'never' ? undefined : asked;
  if (forgetEveryMs !== undefined && !(Number.isInteger(forgetEveryMs) && forgetEveryMs >= 1))
    throw refuse("forgetEveryMs is a positive integer, or 'never'");
  const [limits, hazards] = [checkLimits(options.limits ?? {}), checkHazards(options.hazards)];
  return {
    environment,
    dataDirectory,
    name,
    sync,
    partitions,
    clusterKey,
    levelMax,
    peer,
    forgetEveryMs,
    limits,
    hazards,
    witness: options.witness,
  };
}

/** What the store is told for a sync mode. */
export function durabilityOf(sync: SyncMode): Durability {
  if (sync === 'always') return true;
  return sync === 'never' ? false : { everyMs: sync.everyMs };
}

/** The sync mode in words. */
export function describeSync(sync: SyncMode): string {
  return typeof sync === 'string' ? sync : `every ${sync.everyMs} ms`;
}

function refuse(message: string): CoterieError {
  return new CoterieError('INVALID_ARGUMENT', `option ${message}`);
}
