/**
 * The replica: this store's copy of objects. It merges, never overwrites; it makes dots for the coordinator of the same
 * node; and everything that changes a key passes through the key's critical section here.
 *
 * ```
 *   coordinate:  enter ▶ retry of a known operation? ▶ read copy ▶ ┌ dot ▶ decide ▶ batch ▶ commit() ┐ ▶ leave ▶ …durable
 *   merge:       enter ▶                              read copy ▶ └ merge ▶ batch ▶ commit()        ┘ ▶ leave ▶ durable
 *                                                                  one turn: nothing comes between
 * ```
 */
import type { Dot, VersionVector } from '@coterie/vector-clock';
import type { ObjectChange, Trees } from '../anti-entropy/trees.ts';
import type { Attempt } from '../coordinator/deadlines.ts';
import { type Buckets, type KnownBucket } from '../buckets/buckets.ts';
import type { KeyTurn, KeyTurns } from './key-locks.ts';
import type { HintLedger } from './hint-ledger.ts';
import { countHint, hintFailed } from './new-hint.ts';
import type { Admitting } from '../forgetting/admittance.ts';
import { listAnew, noteForgettable } from '../forgetting/forgettable.ts';
import { indexChanges, indexEntryOf } from './key-index.ts';
import type { Address } from '../store/layout.ts';
import type { Life, OwnEpoch } from '../store/life.ts';
import { mergeObjects } from '../objects/merge.ts';
import { addressSeed, type CausalObject, emptyObject, equalObjects } from '../objects/object.ts';
import type { OperationMemory, WriteAnswer } from '../coordinator/operations.ts';
import { indexKeyOf, recordOf, sectionOf } from '../store/record-keys.ts';
import type { Durability, Store, StoreBatch } from '../store/store.ts';
import { StoredCopies } from './stored-copies.ts';
import type { Decidable, Decided, Meeting, PendingCopy, Reading } from './decided.ts';
import { type Copy, decodeCopy, encodeCopy } from './stored-copy.ts';
import { asWriteFailure, checkSize, type Coordinated, type CoordinatedWrite, withBase } from './coordinated-write.ts';

/** A key, and the bucket that it was looked up in. */
export interface Place {
  readonly bucket: KnownBucket;
  readonly address: Address;
  /** Set where this store is not an owner: it keeps the copy as a hint for this member. */
  readonly hintFor?: string;
}

/** What a replica is made of. */
export interface ReplicaParts {
  readonly store: Store;
  readonly life: Life;
  readonly turns: KeyTurns<PendingCopy>;
  readonly memory: OperationMemory;
  readonly buckets: Buckets;
  readonly hints: HintLedger;
  readonly trees: Trees;
  /** What must not come back. */
  readonly admittance: Admitting;
  readonly durable: Durability;
  readonly objectBytesMax: number;
  /** How what arrives is merged: `mergeObjects`. */
  readonly meet: typeof mergeObjects;
}

/** This node's replica. */
export class LocalReplica {
  /** The copies as they lie in the store. */
  readonly stored: StoredCopies;
  readonly #parts: ReplicaParts;

  constructor(parts: ReplicaParts) {
    this.#parts = parts;
    this.stored = new StoredCopies(parts);
  }

