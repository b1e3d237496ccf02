/**
 * A node in memory, for tests of the door in front of it: the same answers as the real one in the simplest form, and
 * whatever failure a test wants next. Its context is the number of the last write it has seen; its clock is a counter.
 */
import { CoterieError } from '@coterie/env';
import type {
  Bucket,
  BucketProperties,
  ClusterReport,
  CopyReport,
  CoterieNode,
  DeleteRequest,
  GetReply,
  GetRequest,
  KeyPage,
  KeyPageRequest,
  NodeStatus,
  Placement,
  PutRequest,
  BackupReport,
  ScrubReport,
  RepairReport,
  RingChanges,
  RingReport,
  SiblingValue,
  WriteReply,
} from '@coterie/node';

interface Held {
  dot: number;
  value: SiblingValue | undefined;
}

const defaults: BucketProperties = {
  n: 3,
  r: 'majority',
  w: 'majority',
  pr: 0,
  pw: 0,
  conflict: 'siblings',
  token: 'hash',
  valueBytesMax: 1024 * 1024,
  siblingsMax: 100,
};
const reachedByRead = { primaries: 1, fallbacks: 0, synced: 0 };

export class MemoryNode implements CoterieNode {
  readonly puts: PutRequest[] = [];
  readonly gets: GetRequest[] = [];
  state: NodeStatus['state'] = 'ready';
  reason = '';
  /** Thrown by the next operations, first to last. */
  failures: unknown[] = [];
  /** Every operation waits for it when it is set. */
  gate: Promise<void> | undefined;
  closed = false;
  epoch = 1;
  expectsChange = false;
  private counter = 0;
  private readonly data = new Map<string, Map<string, Held[]>>();
  private readonly properties = new Map<string, Bucket>();

  cluster(): ClusterReport {
    const member = {
      id: '00000000000000a1',
      name: 'memory',
      zone: '',
      weight: 1,
      peer: '',
      http: '',
      isSelf: true,
      state: 'alive' as const,
      sinceMs: 0,
      level: 2,
      isSteward: true,
      isJoining: false,
      isLeaving: false,
      isLost: false,
      replicas: 1024,
      primaries: 1024,
      ideal: 1024,
      hints: 0,
    };
    const counts = { level: 2, partitions: 1024, effectiveN: 1, largestOverIdeal: 1, hints: 0, hintsDelivered: 0 };
    return {
      clusterId: '00000000000000c1',
      epoch: this.epoch,
      members: [member],
      changes: [],
      leavingWaitsFor: '',
      isRecovering: false,
      ...counts,
    };
  }

  /** What was wished of the ring, in order. */
  readonly wished: unknown[] = [];
  readonly topology: RingChanges = {
    plan: () => Promise.resolve({ epoch: this.epoch, staged: [], changes: [], leaving: [], lost: [] }),
    stage: async (wish) => void this.wished.push(['stage', wish]),
    commit: async (plan) => {
      this.wished.push(['commit', plan]);
      return { plan: plan ?? 'plan-00000000-00000000', wishes: ['leave of n3'] };
    },
    abort: async (change) => {
      this.wished.push(['abort', change]);
      return 'staged';
    },
    begin: async (wish) => void this.wished.push(['begin', wish]),
    losses: (member) =>
      Promise.resolve({
        member,
        state: 'dead',
        partitions: 1,
        heldByNobodyElse: 1,
        unsure: [],
        unsureIds: [],
        sentences: ['Everything is lost.'],
      }),
    remove: async (member) => void this.wished.push(['remove', member]),
  };

  ring(): RingReport {
    return { epoch: 1, partitions: 1, members: [{ id: '00000000000000a1', name: 'memory', http: '' }], replicas: [[0]] };
  }

  inspect(): Promise<CopyReport> {
    return Promise.resolve({ siblings: 0, isOwner: true, hintFor: [] });
  }

  async put(request: PutRequest): Promise<WriteReply> {
    this.puts.push(request);
    await this.pass();
    checkKey(request.key);
    const { valueBytesMax } = (await this.bucket(request.bucket)).properties;
    if (request.value.length > valueBytesMax)
      throw new CoterieError('TOO_LARGE', `the value exceeds ${valueBytesMax} bytes`, { details: { mayHaveTakenEffect: false } });
    const value: SiblingValue = {
      value: Uint8Array.from(request.value),
      contentType: request.contentType ?? 'application/octet-stream',
      writtenAt: 1_700_000_000_000,
      etag: `"${(this.counter + 1).toString(16)}"`,
      ...(request.ttlMs === undefined ? {} : { expiresAt: 1_700_000_000_000 + request.ttlMs }),
    };
    return this.write(request, value);
  }

  async delete(request: DeleteRequest): Promise<WriteReply> {
    await this.pass();
    checkKey(request.key);
    return this.write({ context: String(this.counter), ...request }, undefined);
  }

  async get(request: GetRequest): Promise<GetReply> {
    this.gets.push(request);
    await this.pass();
    checkKey(request.key);
    const held = this.data.get(request.bucket)?.get(keyText(request.key));
    if (held === undefined) return { state: 'missing', reached: reachedByRead };
    const context = String(Math.max(...held.map((one) => one.dot)));
    const siblings = held.flatMap((one) => (one.value === undefined ? [] : [one.value]));
    if (siblings.length === 0) return { state: 'deleted', context, reached: reachedByRead };
    return { state: 'found', siblings, context, etag: etagOf(held), reached: reachedByRead };
  }

