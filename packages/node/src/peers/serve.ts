/**
 * What a node does for other nodes: reads and merges copies, coordinates what they pass on, and gives pages of what it
 * holds to those who take a partition over. Whoever asks says at which epoch it stands.
 */
import { CoterieError, isCoterieError } from '@coterie/env';
import { type Hash64, partitionOf } from '@coterie/ring';
import { decodeOutline, lackingBetween, outlineOf } from '../anti-entropy/outline.ts';
import { stateHash } from '../anti-entropy/state-hash.ts';
import { addressSeed, decodeObject, encodeObject, equalHashes, hashOf } from '../objects/object.ts';
import { type Core, placementAt } from '../core.ts';
import type { EpochGate } from './epoch-gate.ts';
import { type KeyStretch, listStretch, type StretchOrder } from '../coordinator/list-keys.ts';
import { leasedAnew } from '../hazards.ts';
import { type Address, addressFrom, scopeOf, successor } from '../store/layout.ts';
import { countMoved } from '../transfer/moved.ts';
import { Steps } from '../transfer/pace.ts';
import type { CopyPage, HashPage, MergeOrder, ObjectHash, OutlinedObject, PartitionRanges, RemoteCopy } from './peers.ts';
import { partitionStart } from '../store/partition-ranges.ts';
import type { Place } from '../replica/replica.ts';
import { decodeCopy, hashOfRecord } from '../replica/stored-copy.ts';
import { malformed } from './wire.ts';

/** A page ends past so many bytes of records that were looked at, or so many of them: clients wait while one is read. */
const pageBytes = 64 * 1024;
const pageRecords = 400;
/** Buckets named in one answer. */
const bucketsListed = 10_000;

/** A copy that another node sent, one of several. */
export interface ArrivedCopy {
  readonly address: Address;
  readonly object: Uint8Array;
  readonly order: MergeOrder;
}

/** A copy that was not merged, by its place among those sent, and why. */
export interface CopyFailure {
  readonly position: number;
  readonly error: CoterieError;
}

/** What became of several copies: those that did not fail are durable, and synced if that is so. */
export interface MergedBundle {
  readonly isSynced: boolean;
  readonly failures: readonly CopyFailure[];
}

/** Serves other nodes. */
export class PeerService {
  readonly #core: Core;
  readonly #gate: EpochGate;

  constructor(core: Core, gate: EpochGate) {
    this.#core = core;
    this.#gate = gate;
  }

