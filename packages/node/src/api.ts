/**
 * What one running node offers to the doors in front of it (HTTP, CLI, later Redis): values in, values out. Errors are
 * `CoterieError`s. Nothing here knows about HTTP.
 */
import type { Bounds } from '@coterie/env';
import type { ChangeReport, RingChanges } from './api-topology.ts';
import type { BackupReport } from './backup/backup-file.ts';
import type { ScrubReport } from './store/scrub.ts';

/** Properties of a bucket. Any bucket exists, with the defaults, before anybody made it. */
export interface BucketProperties {
  /** Copies wanted. */
  readonly n: number;
  /** Answers awaited by default: a number, or `majority` of the effective n. */
  readonly r: number | 'majority';
  readonly w: number | 'majority';
  readonly pr: number;
  readonly pw: number;
  /** Fixed at first use. */
  readonly conflict: 'siblings' | 'lww';
  /** Fixed at first use: which function makes a key's token. */
  readonly token: 'hash';
  /** Default time to live in milliseconds. */
  readonly ttlMs?: number;
  readonly valueBytesMax: number;
  readonly siblingsMax: number;
  /** Dynamo's truncation by size; absent means off, the default. */
  readonly clockEntriesMax?: number;
}

/** A bucket as it stands: its properties, and how often its name was dropped. */
export interface Bucket {
  readonly name: string;
  readonly generation: number;
  readonly properties: BucketProperties;
  /** Whether it was ever written or set; a bucket that was not has the defaults. */
  readonly exists: boolean;
}

/** One of the concurrent values of a key. */
export interface SiblingValue {
  readonly value: Uint8Array;
  readonly contentType: string;
  /** Wall-clock milliseconds at which its coordinator took it. */
  readonly writtenAt: number;
  /** Absolute wall-clock milliseconds after which it is hidden. */
  readonly expiresAt?: number;
  /** Names this value alone; quoted hex. */
  readonly etag: string;
}

/** Which stores answered. One node alone always answers `primaries: 1`. */
export interface Reached {
  readonly primaries: number;
  readonly fallbacks: number;
  /** Of them, how many hold the write durably. Zero in answers to reads. */
  readonly synced: number;
}

/** Preconditions, checked under the key's lock: a guard, not a lock between coordinators. */
export interface Conditions {
  /** `*`: only if the key holds no value. */
  readonly ifNoneMatch?: '*';
  /** Only if the key holds values and its etag is this one; `*`: only if it holds values. Without a context, naming the etag counts as having seen it. */
  readonly ifMatch?: string;
}

/** A write of one value. */
export interface PutRequest {
  readonly bucket: string;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly contentType?: string;
  /** Opaque token of an earlier answer. */
  readonly context?: string;
  /** Operation id, kept across retries: 1 to 64 visible ASCII characters. Minted when absent. */
  readonly operation?: string;
  readonly ttlMs?: number;
  readonly w?: number;
  readonly pw?: number;
  readonly timeoutMs?: number;
  readonly conditions?: Conditions;
}

/** A removal of what the context covers; without a context, of what is there. */
export interface DeleteRequest {
  readonly bucket: string;
  readonly key: Uint8Array;
  readonly context?: string;
  readonly operation?: string;
  readonly w?: number;
  readonly pw?: number;
  readonly timeoutMs?: number;
  readonly conditions?: Conditions;
}

/** What a write reached, and the context to go on from: it covers this write and what its author had seen. */
export interface WriteReply {
  readonly context: string;
  /** Hash of the object's clock, quoted hex. */
  readonly etag: string;
  readonly reached: Reached;
}

/** A read of one key. */
export interface GetRequest {
  readonly bucket: string;
  readonly key: Uint8Array;
  readonly r?: number;
  readonly pr?: number;
  readonly timeoutMs?: number;
  readonly monotonic?: boolean;
}

/** Three different answers: values (one or more siblings), deleted, never heard of. */
export type GetReply =
  | {
      readonly state: 'found';
      readonly siblings: readonly SiblingValue[];
      readonly context: string;
      readonly etag: string;
      readonly reached: Reached;
    }
  | { readonly state: 'deleted'; readonly context: string; readonly reached: Reached }
  | { readonly state: 'missing'; readonly reached: Reached };

/** Which keys to list, and from where. */
export interface KeyPageRequest {
  readonly bucket: string;
  readonly prefix?: Uint8Array;
  /** 1 to 1000. */
  readonly limit: number;
  /** Opaque, from the page before. */
  readonly cursor?: string;
}

/** A page of keys, in key order. It may be short, even empty: only a page without a cursor is the last. */
export interface KeyPage {
  readonly keys: readonly Uint8Array[];
  /** Absent on the last page. */
  readonly cursor?: string;
}

