/** What a coordinator has its own replica do, and what comes of it (`replica.ts`). */
import { CoterieError, isCoterieError } from '@coterie/env';
import type { Context, Dot } from '@coterie/vector-clock';
import type { Admitting } from '../forgetting/admittance.ts';
import { mergeObjects } from '../objects/merge.ts';
import type { CausalObject } from '../objects/object.ts';
import type { WriteAnswer } from '../coordinator/operations.ts';
import type { Place } from './replica.ts';
import type { Copy } from './stored-copy.ts';

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
  /** Whether who knows these dots has seen the write that answered so. */
  isIn(knows: (dot: Dot) => boolean, answered: WriteAnswer): boolean;
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

/** The copy that a write is decided on: what lies here, with what the write's base adds to it. */
export function withBase(local: Copy, { base, place }: CoordinatedWrite, admittance: Admitting): Copy {
  if (base === undefined) return local;
  const admitted = admittance.admit(place, base, local.object);
  return { object: mergeObjects(local.object, admitted, place.bucket.properties.conflict), own: local.own };
}

/** A failed commit as the node reports it: only a store that is sure, of a write that nobody built on, may deny an effect. */
export function asWriteFailure(error: unknown, state: { readonly builtOn: boolean }): unknown {
  if (!isCoterieError(error)) return error;
  const denied = error.details.mayHaveTakenEffect === false && !state.builtOn;
  const { code, message, retryable, details } = error;
  return new CoterieError(code, message, { cause: error, retryable, details: { ...details, mayHaveTakenEffect: !denied } });
}

/** Refuses writes, never merges: what two stores have taken must come together. @throws `TOO_MANY_SIBLINGS` */
export function checkSize(
  before: CausalObject,
  after: CausalObject,
  { bytes, most }: { readonly bytes: number; readonly most: number },
): void {
  if (bytes <= most || after.set.siblings.length <= before.set.siblings.length) return;
  throw new CoterieError(
    'TOO_MANY_SIBLINGS',
    `the key's values together would take ${bytes} bytes; read it and write back one value with the context`,
    {
      details: { mayHaveTakenEffect: false },
    },
  );
}
