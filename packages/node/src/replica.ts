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
import { CoterieError, isCoterieError } from '@coterie/env';
import type { Context, Dot, VersionVector } from '@coterie/vector-clock';
import type { ObjectChange, Trees } from './anti-entropy/trees.ts';
import type { Attempt } from './deadlines.ts';
import { type Buckets, type KnownBucket } from './buckets.ts';
import type { KeyTurn, KeyTurns } from './key-locks.ts';
import type { HintLedger } from './hint-ledger.ts';
import { indexChanges, indexEntryOf } from './key-index.ts';
import { type Address, hintKey, indexKey, latin1 } from './layout.ts';
import type { Life, OwnEpoch } from './life.ts';
import { mergeObjects } from './merge.ts';
import { addressSeed, type CausalObject, emptyObject, equalObjects } from './object.ts';
import type { OperationMemory, WriteAnswer } from './operations.ts';
import type { Durability, Store, StoreBatch } from './store.ts';
import { StoredCopies } from './stored-copies.ts';
import { type Copy, decodeCopy, encodeCopy } from './stored-copy.ts';

/** A key, and the bucket that it was looked up in. */
export interface Place {
  readonly bucket: KnownBucket;
  readonly address: Address;
  /** Set where this store is not an owner: it keeps the copy as a hint for this member. */
  readonly hintFor?: string;
}

/** What is kept of a batch in flight. */
export interface PendingCopy extends Copy {
  readonly answer: WriteAnswer | undefined;
  /** Set before anybody else can see it. */
  durable: Promise<void>;
  /** Whether a later decision has taken this copy over: then its write can come true although its batch fails. */
  builtOn: boolean;
  /** Set for a hint that the store did not have before. */
  readonly newHint: NewHint | undefined;
}

/** A hint that is counted and not yet kept: it counts no more once all batches that could bring it have failed. */
interface NewHint {
  batches: number;
  isKept: boolean;
}

/** A write to be coordinated here. */
export interface CoordinatedWrite {
  readonly place: Place;
  /** The client's operation id; undefined if the node minted one, which no retry can know. */
  readonly operation: string | undefined;
  readonly context: Context;
  /** What a merged read found elsewhere, for writes that must not be decided on the local copy alone. */
  readonly base?: CausalObject | undefined;
  /** The object after the write. Pure and synchronous. @throws what refuses the write; `dot` is then not used */
  decide(local: CausalObject, dot: Dot): CausalObject;
  /** What the write answers, once its object is known. */
  answer(after: CausalObject, dot: Dot): WriteAnswer;
  /** Whether `object` has seen the write that answered so. */
  isIn(object: CausalObject, answered: WriteAnswer): boolean;
  /** What the operation answers if `local` knows it already; undefined if it has to be carried out. */
  repeated(local: CausalObject): WriteAnswer | undefined;
}

/** A coordinated write, handed to the log. */
export interface Coordinated {
  readonly answer: WriteAnswer;
  /** The object to send to the other replicas. It has the write also when the operation was carried out before. */
  readonly object: CausalObject;
  readonly durable: Promise<void>;
}

/** What a write is decided on. */
interface Decidable {
  /** The copy as it lies here. */
  readonly stored: Copy;
  /** The copy with what the write's base adds to it. */
  readonly local: Copy;
  readonly attempt: Attempt;
}

