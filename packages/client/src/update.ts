/**
 * Read, resolve, write, and again when the write was refused because of what others wrote meanwhile.
 *
 * ```
 *  read ──▶ resolve(siblings) ──▶ undefined: keep     ──▶ nothing is written
 *   ▲                        ├──▶ a value             ──▶ put with the context of the read ────┐
 *   │                        └──▶ null                ──▶ delete with that context ────────────┤
 *   └── pause ◀── TOO_MANY_SIBLINGS, or with `guard` PRECONDITION_FAILED ◀─────────────────────┘
 * ```
 *
 * Nothing that others write meanwhile is lost: it stays beside the new value, and whoever reads next, the next update
 * included, has both to merge. That needs no guard and works on any side of a cut network. A `guard` makes the write depend
 * on the etag that was read, so that concurrent updates through one coordinator follow one another.
 */
import { CoterieError, isCoterieError, type Random } from '@coterie/env';
import type { CallOptions, DeleteOptions, KeyState, NewValue, PutOptions, ReadOptions, Sibling, Written } from './api.ts';
import type { Bytes } from './names.ts';

/** What becomes of the siblings: a new value in their place, `null` to delete them, `undefined` to leave all as it is. */
export type Resolution = Bytes | NewValue | null | undefined;

/** Makes one of many: gets all siblings of the key, none when it has no value. May be called several times. */
export type Resolver = (siblings: readonly Sibling[]) => Resolution | Promise<Resolution>;

/** Options of an update. */
export interface UpdateOptions
  extends CallOptions,
    Pick<ReadOptions, 'r' | 'pr'>,
    Pick<DeleteOptions, 'w' | 'pw'>,
    Pick<PutOptions, 'contentType' | 'ttlMs'> {
  /** Write only if the key is still as it was read, else read again. */
  readonly guard?: boolean | undefined;
  /** Rounds of reading and writing, after which the refusal is thrown. Default 50. */
  readonly roundsMax?: number | undefined;
}

/** The operations that an update is made of. */
export interface UpdateSteps {
  readonly random: Random;
  read(options: ReadOptions): Promise<KeyState>;
  put(value: Bytes, options: PutOptions): Promise<Written>;
  delete(options: DeleteOptions): Promise<Written>;
  pause(ms: number): Promise<void>;
  /** Time left for all of it. */
  remainingMs(): number;
}

const roundsDefault = 50;
const pauseFirstMs = 2;
const pauseMaxMs = 250;
const nothing: readonly Sibling[] = [];

/** What the update wrote, or `undefined` when the resolver left all as it was. */
export async function update(steps: UpdateSteps, resolve: Resolver, options: UpdateOptions): Promise<Written | undefined> {
  const { roundsMax = roundsDefault } = options;
  if (!Number.isInteger(roundsMax) || roundsMax < 1)
    throw new CoterieError('INVALID_ARGUMENT', `roundsMax is an integer from 1, not ${roundsMax}`);
  for (let round = 1; ; round++) {
    try {
      return await updateOnce(steps, resolve, options);
    } catch (error) {
      const pauseMs = pauseAfter(round, steps.random);
      if (!isContention(error) || round >= roundsMax || pauseMs >= steps.remainingMs()) throw error;
      await steps.pause(pauseMs);
    }
  }
}

async function updateOnce(steps: UpdateSteps, resolve: Resolver, options: UpdateOptions): Promise<Written | undefined> {
  const { signal, r, pr, w, pw, guard = false } = options;
  const found = await steps.read({ timeoutMs: timeLeft(steps), signal, r, pr });
  const resolution = await resolve(found.state === 'found' ? found.siblings : nothing);
  if (resolution === undefined) return undefined;
  const context = found.state === 'missing' ? undefined : found.context;
  const etag = guard && found.state === 'found' ? found.etag : undefined;
  const writing = { timeoutMs: timeLeft(steps), signal, w, pw, context, ifMatch: etag };
  if (resolution === null) return found.state === 'found' ? steps.delete(writing) : undefined;
  const { value, contentType, ttlMs } = newValue(resolution);
  const onlyNew = guard && etag === undefined;
  return steps.put(value, {
    ...writing,
    contentType: contentType ?? options.contentType,
    ttlMs: ttlMs ?? options.ttlMs,
    ifNoneMatch: onlyNew ? '*' : undefined,
  });
}

function newValue(resolution: Bytes | NewValue): NewValue {
  return typeof resolution === 'string' || resolution instanceof Uint8Array ? { value: resolution } : resolution;
}

/** Refused because of what others wrote: reading again helps. Not if an earlier try may be what changed the key. */
function isContention(error: unknown): boolean {
  if (!isCoterieError(error, 'PRECONDITION_FAILED') && !isCoterieError(error, 'TOO_MANY_SIBLINGS')) return false;
  return error.details.mayHaveTakenEffect !== true;
}

/** Longer with each round, and never the same for two who collided. */
function pauseAfter(round: number, random: Random): number {
  return (Math.min(pauseMaxMs, pauseFirstMs * 2 ** round) * (random.u32() + 1)) / 2 ** 32;
}

function timeLeft(steps: UpdateSteps): number {
  return Math.max(1, Math.floor(steps.remainingMs()));
}
