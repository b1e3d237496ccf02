/**
 * What the author of a write had seen: a version vector, and dots beside it. A read is covered by its clock alone. The
 * answer to a write adds one dot, the write's own: a clock entry that reaches up to it would also claim concurrent
 * values that no answer ever showed, and the author's next write would destroy them.
 *
 * ```
 *   siblings after Bob's blind put:   (I, 1, 4) Alice's   (I, 1, 7) Bob's
 *   Bob's context:                    clock {}   dots (I, 1, 7)          not clock (I, 1): 7
 * ```
 *
 * Whoever hands a context out may add notes of its own, which come back with it. This package does not look into them.
 *
 * This is the dotted version vector of Preguiça, Baquero, Almeida, Fonte and Gonçalves (2010): (dot, vector), with a few
 * dots more: a client that goes on from answer to answer has seen each of its writes, and a copy may know of some that
 * were replaced before they arrived.
 */
import { CoterieError } from '@coterie/env';
import { clearSky, cloudMax, gatherCloud, hasDot } from './cloud.ts';
import { compareDots, type Dot } from './dot.ts';
import type { DottedSet } from './dotted-set.ts';
import { VersionVector } from './version-vector.ts';

const noNotes = new Uint8Array();

/** Longest notes of a context, in bytes. */
export const notesMax = 1024;

/** An immutable context. */
export class Context {
  /** What somebody has seen who has seen nothing. */
  static readonly empty: Context = new Context(VersionVector.empty, clearSky, noNotes);

  /** A copy's clock may take this over: it claims nothing unseen. */
  readonly clock: VersionVector;
  /** Seen too, and not covered by the clock: a cloud (`cloud.ts`). */
  readonly dots: readonly Dot[];
  /** What was noted by whoever handed it out; no bytes for nothing. */
  readonly notes: Uint8Array;

  private constructor(clock: VersionVector, dots: readonly Dot[], notes: Uint8Array) {
    this.clock = clock;
    this.dots = dots;
    this.notes = notes;
  }

  /** Everything that `clock` covers, and `dots`; of more than a cloud holds, the highest. */
  static of(clock: VersionVector, dots: readonly Dot[] = clearSky): Context {
    return new Context(clock, gatherCloud(clock, dots), noNotes);
  }

  /** All that a copy knows: what its reader has seen. */
  static whole<T>({ clock, cloud }: DottedSet<T>): Context {
    return new Context(clock, cloud, noNotes);
  }

  /**
   * What the author of the write `own` knows once `after` is the key's state. With no sibling beside it, all that the
   * key ever held led up to this write, and all of the copy is seen; else only what the author had `seen`, and `own`, which
   * comes before any other dot.
   */
  static afterWrite<T>(after: DottedSet<T>, own: Dot, seen: Context = Context.empty): Context {
    const alone = after.siblings.every((sibling) => compareDots(sibling.dot, own) === 0);
    if (alone) return Context.whole(after);
    const others = seen.dots.filter((dot) => compareDots(dot, own) !== 0).slice(1 - cloudMax);
    return Context.of(seen.clock, [...others, own]);
  }

  /** The same with these notes. @throws `INVALID_ARGUMENT` for more than `notesMax` bytes */
  withNotes(notes: Uint8Array): Context {
    if (notes.length > notesMax) throw new CoterieError('INVALID_ARGUMENT', `notes of a context have at most ${notesMax} bytes`);
    return new Context(this.clock, this.dots, notes);
  }

  /** Whether the author had seen the write named `dot`, or something that replaced it. */
  covers(dot: Dot): boolean {
    return this.clock.covers(dot) || hasDot(this.dots, dot);
  }
}
