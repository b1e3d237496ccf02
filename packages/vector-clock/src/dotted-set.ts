/**
 * A dotted version vector set: the concurrent values of one key, each with the dot of the write that made it, and one
 * version vector over what this copy has seen (Almeida, Baquero, Gonçalves, Preguiça, Fonte: *Scalable and accurate
 * causality tracking for eventually consistent stores*, 2014; with explicit dots instead of contiguous runs).
 *
 * ```
 *   clock    (9f.., 17): 23   (c0.., 4): 9        what was seen
 *   siblings (9f.., 17, 23) = "x"                 what of it is still a value
 *            (c0.., 4, 8)   = "y"
 *   cloud    (c0.., 4, 12)                        seen too, and replaced before it arrived (`cloud.ts`)
 * ```
 *
 * A write that was seen and that is no sibling was replaced. That one sentence is the whole of `sync`: a sibling
 * of one side stays if the other side has it too, or has never seen it. Invariants: the clock covers the dot of every
 * sibling, and none in the cloud; siblings are sorted by dot, each dot once.
 *
 * A coordinator must not reuse a dot, and must begin a new key epoch whenever it coordinates a key without a copy that
 * it has kept itself ever since it last coordinated it. The set cannot check that; the store that owns it does.
 */
import { CoterieError } from '@coterie/env';
import { clearSky, equalDots, gatherCloud, hasDot } from './cloud.ts';
import type { Context } from './context.ts';
import { compareDots, type Dot } from './dot.ts';
import { type ClockEntry, VersionVector } from './version-vector.ts';

/** A value and the dot of the write that made it. */
export interface Sibling<T> {
  readonly dot: Dot;
  readonly value: T;
}

/** One coordinated write. */
export interface CausalEvent<T> {
  /** Fresh: never given to another write. */
  readonly dot: Dot;
  /** Wall-clock milliseconds, kept beside the clock entry for `truncate`. */
  readonly at: number;
  readonly value: T;
  /** What the writer had seen; this write replaces exactly that. Absent: concurrent with everything. */
  readonly context?: Context;
}

/** An immutable dotted version vector set. */
export class DottedSet<T> {
  readonly clock: VersionVector;
  readonly siblings: readonly Sibling<T>[];
  /** Replaced, and not covered by the clock. */
  readonly cloud: readonly Dot[];

  private constructor(clock: VersionVector, siblings: readonly Sibling<T>[], cloud: readonly Dot[]) {
    this.clock = clock;
    this.siblings = siblings;
    this.cloud = cloud;
  }

  /** A key that nobody has written. */
  static empty<T>(): DottedSet<T> {
    return new DottedSet<T>(VersionVector.empty, [], clearSky);
  }

  /**
   * The set of these parts. Of the dots in `cloud`, those that the clock covers are left out.
   * @throws `INVALID_ARGUMENT` if the clock misses a sibling or siblings are out of order
   */
  static of<T>(clock: VersionVector, siblings: readonly Sibling<T>[], cloud: readonly Dot[] = clearSky): DottedSet<T> {
    for (let i = 0; i < siblings.length; i++) {
      const { dot } = siblings[i];
      const ordered = i === 0 || compareDots(siblings[i - 1].dot, dot) < 0;
      if (!ordered || !clock.covers(dot)) throw new CoterieError('INVALID_ARGUMENT', 'siblings out of order, or unknown to the clock');
    }
    return new DottedSet(clock, siblings, gatherCloud(clock, cloud));
  }

  /** This set after `event`: what its context covers is gone, its value is there. */
  event(event: CausalEvent<T>): DottedSet<T> {
    const { dot, context } = event;
    if (this.knows(dot)) throw new CoterieError('INVALID_ARGUMENT', 'the dot was used before');
    const clock = (context === undefined ? this.clock : this.clock.join(context.clock)).with(dot, event.at);
    const kept = context === undefined ? this.siblings : this.siblings.filter((sibling) => !context.covers(sibling.dot));
    const siblings = [...kept];
    insert(siblings, { dot, value: event.value });
    return new DottedSet(clock, siblings, gatherCloud(clock, this.cloud, context?.dots));
  }

