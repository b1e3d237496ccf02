/** The steps of a change in its key's critical section: what it is decided on, what was decided, what is on its way to the disk. */
import type { Attempt } from '../coordinator/deadlines.ts';
import type { WriteAnswer } from '../coordinator/operations.ts';
import type { CausalObject } from '../objects/object.ts';
import type { NewHint } from './new-hint.ts';
import type { Place } from './replica.ts';
import type { Copy } from './stored-copy.ts';

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

/** What a write is decided on. */
export interface Decidable {
  /** The copy as it lies here. */
  readonly stored: Copy;
  /** The copy with what the write's base adds to it. */
  readonly local: Copy;
  readonly attempt: Attempt;
}

/** What lies here, and what arrived. */
export interface Meeting {
  readonly local: Copy;
  readonly object: CausalObject;
}

/** What is being read here, and what arrived. */
export interface Reading {
  readonly reading: Promise<Copy>;
  readonly object: CausalObject;
}

/** What was decided about a key, ready to be committed. */
export interface Decided {
  readonly place: Place;
  readonly operation: string | undefined;
  /** The copy as it lies here. */
  readonly before: Copy;
  readonly copy: Copy;
  readonly answer: WriteAnswer | undefined;
}