  async listKeys(request: KeyPageRequest): Promise<KeyPage> {
    await this.pass();
    const prefix = request.prefix === undefined ? '' : keyText(request.prefix);
    const all = [...(this.data.get(request.bucket) ?? new Map<string, Held[]>())]
      .filter(([key, held]) => key.startsWith(prefix) && held.some((one) => one.value !== undefined))
      .map(([key]) => key)
      .sort();
    const from = request.cursor === undefined ? 0 : Number(request.cursor);
    if (!Number.isSafeInteger(from)) throw new CoterieError('INVALID_ARGUMENT', 'this cursor is none of ours');
    const page = all.slice(from, from + request.limit).map((key) => new Uint8Array(Buffer.from(key, 'latin1')));
    return from + request.limit < all.length ? { keys: page, cursor: String(from + request.limit) } : { keys: page };
  }

  async buckets(): Promise<readonly Bucket[]> {
    return [...this.properties.values()];
  }

  async bucket(name: string): Promise<Bucket> {
    if (this.gate !== undefined) await this.gate;
    return this.properties.get(name) ?? { name, generation: 0, properties: defaults, exists: false };
  }

  async setBucket(name: string, properties: Partial<BucketProperties>): Promise<Bucket> {
    if (properties.n === 0) throw new CoterieError('INVALID_ARGUMENT', 'n is at least 1');
    const old = await this.bucket(name);
    const bucket = { ...old, exists: true, properties: { ...old.properties, ...properties } };
    this.properties.set(name, bucket);
    return bucket;
  }

  async dropBucket(name: string): Promise<void> {
    this.data.delete(name);
    this.properties.delete(name);
  }

  async where(): Promise<Placement> {
    return {
      token: '0123456789abcdef',
      partition: 4,
      partitions: 1024,
      preferenceList: [{ node: 'node-1', role: 'primary', healthy: true }],
    };
  }

  async scrub(): Promise<ScrubReport> {
    return { bytes: 100, damaged: 0 };
  }

  async backUp(name: string): Promise<BackupReport> {
    const what = { cluster: 'c3', epoch: 1, member: 'a1', memberName: 'node-1' };
    return { name, directory: `/data/backups/${name}`, takenAt: 0, ...what, entries: 2, bytes: 100 };
  }

  async repair(): Promise<readonly RepairReport[]> {
    return [];
  }

  status(): NodeStatus {
    return {
      name: 'node-1',
      nodeId: 'a1',
      incarnation: 'b2',
      state: this.state,
      ...(this.reason === '' ? {} : { reason: this.reason }),
      effectiveN: 1,
      warnings: ['effective n is 1'],
      sync: 'always',
      uptimeMs: 1000,
      operations: { puts: this.counter, gets: 0, deletes: 0, failed: 0 },
      rpc: { inFlight: 0 },
      gossip: { malformed: 0 },
      moved: { takenBytes: 0 },
      bounds: { operations: { now: 0, most: 10 } },
      comparing: { exchanges: 0, missed: 0, partitions: 0, differing: 0, sent: 0, fetched: 0, mended: 0, trips: 0, bytes: 0 },
      reading: { few: 0, all: 0, late: 0, compared: 0, differing: 0, leftOut: 0 },
      forgetting: { rounds: 0, dropped: 0, tombstones: 0, expiring: 0, expired: 0, floors: 0, waitingFor: [] },
      store: { tables: 3, memoryBytes: 4096, readOnly: false, level: 'text' },
    };
  }

  async close(): Promise<void> {
    this.closed = true;
    this.state = 'closed';
  }

  private async pass(): Promise<void> {
    if (this.gate !== undefined) await this.gate;
    if (this.failures.length > 0) throw this.failures.shift();
  }

  private write(request: DeleteRequest, value: SiblingValue | undefined): WriteReply {
    let bucket = this.data.get(request.bucket);
    if (bucket === undefined) this.data.set(request.bucket, (bucket = new Map()));
    const key = keyText(request.key);
    const held = bucket.get(key) ?? [];
    this.checkConditions(request, held);
    const seen = request.context === undefined ? 0 : Number(request.context);
    if (!Number.isSafeInteger(seen))
      throw new CoterieError('INVALID_ARGUMENT', 'this context is none of ours', { details: { mayHaveTakenEffect: false } });
    const lww = this.properties.get(request.bucket)?.properties.conflict === 'lww';
    const kept = lww ? [] : held.filter((one) => one.dot > seen);
    if (kept.length >= defaults.siblingsMax)
      throw new CoterieError('TOO_MANY_SIBLINGS', 'too many siblings', { details: { mayHaveTakenEffect: false } });
    kept.push({ dot: ++this.counter, value });
    bucket.set(key, kept);
    return { context: String(this.counter), etag: etagOf(kept), reached: { primaries: 1, fallbacks: 0, synced: 1 } };
  }

  private checkConditions(request: DeleteRequest, held: readonly Held[]): void {
    const { conditions } = request;
    const exists = held.some((one) => one.value !== undefined);
    const failed =
      (conditions?.ifNoneMatch === '*' && exists) || (conditions?.ifMatch !== undefined && conditions.ifMatch !== etagOf(held));
    if (failed) throw new CoterieError('PRECONDITION_FAILED', 'the key has changed', { details: { mayHaveTakenEffect: false } });
  }
}

function etagOf(held: readonly Held[]): string {
  return `"${held.map((one) => one.dot.toString(16)).join('-')}"`;
}

function keyText(key: Uint8Array): string {
  return Buffer.from(key).toString('latin1');
}

function checkKey(key: Uint8Array): void {
  if (key.length < 1 || key.length > 2048)
    throw new CoterieError('INVALID_ARGUMENT', 'a key has 1 byte to 2 KiB', { details: { mayHaveTakenEffect: false } });
}