/** Where a key lives. */
export interface Placement {
  /** First 64 bits of the frozen hash, 16 hex digits. */
  readonly token: string;
  readonly partition: number;
  readonly partitions: number;
  readonly preferenceList: readonly { readonly node: string; readonly role: 'primary' | 'fallback'; readonly healthy: boolean }[];
}

/** A member as this node knows it. */
export interface MemberReport {
  readonly id: string;
  readonly name: string;
  readonly zone: string;
  readonly weight: number;
  /** Where other nodes reach it, `host:port`; empty for a node without a door. */
  readonly peer: string;
  /** Where clients reach it, `host:port`; empty if it did not say. */
  readonly http: string;
  readonly isSelf: boolean;
  /** `alive` also for this node itself. */
  readonly state: 'alive' | 'suspect' | 'dead' | 'left';
  /** Milliseconds since it was found to be in that state; 0 where nobody knows. */
  readonly sinceMs: number;
  /** Whether it votes on the next epoch; a node that lost its votes says it of itself before others can know. */
  readonly isSteward: boolean;
  /** The newest level of formats that it knows. */
  readonly level: number;
  /** Whether its join is still under way. */
  readonly isJoining: boolean;
  /** Whether it is to go: in a change under way, or holding nothing any more and bringing home what it has. */
  readonly isLeaving: boolean;
  /** Whether it was declared dead for good. */
  readonly isLost: boolean;
  /** Partitions of which it holds a copy. */
  readonly replicas: number;
  /** Partitions whose first copy it holds: whose writes it coordinates. */
  readonly primaries: number;
  /** Copies that it ought to hold by its weight. */
  readonly ideal: number;
  /** Objects that this node keeps for it. */
  readonly hints: number;
}

/** The cluster as this node knows it. */
export interface ClusterReport {
  readonly clusterId: string;
  readonly epoch: number;
  /** The level of formats that members write and send. */
  readonly level: number;
  readonly partitions: number;
  readonly effectiveN: number;
  readonly members: readonly MemberReport[];
  /** Largest load over what the member ought to have. */
  readonly largestOverIdeal: number;
  /** The oldest change under way. */
  readonly change?: ChangeReport;
  readonly changes: readonly ChangeReport[];
  /** What this node waits for before it may go; empty unless it is leaving. */
  readonly leavingWaitsFor: string;
  /** Objects that this node keeps for others. */
  readonly hints: number;
  readonly hintsDelivered: number;
  /** Whether this store cannot vouch for what it lacks. */
  readonly isRecovering: boolean;
}

/** Who holds what, for clients that go to the right node themselves. */
export interface RingReport {
  readonly epoch: number;
  readonly partitions: number;
  readonly members: readonly { readonly id: string; readonly name: string; readonly http: string }[];
  /** For each partition the holders in order, as positions in `members`. */
  readonly replicas: readonly (readonly number[])[];
}

/** What this store alone holds of a key. */
export interface CopyReport {
  /** Hash of the object's clock and values; equal on equal copies. Absent when there is nothing. */
  readonly etag?: string;
  readonly siblings: number;
  readonly isOwner: boolean;
  /** Members for whom it keeps the key. */
  readonly hintFor: readonly string[];
}

/** What the door for other nodes and gossip count, by name. Empty for a node without a door. */
export interface NodeCounters {
  /** What has a limit, by name: none is ever passed. At the limit what comes is refused, and says so. */
  readonly bounds: Bounds;
  readonly rpc: Readonly<Record<string, number>>;
  readonly gossip: Readonly<Record<string, number>>;
  /** What changes of the ring have cost this node, in objects and bytes. */
  readonly moved: Readonly<Record<string, number>>;
}

/** How a repair is to be done. */
export interface RepairRequest {
  /** Both sides count their sums from the data, and compare once more afterwards. Reads everything. */
  readonly prove?: boolean;
  /** Without the rests that leave clients their time. */
  readonly hurry?: boolean;
}

/** What comparing copies did. */
export interface ComparisonCounts {
  /** Partitions compared. */
  readonly partitions: number;
  /** Keys of which one side lacked something, in two looks. */
  readonly differing: number;
  /** Copies sent to the other side, and copies taken from it. */
  readonly sent: number;
  readonly fetched: number;
  /** Sums that were wrong here and have been counted anew. */
  readonly mended: number;
  /** Questions asked, and bytes that they took both ways. */
  readonly trips: number;
  readonly bytes: number;
}

/** How gets were answered, and what was done afterwards about owners that were not asked. */
export interface ReadCounts {
  /** Answered by as few owners as they needed. */
  readonly few: number;
  /** Asked all: something was out of the ordinary, or those few differed. */
  readonly all: number;
  /** Answers that were not waited for any longer. */
  readonly late: number;
  /** Copies of owners that were not asked, compared afterwards. */
  readonly compared: number;
  /** Of them, how many were not what the store that asked holds. */
  readonly differing: number;
  /** Copies that were not compared: too many waited, or their owner did not answer. */
  readonly leftOut: number;
}

