/**
 * What a node asks of others, in its own terms. `remote.ts` carries it over rpc; tests put other nodes behind it
 * directly. Every call is bounded in time and rejects with a `CoterieError`: the other's own, or `TIMEOUT`,
 * `CONNECTION_LOST`, `OVERLOADED` of the way there.
 */
import { CoterieError } from '@coterie/env';
import type { Hash64 } from '@coterie/ring';
import type { RpcAnswer } from '@coterie/rpc';
import type { DeleteRequest, PutRequest, WriteReply } from '../api.ts';
import type { KeyStretch, StretchOrder } from '../coordinator/list-keys.ts';
import type { CausalObject } from '../objects/object.ts';
import type { Place } from '../replica/replica.ts';

/** What another store knows of a key. */
export interface RemoteCopy {
  readonly object: CausalObject;
  /** It cannot vouch for what it lacks. */
  readonly recovering: boolean;
}

/** How a merge is to be kept. */
export interface MergeOrder {
  /** The owner for whom it is kept as a hint; absent at an owner. */
  readonly hintFor?: string | undefined;
  /** Comes from a hint, from repair, or from a move: waits behind clients. */
  readonly background?: boolean;
}

/** A stretch of another store's objects. */
export interface CopyPage {
  readonly records: readonly { readonly objectKey: Uint8Array; readonly object: Uint8Array }[];
  /** Where to go on; absent at the end. */
  readonly cursor?: Uint8Array;
}

/** What a stretch of another store's objects is, without the objects. */
export interface HashPage {
  readonly hashes: readonly ObjectHash[];
  /** Where to go on; absent at the end. */
  readonly cursor?: Uint8Array;
}

/** A question that is not about one key. */
export interface PeerQuestion {
  readonly method: string;
  readonly body: unknown;
  readonly values: readonly Uint8Array[];
}

/** Other nodes, by member id. */
export interface Peers {
  /** The copy of an owner; with `hintsFor`, what a fallback keeps for these owners. */
  read(member: string, place: Place, hintsFor: readonly string[]): Promise<RemoteCopy>;
  /** Resolves to whether it is synced there. */
  merge(member: string, place: Place, copy: { readonly object: CausalObject; readonly order: MergeOrder }): Promise<boolean>;
  /** Has another node coordinate; it does not pass the request on. */
  put(member: string, request: PutRequest): Promise<WriteReply>;
  delete(member: string, request: DeleteRequest): Promise<WriteReply>;
  /** A page of what another store holds of these partitions. */
  page(member: string, ranges: PartitionRanges, cursor: Uint8Array | undefined): Promise<CopyPage>;
  /** The hashes of what another store holds of these partitions, a page at a time. */
  hashes(member: string, ranges: PartitionRanges, cursor: Uint8Array | undefined): Promise<HashPage>;
  /** The hashes of an owner's copies of these keys, in order: undefined for one that it cannot vouch for. At most `digestsMax` keys. */
  digests(member: string, objectKeys: readonly Uint8Array[]): Promise<readonly (Hash64 | undefined)[]>;
  /** Positions of the objects of which another store lacks something. */
  lacking(member: string, objects: readonly OutlinedObject[]): Promise<readonly number[]>;
  /** Any other question; the caller checks the answer. It may take longer than one about a key. */
  ask(member: string, question: PeerQuestion): Promise<RpcAnswer>;
  /** Resolves when another node is at `epoch` and runs nothing that began under an older ring. */
  barrier(member: string, epoch: number): Promise<void>;
  /** The keys that are another member's to list when `down` cannot be asked. */
  keys(member: string, order: StretchOrder, down: readonly string[]): Promise<KeyStretch>;
  /** Which buckets another store was written to, of those it knows, in the generation that it knows. */
  usedBuckets(member: string): Promise<readonly string[]>;
  /** What another node's wall clock says. */
  clock(member: string): Promise<number>;
  /** What keeps another node from having all that it is to take over in this change; undefined when it has it. */
  missing(member: string, change: string): Promise<string | undefined>;
}

/** The others of a node that has no door. */
export const noPeers: Peers = {
  read: unreachable,
  merge: unreachable,
  put: unreachable,
  delete: unreachable,
  page: unreachable,
  hashes: unreachable,
  digests: unreachable,
  lacking: unreachable,
  ask: unreachable,
  barrier: unreachable,
  keys: unreachable,
  usedBuckets: unreachable,
  clock: unreachable,
  missing: unreachable,
};

function unreachable(member: string): Promise<never> {
  return Promise.reject(new CoterieError('CONNECTION_LOST', `this node has no door for other nodes, so ${member} cannot be asked`));
}

/** An object by its place, the hash of its header, and its outline, encoded: without it every other hash counts as lacking something. */
export interface OutlinedObject extends ObjectHash {
  readonly outline?: Uint8Array;
}

/** Half-open stretches of partitions, in order. */
export type PartitionRanges = readonly (readonly [from: number, until: number])[];

/** An object by its place and the hash of its header. */
export interface ObjectHash {
  readonly objectKey: Uint8Array;
  readonly hash: Hash64;
}