  /** What two copies know together: no write is lost, and none that either side saw replaced comes back. `other` itself if this adds nothing. */
  sync(other: DottedSet<T>): DottedSet<T> {
    if (other === this) return this;
    const siblings: Sibling<T>[] = [];
    for (const sibling of this.siblings) {
      if (other.has(sibling.dot) || !other.knows(sibling.dot)) siblings.push(sibling);
    }
    for (const sibling of other.siblings) {
      if (!this.has(sibling.dot) && !this.knows(sibling.dot)) insert(siblings, sibling);
    }
    const clock = this.clock.join(other.clock);
    // A clock that covers all of this one knows every sibling that stayed; so they are the other's, if they are as many.
    if (clock === other.clock && this.cloud.length === 0 && siblings.length === other.siblings.length) return other;
    return new DottedSet(clock, siblings, gatherCloud(clock, this.cloud, other.cloud));
  }

  /** Whether this copy has seen the write named `dot`, or something that replaced it. */
  knows(dot: Dot): boolean {
    return this.clock.covers(dot) || hasDot(this.cloud, dot);
  }

  /** Whether both copies know the same and hold the same. */
  equals(other: DottedSet<T>): boolean {
    if (this.siblings.length !== other.siblings.length || !equalDots(this.cloud, other.cloud)) return false;
    return this.clock.compare(other.clock) === 'equal' && this.siblings.every(({ dot }) => other.has(dot));
  }

  /** Whether the write named `dot` is still a value here. */
  has(dot: Dot): boolean {
    return this.siblings.some((sibling) => compareDots(sibling.dot, dot) === 0);
  }

  /**
   * Without the siblings for which `keep` is false; the clock still covers them, so they stay gone everywhere, as if they
   * had been replaced. Rank alone is no reason to drop one: what outranks it may be replaced by somebody who never saw it,
   * and copies that hear of all this in different orders end up with nothing. A write that takes its place is one.
   */
  reduce(keep: (sibling: Sibling<T>) => boolean): DottedSet<T> {
    const kept = this.siblings.filter(keep);
    return kept.length === this.siblings.length ? this : new DottedSet(this.clock, kept, this.cloud);
  }

  /**
   * Dynamo's truncation: drops the oldest clock entries (by `at`) until at most `entriesMax` are left. Entries of live
   * siblings stay in any case, so a read still hands out a context that covers what it answers. It forgets history: a
   * copy that was away can bring replaced and deleted values back as siblings. Opt-in, and only on coordinated writes.
   */
  truncate(entriesMax: number): DottedSet<T> {
    const excess = this.clock.entries.length - entriesMax;
    if (excess <= 0) return this;
    const droppable = this.clock.entries.filter((entry) => !this.#isLive(entry));
    droppable.sort((a, b) => a.at - b.at || compareDots(a, b));
    const dropped = new Set(droppable.slice(0, excess));
    return new DottedSet(
      this.clock.filter((entry) => !dropped.has(entry)),
      this.siblings,
      this.cloud,
    );
  }

  /**
   * Without the clock entries that a forget round has made needless: those of ended incarnations or epochs (`isEnded`)
   * with no live sibling, all of whose dots every replica agreed on (`coveredTo`, per incarnation); and without dots of
   * the cloud of which the same is true. Only on coordinated writes.
   */
  forget(round: ForgetRound): DottedSet<T> {
    const isSettled = (dot: Dot): boolean => round.isEnded(dot) && dot.counter <= round.coveredTo(dot.incarnation);
    const clock = this.clock.filter((entry) => this.#isLive(entry) || !isSettled(entry));
    const cloud = this.cloud.filter((dot) => !isSettled(dot));
    const isSame = clock.entries.length === this.clock.entries.length && cloud.length === this.cloud.length;
    return isSame ? this : new DottedSet(clock, this.siblings, cloud);
  }

  #isLive(entry: ClockEntry): boolean {
    return this.siblings.some(({ dot }) => dot.incarnation === entry.incarnation && dot.epoch === entry.epoch);
  }
}

/** Puts a sibling where its dot belongs. Sets are small and sorted already; `sort` would make arrays of its own each time. */
function insert<T>(siblings: Sibling<T>[], sibling: Sibling<T>): void {
  let at = siblings.length;
  while (at > 0 && compareDots(siblings[at - 1].dot, sibling.dot) > 0) at--;
  if (at === siblings.length) siblings.push(sibling);
  else siblings.splice(at, 0, sibling);
}

/** What a forget round settled. */
export interface ForgetRound {
  /** Whether no new dot of this incarnation and epoch will ever be made. */
  isEnded(dot: Dot): boolean;
  /** The counter up to which all primaries agree on the incarnation's dots; 0 if on none. */
  coveredTo(incarnation: string): number;
}
