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
 * This is the dotted version vector of Preguiça, Baquero, Almeida, Fonte and Gonçalves (2010): (dot, vector).
 */
import { compareDots, type Dot } from './dot.ts';
import type { DottedSet } from './dotted-set.ts';
import { VersionVector } from './version-vector.ts';

/** An immutable context. */
export class Context {
  /** What somebody has seen who has seen nothing. */
  static readonly empty: Context = new Context(VersionVector.empty, []);

  /** A copy's clock may take this over: it claims nothing unseen. */
  readonly clock: VersionVector;
  /** Seen too, and not covered by the clock. */
  readonly dots: readonly Dot[];

  private constructor(clock: VersionVector, dots: readonly Dot[]) {
    this.clock = clock;
    this.dots = dots;
  }

  /** Everything that `clock` covers, and `dots`. */
  static of(clock: VersionVector, dots: readonly Dot[] = []): Context {
    return new Context(
      clock,
      dots.filter((dot) => !clock.covers(dot)),
    );
  }

  /**
   * What the author of the write `own` knows once `after` is the key's state. With no sibling beside it, all that the
   * key ever held led up to this write, and the whole clock is seen; else only what the author had `seen`, and `own`.
   */
  static afterWrite<T>(after: DottedSet<T>, own: Dot, seen: Context = Context.empty): Context {
    const alone = after.siblings.every((sibling) => compareDots(sibling.dot, own) === 0);
    return alone ? Context.of(after.clock) : Context.of(seen.clock, [own]);
  }

  /** Whether the author had seen the write named `dot`, or something that replaced it. */
  covers(dot: Dot): boolean {
    return this.clock.covers(dot) || this.dots.some((other) => compareDots(other, dot) === 0);
  }
}