/** What came of a repair with one member. */
export interface RepairReport extends ComparisonCounts {
  /** The other member's id. */
  readonly member: string;
  /** Partitions that still differed afterwards; those that were written meanwhile may be among them. */
  readonly unequal: number;
  /** Both sides counted every sum from their data, and the sums were then equal. */
  readonly proven: boolean;
  /** Why it could not be carried through. */
  readonly trouble?: string;
}

/** What a node forgets: tombstones, and values whose time is over. */
export interface ForgettingReport {
  /** Rounds that this node drove to their end since its start. */
  readonly rounds: number;
  /** Objects that went from this store, or lost a part. */
  readonly dropped: number;
  /** Objects of this store that hold a tombstone, when it last looked. */
  readonly tombstones: number;
  /** Objects of this store with a value that will expire, and with one that has, when it last looked. */
  readonly expiring: number;
  readonly expired: number;
  /** How long ago the oldest tombstone was written. Absent when there is none. */
  readonly oldestTombstoneMs?: number;
  /** Buckets in partitions for which this node knows what has been forgotten. */
  readonly floors: number;
  /** Members for whom the next round waits, by name, and why. */
  readonly waitingFor: readonly { readonly member: string; readonly reason: string }[];
}

/** The node as an operator wants to see it. */
export interface NodeStatus extends NodeCounters {
  readonly name: string;
  readonly nodeId: string;
  /** Where other nodes reach it, with the port that was really taken; absent without a door. */
  readonly peer?: string;
  readonly incarnation: string;
  readonly state: 'starting' | 'ready' | 'read-only' | 'left' | 'draining' | 'closed';
  /** Why the state is not `ready`, in a sentence. */
  readonly reason?: string;
  readonly effectiveN: number;
  /** Sentences an operator should read; empty when all is well. */
  readonly warnings: readonly string[];
  readonly sync: string;
  readonly uptimeMs: number;
  readonly operations: { readonly puts: number; readonly gets: number; readonly deletes: number; readonly failed: number };
  readonly store: Readonly<Record<string, number | string | boolean>>;
  /** What comparing copies with others did since the start. */
  readonly comparing: ComparisonCounts & {
    readonly exchanges: number;
    /** Partitions in which others missed writes that nobody keeps for them, as far as this node knows. */
    readonly missed: number;
  };
  readonly reading: ReadCounts;
  readonly forgetting: ForgettingReport;
}

/** A running node. */
export interface CoterieNode {
  /** Resolves when w synced stores hold it. */
  put(request: PutRequest): Promise<WriteReply>;
  get(request: GetRequest): Promise<GetReply>;
  delete(request: DeleteRequest): Promise<WriteReply>;
  listKeys(request: KeyPageRequest): Promise<KeyPage>;
  buckets(): Promise<readonly Bucket[]>;
  bucket(name: string): Promise<Bucket>;
  /** @throws `INVALID_ARGUMENT` for unknown or impossible properties, or a changed `conflict` or `token` after first use */
  setBucket(name: string, properties: Partial<BucketProperties>): Promise<Bucket>;
  /** Hides every key at once and raises the generation; space comes back in the background. */
  dropBucket(name: string): Promise<void>;
  where(bucket: string, key: Uint8Array): Promise<Placement>;
  /** The epoch of the ring that this node goes by. */
  readonly epoch: number;
  /** Whether a change of the ring is under way or staged, as far as this node knows. Costs nothing to ask. */
  readonly expectsChange: boolean;
  cluster(): ClusterReport;
  ring(): RingReport;
  /** What this store alone holds of a key, nobody else being asked. */
  inspect(bucket: string, key: Uint8Array): Promise<CopyReport>;
  /** Compares this store with every member that holds something together with it, and repairs both; one report a member. */
  repair(request?: RepairRequest): Promise<readonly RepairReport[]>;
  status(): NodeStatus;
  /** Reads everything in this node's tables back from the disk, now. What is damaged is set aside. @throws `DISK_IO` */
  scrub(): Promise<ScrubReport>;
  /**
   * Saves this node's store and what the cluster has decided under this name, while it runs; whole and verified when it resolves.
   * @throws `INVALID_ARGUMENT` for an impossible name or one that is taken, `OVERLOADED` while another is taken, `CORRUPTION`, `DISK_FULL`
   */
  backUp(name: string): Promise<BackupReport>;
  /** Changes of the ring on purpose. */
  readonly topology: RingChanges;
  /** Takes no new work, lets what runs finish, closes the store. */
  close(): Promise<void>;
}