  /** The copy here; an empty object if there is none. */
  async read(place: Place): Promise<CausalObject> {
    return (await this.#load(place)).object;
  }

  /** The copy here, once what is on its way to the disk has arrived. */
  async readDurable(place: Place): Promise<CausalObject> {
    const turn = await this.#parts.turns.enter(sectionOf(place));
    try {
      await turn.latest?.durable.catch(() => undefined);
      return await this.read(place);
    } finally {
      turn.leave();
    }
  }

  /** What this store keeps of the key for these owners. */
  async readHints(place: Place, owners: readonly string[]): Promise<CausalObject> {
    const kept = await Promise.all(owners.map((hintFor) => this.#readHint({ ...place, hintFor })));
    return kept.reduce((a, b) => mergeObjects(a, b, place.bucket.properties.conflict), emptyObject);
  }

  async #readHint(place: Place): Promise<CausalObject> {
    return this.#parts.admittance.admit(place, await this.read(place), emptyObject);
  }

  /** Removes the record of this place if it is still the one that `isDone` speaks of; resolves to whether it was. */
  async release(place: Place, isDone: (record: Uint8Array) => boolean): Promise<boolean> {
    const turn = await this.#parts.turns.enter(sectionOf(place));
    try {
      if (turn.latest !== undefined) return false;
      if (place.hintFor === undefined) await this.#parts.trees.load(place.address.token.high);
      const record = await this.#parts.store.get(recordOf(place));
      if (record === undefined || !isDone(record)) return false;
      await this.#remove(place, decodeCopy(record, addressSeed(place.address.objectKey)).object);
      if (place.hintFor !== undefined) this.#parts.hints.removed(place.hintFor);
      return true;
    } finally {
      turn.leave();
    }
  }

  /** Has the copy here become what `change` makes of it; resolves to false when it is being written, and nothing was done. */
  async forget(place: Place, change: (object: CausalObject) => CausalObject | 'gone'): Promise<boolean> {
    const turn = await this.#parts.turns.enter(sectionOf(place));
    try {
      if (turn.latest !== undefined) return false;
      const local = await this.#newest(turn, place);
      const after = isNothing(local.object) ? local.object : change(local.object);
      if (after === local.object) return true;
      if (after !== 'gone') await this.#keep(turn, place, { before: local, after });
      else await this.#remove(place, local.object);
      return true;
    } finally {
      turn.leave();
    }
  }

  /** Makes the list of what is to be forgotten right about this copy; resolves to false when it is being written, and nothing was done. */
  async relist(place: Place): Promise<boolean> {
    const turn = await this.#parts.turns.enter(sectionOf(place));
    try {
      if (turn.latest !== undefined) return false;
      const batch = this.#parts.store.batch();
      listAnew(batch, place, (await this.#load(place)).object);
      await batch.commit({ durable: false });
      return true;
    } finally {
      turn.leave();
    }
  }

  /** Removes the copy here. Whoever comes next must not build on what is going: it would go on with an epoch that has ended. */
  async #remove(place: Place, object: CausalObject): Promise<void> {
    const batch = this.#parts.store.batch();
    batch.delete(recordOf(place));
    if (place.hintFor === undefined) batch.delete(indexKeyOf(place));
    if (place.hintFor === undefined) noteForgettable(batch, place, { before: object, after: emptyObject });
    await this.#hand(batch, place, { change: { before: object, after: emptyObject }, durable: false }).catch((error: unknown) => {
      this.#handedInVain(place);
      throw error;
    });
  }

  /** Merges `object` into the copy here; resolves when it is as durable as the node promises. Rejects rather than throws. */
  merge(place: Place, object: CausalObject): Promise<void> {
    // No async function, here and in what it calls: most of what a node does is this, and mostly nothing has to be waited for.
    try {
      // Before anything else: no other key may get a dot from a life that has been shown to be a copy.
      this.#watchForOwnFuture([object.set.clock], object.set.cloud);
      const entered = this.#parts.turns.enter(sectionOf(place));
      return entered instanceof Promise
        ? entered.then((turn) => this.#mergeIn(turn, place, object))
        : this.#mergeIn(entered, place, object);
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  #mergeIn(turn: KeyTurn<PendingCopy>, place: Place, object: CausalObject): Promise<void> {
    let newest: Copy | Promise<Copy> | undefined;
    try {
      newest = this.#newest(turn, place);
      if (!(newest instanceof Promise)) return this.#mergeInto(turn, place, { local: newest, object });
    } finally {
      if (!(newest instanceof Promise)) turn.leave();
    }
    return this.#mergeOnceRead(turn, place, { reading: newest, object });
  }

  async #mergeOnceRead(turn: KeyTurn<PendingCopy>, place: Place, { reading, object }: Reading): Promise<void> {
    try {
      return this.#mergeInto(turn, place, { local: await reading, object });
    } finally {
      turn.leave();
    }
  }

  #mergeInto(turn: KeyTurn<PendingCopy>, place: Place, { local, object }: Meeting): Promise<void> {
    this.#checkRoom(place, local.object);
    const admitted = this.#parts.admittance.admit(place, object, local.object);
    // Old through and through: what there is to know of it is here.
    if (admitted !== object && isNothing(admitted)) return turn.latest?.durable ?? Promise.resolve();
    const merged = this.#parts.meet(local.object, admitted, place.bucket.properties.conflict);
    return this.#keep(turn, place, { before: local, after: merged });
  }

  /** Gives the write its dot and hands it to the log. @throws what `decide` throws, `OVERLOADED`, `TIMEOUT`, `CORRUPTION` */
  async coordinate(write: CoordinatedWrite, attempt: Attempt): Promise<Coordinated> {
    const entered = this.#parts.turns.enter(sectionOf(write.place));
    const turn = entered instanceof Promise ? await entered : entered;
    try {
      attempt.check();
      const before = write.operation === undefined ? undefined : await this.#findRepeated(turn, write, write.operation);
      if (before !== undefined) return before;
      const newest = this.#newest(turn, write.place);
      const stored = newest instanceof Promise ? await newest : newest;
      const local = withBase(stored, write, this.#parts.admittance);
      const repeated = write.repeated(local.object);
      if (repeated !== undefined) return this.#answerAgain(turn, write, { stored, local, answer: repeated });
      this.#watchForOwnFuture([local.object.set.clock, write.context.clock], [...local.object.set.cloud, ...write.context.dots]);
      while (this.#parts.life.hasEnded) await this.#parts.life.renew();
      attempt.check();
      return this.#decide(turn, write, { stored, local, attempt });
    } finally {
      turn.leave();
    }
  }

  /**
   * What the operation did here before. That it is remembered is not enough: the copy may have been handed on since, and
   * a store that does not hold a write must not count as one that does. Then the write is coordinated again.
   */
  async #findRepeated(turn: KeyTurn<PendingCopy>, write: CoordinatedWrite, operation: string): Promise<Coordinated | undefined> {
    const { place } = write;
    const pending = turn.find(operation)?.state;
    if (pending?.answer !== undefined) return { answer: pending.answer, object: pending.object, durable: pending.durable };
    const answer = await this.#parts.memory.find(operation, place.address);
    if (answer === undefined) return undefined;
    const { object } = await this.#newest(turn, place);
    const knows = (dot: Dot): boolean => object.set.knows(dot) || this.#parts.admittance.isForgotten(place, dot);
    return write.isIn(knows, answer) ? { answer, object, durable: Promise.resolve() } : undefined;
  }

  /** What the key has seen of the operation, whoever coordinated it: that is kept here too, before it is answered. */
  #answerAgain(
    turn: KeyTurn<PendingCopy>,
    { place }: CoordinatedWrite,
    known: { readonly stored: Copy; readonly local: Copy; readonly answer: WriteAnswer },
  ): Coordinated {
    const { stored, local, answer } = known;
    const { object } = local;
    const isHere = equalObjects(stored.object, object);
    if (!isHere) this.#checkRoom(place, stored.object, 'perhaps elsewhere');
    const durable = isHere ? (turn.latest?.durable ?? Promise.resolve()) : this.#keep(turn, place, { before: stored, after: object });
    return { answer, object, durable };
  }

  /** Puts what was merged from elsewhere in the place of the copy here. */
  #keep(
    turn: KeyTurn<PendingCopy>,
    place: Place,
    { before, after }: { readonly before: Copy; readonly after: CausalObject },
  ): Promise<void> {
    const batch = this.#parts.store.batch();
    this.#parts.buckets.use(batch, place.bucket);
    const copy = { object: after, own: before.own };
    this.#putCopy(batch, place, { before: before.object, after, own: copy.own });
    return this.#commit(turn, batch, { place, operation: undefined, before, copy, answer: undefined });
  }