/** What was decided about a key, ready to be committed. */
interface Decided {
  readonly place: Place;
  readonly operation: string | undefined;
  readonly before: CausalObject;
  readonly copy: Copy;
  readonly answer: WriteAnswer | undefined;
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
    const kept = await Promise.all(owners.map((hintFor) => this.read({ ...place, hintFor })));
    return kept.reduce((a, b) => mergeObjects(a, b, place.bucket.properties.conflict), emptyObject);
  }

  /** Removes the record of this place if it is still the one that `isDone` speaks of; resolves to whether it was. */
  async release(place: Place, isDone: (record: Uint8Array) => boolean): Promise<boolean> {
    const turn = await this.#parts.turns.enter(sectionOf(place));
    try {
      if (turn.latest !== undefined) return false;
      if (place.hintFor === undefined) await this.#parts.trees.load(place.address.token.high);
      const record = await this.#parts.store.get(recordOf(place));
      if (record === undefined || !isDone(record)) return false;
      const batch = this.#parts.store.batch();
      batch.delete(recordOf(place));
      if (place.hintFor === undefined) batch.delete(indexKeyOf(place));
      const { object } = decodeCopy(record, addressSeed(place.address.objectKey));
      const gone = this.#hand(batch, place, { change: { before: object, after: emptyObject }, durable: false });
      // Whoever comes next must not build on what is going: it would go on with an epoch that has ended.
      await gone;
      if (place.hintFor !== undefined) this.#parts.hints.removed(place.hintFor);
      return true;
    } finally {
      turn.leave();
    }
  }

  /** Merges `object` into the copy here; resolves when it is as durable as the node promises. */
  async merge(place: Place, object: CausalObject): Promise<void> {
    // Before anything else: no other key may get a dot from a life that has been shown to be a copy.
    this.#watchForOwnFuture([object.set.clock], object.set.cloud);
    const turn = await this.#parts.turns.enter(sectionOf(place));
    try {
      const newest = this.#newest(turn, place);
      const local = newest instanceof Promise ? await newest : newest;
      this.#checkRoom(place, local.object);
      const merged = this.#parts.meet(local.object, object, place.bucket.properties.conflict);
      return this.#keep(turn, place, { before: local, after: merged });
    } finally {
      turn.leave();
    }
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
      const local = withBase(stored, write);
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
    return write.isIn(object, answer) ? { answer, object, durable: Promise.resolve() } : undefined;
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
    return this.#commit(turn, batch, { place, operation: undefined, before: before.object, copy, answer: undefined });
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
    const object = write.decide(local.object, dot);
    const answer = write.answer(object, dot);
    const own = { incarnation: dot.incarnation, epoch: dot.epoch };
    const batch = store.batch();
    buckets.use(batch, place.bucket);
    this.#checkSize(stored.object, object, this.#putCopy(batch, place, { before: stored.object, after: object, own }));
    if (operation !== undefined) memory.remember(batch, operation, { address: place.address, answer });
    attempt.mayTakeEffect = true;
    const durable = this.#commit(turn, batch, { place, operation, before: stored.object, copy: { object, own }, answer });
    return { answer, object, durable };
  }

  /** Refuses one hint more than this store keeps. In the turn of the commit that counts it: nobody else can take the place. */
  #checkRoom({ hintFor }: Place, before: CausalObject, write?: 'perhaps elsewhere'): void {
    if (hintFor !== undefined && before.set.clock.entries.length === 0) this.#parts.hints.checkRoom(write);
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
    const { conflict } = place.bucket.properties;
    if (place.hintFor === undefined && indexChanges(before, after, conflict)) batch.put(indexKeyOf(place), indexEntryOf(after, conflict));
    return record.length;
  }

  /** Refuses writes, never merges: what two stores have taken must come together. */
  #checkSize(before: CausalObject, after: CausalObject, bytes: number): void {
    if (bytes <= this.#parts.objectBytesMax || after.set.siblings.length <= before.set.siblings.length) return;
    throw new CoterieError(
      'TOO_MANY_SIBLINGS',
      `the key's values together would take ${bytes} bytes; read it and write back one value with the context`,
      {
        details: { mayHaveTakenEffect: false },
      },
    );
  }

  #commit(turn: KeyTurn<PendingCopy>, batch: StoreBatch, decided: Decided): Promise<void> {
    const { place, operation, copy, answer } = decided;
    const newHint = this.#countHint(turn, decided);
    const change = { before: decided.before, after: copy.object };
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
        forget();
        // The dot may have been sent and not be here: the epoch must not go on past it.
        if (answer !== undefined) this.#parts.life.end('a write that may have been sent could not be kept');
        if (newHint !== undefined) this.#hintFailed(newHint, place);
        throw asWriteFailure(error, state);
      },
    );
    return state.durable;
  }

  /** Hands a batch to the log: the one place through which every change of an object goes, and with it the sum of its leaf. */
  #hand(batch: StoreBatch, place: Place, of: { readonly change: ObjectChange; readonly durable: Durability }): Promise<void> {
    const { trees } = this.#parts;
    // A hint is no copy of this store's.
    if (place.hintFor !== undefined) return batch.commit({ durable: of.durable });
    trees.change(batch, place, of.change);
    try {
      const committed = batch.commit({ durable: of.durable });
      committed.catch(() => trees.failed(place));
      return committed;
    } catch (error) {
      trees.failed(place);
      throw error;
    }
  }

  #countHint(turn: KeyTurn<PendingCopy>, { place, before }: Decided): NewHint | undefined {
    if (place.hintFor === undefined) return undefined;
    const isNew = before.set.clock.entries.length === 0;
    if (isNew) this.#parts.hints.added(place.hintFor);
    const newHint = isNew ? { batches: 0, isKept: false } : turn.latest?.newHint;
    if (newHint !== undefined) newHint.batches += 1;
    return newHint;
  }

  #hintFailed(newHint: NewHint, { hintFor }: Place): void {
    newHint.batches -= 1;
    if (newHint.batches === 0 && !newHint.isKept && hintFor !== undefined) this.#parts.hints.removed(hintFor);
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

  #load(place: Place): Promise<Copy> {
    return this.stored.load(recordOf(place), place.address);
  }
}

/** Where the copy of a place lies. */
function recordOf({ address, hintFor }: Place): Uint8Array {
  return hintFor === undefined ? address.objectKey : hintKey(hintFor, address.objectKey);
}

/** What the critical section of a place is called. */
function sectionOf(place: Place): string {
  return latin1(recordOf(place));
}

function indexKeyOf({ address, bucket }: Place): Uint8Array {
  return indexKey({ bucket: bucket.name, bucketBytes: bucket.nameBytes, generation: address.generation, key: address.key });
}

function withBase(local: Copy, { base, place }: CoordinatedWrite): Copy {
  if (base === undefined) return local;
  return { object: mergeObjects(local.object, base, place.bucket.properties.conflict), own: local.own };
}

/** A failed commit as the node reports it: only a store that is sure, of a write that nobody built on, may deny an effect. */
function asWriteFailure(error: unknown, state: PendingCopy): unknown {
  if (!isCoterieError(error)) return error;
  const denied = error.details.mayHaveTakenEffect === false && !state.builtOn;
  const { code, message, retryable, details } = error;
  return new CoterieError(code, message, { cause: error, retryable, details: { ...details, mayHaveTakenEffect: !denied } });
}