  /** The copy of this store; with `hintsFor`, what it keeps for these owners. @throws `STALE_RING`, `CORRUPTION` */
  async read(epoch: number, address: Address, hintsFor: readonly string[]): Promise<RemoteCopy> {
    return this.#gate.run(epoch, async () => {
      const place = await this.#placeOf(address);
      const object = hintsFor.length === 0 ? await this.#core.local.read(place) : await this.#core.local.readHints(place, hintsFor);
      return { object, recovering: this.#core.cluster.isRecovering(placementAt(this.#core, place).partition) };
    });
  }

  /** Merges a copy; resolves when it is durable here, to whether this node syncs what it acknowledges. */
  merge(epoch: number, address: Address, copy: { readonly object: Uint8Array; readonly order: MergeOrder }): Promise<boolean> {
    const { syncsEachWrite } = this.#core;
    return this.#gate.run(epoch, () => this.#mergeOne({ address, object: copy.object, order: copy.order }).then(() => syncsEachWrite));
  }

  /**
   * Merges copies, each for itself; resolves when all have ended, well or not. They pass the gate as one, and count until
   * the last has ended. A bug is no failure of one copy: then it rejects.
   */
  mergeAll(epoch: number, copies: readonly ArrivedCopy[]): Promise<MergedBundle> {
    return this.#gate.run(
      epoch,
      () =>
        new Promise((resolve, reject) => {
          const failures: CopyFailure[] = [];
          const bugs: Error[] = [];
          // One more than there are copies, for the loop itself: there may be none.
          let left = copies.length + 1;
          const end = (): void => {
            left -= 1;
            if (left > 0) return;
            if (bugs.length > 0) reject(bugs[0]);
            else resolve({ isSynced: this.#core.syncsEachWrite, failures });
          };
          copies.forEach((copy, position) => {
            this.#mergeOne(copy).then(end, (error: unknown) => {
              if (isCoterieError(error)) failures.push({ position, error });
              else bugs.push(error as Error);
              end();
            });
          });
          end();
        }),
    );
  }

  /** Rejects rather than throws. */
  #mergeOne({ address, object, order }: ArrivedCopy): Promise<void> {
    const { local, hazards, environment } = this.#core;
    const mergeAt = (place: Place): Promise<void> => {
      const seed = addressSeed(address.objectKey);
      const sent = decodeObject(object, 0, seed);
      const arrived = hazards.expiryFromArrival ? leasedAnew(sent, seed, environment.clock.now()) : sent;
      return local.merge(order.hintFor === undefined ? place : { ...place, hintFor: order.hintFor }, arrived);
    };
    try {
      const place = this.#knownPlaceOf(address);
      return place === undefined ? this.#placeOf(address).then(mergeAt) : mergeAt(place);
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  /** Resolves when this node is at `epoch` or later and nothing runs that began under an older ring. */
  async barrier(epoch: number): Promise<void> {
    if (this.#core.cluster.state.epoch < epoch) await this.#core.cluster.catchUp();
    if (this.#core.cluster.state.epoch < epoch) {
      if (this.#core.cluster.failure !== undefined) throw this.#core.cluster.failure;
      throw new CoterieError('NOT_READY', `this node is at epoch ${this.#core.cluster.state.epoch} and has not heard of ${epoch} yet`);
    }
    // Epochs that left the ring as it was drain nothing: what runs now runs under the ring of now.
    await this.#gate.drained(this.#core.cluster.state.ringEpoch);
  }

  /** A page of the objects in these partitions, from `cursor` on. */
  async page(ranges: PartitionRanges, cursor: Uint8Array | undefined): Promise<CopyPage> {
    const page = await this.#readPage(ranges, cursor);
    const bytes = page.records.reduce((sum, { object }) => sum + object.length, 0);
    countMoved(this.#core.moved, 'given', { objects: page.records.length, bytes });
    return page;
  }

  async #readPage(ranges: PartitionRanges, cursor: Uint8Array | undefined): Promise<CopyPage> {
    const records: { objectKey: Uint8Array; object: Uint8Array }[] = [];
    const steps = new Steps(this.#core.environment.timers);
    let bytes = 0;
    let seen = 0;
    for (const [from, until] of this.#boundsOf(ranges)) {
      const start = cursor !== undefined && Buffer.compare(cursor, from) > 0 ? cursor : from;
      if (Buffer.compare(start, until) >= 0) continue;
      await steps.next();
      for await (const [objectKey, record] of this.#core.store.range({ gte: start, lt: until, limit: pageRecords })) {
        await steps.next();
        // Decoded and encoded again: what is damaged here must not travel, and what is ours alone stays.
        records.push({ objectKey, object: this.#travelling(objectKey, record) });
        bytes += objectKey.length + record.length;
        seen += 1;
        if (bytes >= pageBytes || seen >= pageRecords) return { records, cursor: successor(objectKey) };
      }
    }
    return { records };
  }

  /** A page of the hashes of what is in these partitions, from `cursor` on. */
  async hashes(ranges: PartitionRanges, cursor: Uint8Array | undefined): Promise<HashPage> {
    const hashes: ObjectHash[] = [];
    const steps = new Steps(this.#core.environment.timers);
    let bytes = 0;
    for (const [from, until] of this.#boundsOf(ranges)) {
      const start = cursor !== undefined && Buffer.compare(cursor, from) > 0 ? cursor : from;
      if (Buffer.compare(start, until) >= 0) continue;
      await steps.next();
      for await (const [objectKey, record] of this.#core.store.range({ gte: start, lt: until, limit: pageRecords })) {
        hashes.push({ objectKey, hash: hashOfRecord(record, addressSeed(objectKey)) });
        bytes += objectKey.length + record.length;
        if (bytes >= pageBytes || hashes.length >= pageRecords) return { hashes, cursor: successor(objectKey) };
      }
    }
    return { hashes };
  }

  /** The hashes of these copies here, in order; undefined where this store cannot vouch for what it lacks. @throws `STALE_RING`, `PROTOCOL` */
  digests(epoch: number, objectKeys: readonly Uint8Array[]): Promise<readonly (Hash64 | undefined)[]> {
    return this.#gate.run(epoch, async () =>
      this.#core.local.stored.hashes(objectKeys.map((objectKey) => (this.#vouchesFor(objectKey) ? objectKey : undefined))),
    );
  }

  /** Of which of these objects this store lacks something, on its disk: their positions. */
  async lacking(objects: readonly OutlinedObject[]): Promise<number[]> {
    const lacks = await Promise.all(objects.map((object) => this.#lacksOf(object)));
    return lacks.flatMap((isLacking, at) => (isLacking ? [at] : []));
  }

  async #lacksOf({ objectKey, hash, outline }: OutlinedObject): Promise<boolean> {
    const own = await this.#core.local.readDurable(await this.#placeOf(addressFrom(objectKey)));
    if (equalHashes(hashOf(own), hash)) return false;
    // Another hash may be that of a newer copy: then nothing is lacking here.
    return outline === undefined || lackingBetween(outlineOf(own, stateHash(objectKey, own)), decodeOutline(outline)).own;
  }

  /** The keys that are this member's to list when `down` cannot be asked. */
  async keys(epoch: number, order: StretchOrder, down: readonly string[]): Promise<KeyStretch> {
    if (this.#core.cluster.state.epoch < epoch) await this.#core.cluster.catchUp();
    return this.#gate.run(epoch, () => listStretch(this.#core, order, new Set(down)));
  }

  /** Buckets that this store was written to. */
  usedBuckets(): readonly string[] {
    const used = this.#core.buckets.list().filter((bucket) => bucket.used);
    return used.slice(0, bucketsListed).map(({ name }) => name);
  }

  /** What this node's wall clock says. */
  wallClock(): number {
    return this.#core.environment.clock.now();
  }

  /** Whether what this store has under a key, or lacks, says something. @throws `PROTOCOL`, `INVALID_ARGUMENT` */
  #vouchesFor(objectKey: Uint8Array): boolean {
    const { buckets, cluster } = this.#core;
    const { bucket, generation, high } = scopeOf(objectKey);
    const partition = partitionOf({ high, low: 0 }, cluster.state.ring.partitions);
    return buckets.get(bucket).generation === generation && !cluster.isRecovering(partition);
  }

  #travelling(objectKey: Uint8Array, record: Uint8Array): Uint8Array {
    const seed = addressSeed(objectKey);
    return encodeObject(decodeCopy(record, seed).object, seed);
  }

  /** The stretches of the store's keys that hold these partitions. */
  #boundsOf(ranges: PartitionRanges): [from: Uint8Array, until: Uint8Array][] {
    const { partitions } = this.#core.cluster.state.ring;
    if (ranges.length > partitions || ranges.some(([, until]) => until > partitions)) throw malformed('ranges');
    return ranges.map(([from, until]) => [partitionStart(from, partitions), partitionStart(until, partitions)]);
  }

  /** The place, if this side knows the bucket as the other does: nearly always. */
  #knownPlaceOf(address: Address): Place | undefined {
    const bucket = this.#core.buckets.get(address.bucket);
    return address.generation === bucket.generation ? { bucket, address } : undefined;
  }

  /** The place, in the bucket as both sides know it. @throws `STALE_RING` for a generation that was dropped */
  async #placeOf(address: Address): Promise<Place> {
    let bucket = this.#core.buckets.get(address.bucket);
    if (address.generation > bucket.generation) {
      await this.#core.cluster.catchUp();
      bucket = this.#core.buckets.get(address.bucket);
    }
    if (address.generation === bucket.generation) return { bucket, address };
    const message = `bucket ${address.bucket} is at generation ${bucket.generation} here and at ${address.generation} there`;
    throw new CoterieError('STALE_RING', message, { details: { mayHaveTakenEffect: false } });
  }
}