  /** Ends the life if one of these shows a dot of its own that it has not made. */
  #watchForOwnFuture(clocks: readonly VersionVector[], dots: readonly Dot[]): void {
    const { life } = this.#parts;
    if (!clocks.some((clock) => life.meetsOwnFuture(clock)) && !dots.some((dot) => life.isOwnFuture(dot))) return;
    life.end('the store met a dot of its own that it has not made: it is a copy, or went back in time');
  }

  /** One turn of the event loop, from the dot to the commit: log order is dot order. */
  #decide(turn: KeyTurn<PendingCopy>, write: CoordinatedWrite, on: Decidable): Coordinated {
    const { place, operation } = write;
    const { stored, local, attempt } = on;
    const { life, store, buckets, memory } = this.#parts;
    this.#checkRoom(place, stored.object);
    const dot = life.nextDot(local.own);
    // A context may name what is forgotten here.
    const object = this.#parts.admittance.admit(place, write.decide(local.object, dot), local.object);
    const answer = write.answer(object, dot);
    const own = { incarnation: dot.incarnation, epoch: dot.epoch };
    const batch = store.batch();
    buckets.use(batch, place.bucket);
    checkSize(stored.object, object, {
      bytes: this.#putCopy(batch, place, { before: stored.object, after: object, own }),
      most: this.#parts.objectBytesMax,
    });
    if (operation !== undefined) memory.remember(batch, operation, { address: place.address, answer });
    attempt.mayTakeEffect = true;
    const durable = this.#commit(turn, batch, { place, operation, before: stored, copy: { object, own }, answer });
    return { answer, object, durable };
  }

  /** Refuses one hint more than this store keeps. In the turn of the commit that counts it: nobody else can take the place. */
  #checkRoom({ hintFor }: Place, before: CausalObject, write?: 'perhaps elsewhere'): void {
    if (hintFor !== undefined && isNothing(before)) this.#parts.hints.checkRoom(write);
  }

  /** Adds the copy to `batch`; returns the bytes of its record. */
  #putCopy(
    batch: StoreBatch,
    place: Place,
    change: { readonly before: CausalObject; readonly after: CausalObject; readonly own: OwnEpoch | undefined },
  ): number {
    const { address } = place;
    const { before, after, own } = change;
    const record = encodeCopy({ object: after, own }, addressSeed(address.objectKey));
    batch.put(recordOf(place), record);
    if (place.hintFor !== undefined) return record.length;
    const { conflict } = place.bucket.properties;
    if (indexChanges(before, after, conflict)) batch.put(indexKeyOf(place), indexEntryOf(after, conflict));
    noteForgettable(batch, place, change);
    return record.length;
  }

  #commit(turn: KeyTurn<PendingCopy>, batch: StoreBatch, decided: Decided): Promise<void> {
    const { place, operation, copy, answer } = decided;
    const newHint =
      place.hintFor === undefined
        ? undefined
        : countHint(this.#parts.hints, place.hintFor, {
            isNew: isNothing(decided.before.object),
            earlier: turn.latest?.newHint,
          });
    const change = { before: decided.before.object, after: copy.object, hashBefore: decided.before.hash };
    const committed = this.#hand(batch, place, { change, durable: this.#parts.durable });
    // Spelt out: an object that is spread and then added to has a shape of its own each time, and all who read it are slow.
    const state: PendingCopy = { object: copy.object, own: copy.own, answer, durable: committed, builtOn: false, newHint };
    const forget = turn.track({ state, operation }); // called first: a failed batch is out of sight before its failure is told
    state.durable = committed.then(
      () => {
        forget();
        if (newHint !== undefined) newHint.isKept = true;
        return this.#parts.buckets.used(place.bucket);
      },
      (error: unknown) => {
        this.#handedInVain(place);
        forget();
        // The dot may have been sent and not be here: the epoch must not go on past it.
        if (answer !== undefined) this.#parts.life.end('a write that may have been sent could not be kept');
        if (newHint !== undefined) hintFailed(this.#parts.hints, newHint, place.hintFor);
        throw asWriteFailure(error, state);
      },
    );
    return state.durable;
  }

  /**
   * Hands a batch to the log: the one place through which every change of an object goes, and with it the sum of its leaf. Whoever
   * called calls `#handedInVain` before anybody else hears that it failed: here that would be a promise more for each write.
   */
  #hand(batch: StoreBatch, place: Place, of: { readonly change: ObjectChange; readonly durable: Durability }): Promise<void> {
    const { trees } = this.#parts;
    // A hint is no copy of this store's.
    if (place.hintFor !== undefined) return batch.commit({ durable: of.durable });
    trees.change(batch, place, of.change);
    try {
      return batch.commit({ durable: of.durable });
    } catch (error) {
      trees.failed(place);
      throw error;
    }
  }

  /** What was handed over may not have happened. */
  #handedInVain(place: Place): void {
    if (place.hintFor === undefined) this.#parts.trees.failed(place);
  }

  /** The newest copy: the one on its way to the disk, or the store's. */
  #newest(turn: KeyTurn<PendingCopy>, place: Place): Copy | Promise<Copy> {
    const { latest } = turn;
    if (latest === undefined) {
      const loading = place.hintFor === undefined ? this.#parts.trees.load(place.address.token.high) : undefined;
      return loading === undefined ? this.#load(place) : loading.then(() => this.#load(place));
    }
    latest.builtOn = true;
    return latest;
  }

  #load(place: Place): Copy | Promise<Copy> {
    return this.stored.load(recordOf(place), place.address);
  }
}

/** Whether nobody ever wrote it, as far as is known. */
function isNothing({ set }: CausalObject): boolean {
  return set.siblings.length === 0 && set.clock.entries.length === 0;
}
