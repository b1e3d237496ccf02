/**
 * The coordinator's way of a write, the same for put and delete:
 *
 * ```
 *   needs ▶ operation id ▶ local replica: dot, decision, log ▶ send the object to the other holders ▶ count ▶ answer
 * ```
 *
 * Its own copy counts like any other, when it is durable. Today it is the only one.
 */
import type { Context, Dot } from '@coterie/vector-clock';
import { Context as ContextValue } from '@coterie/vector-clock';
import type { WriteReply } from './api.ts';
import { type Core, holdersOf } from './core.ts';
import type { Attempt } from './deadlines.ts';
import { etagOf } from './etag.ts';
import type { CausalObject } from './object.ts';
import { checkOperation, mintOperation, type WriteAnswer } from './operations.ts';
import { addAnswer, type Answer, failureOf, type Needs, needsOf, reachedBy, startTally, type Tally, verdict } from './quorum.ts';
import type { Coordinated, Place } from './replica.ts';

/** A write as put and delete describe it. */
export interface WriteOrder {
  readonly place: Place;
  readonly operation: string | undefined;
  readonly w: number | undefined;
  readonly pw: number | undefined;
  readonly context: Context | undefined;
  /** What the writer is taken to have seen, given the local copy. */
  seen(local: CausalObject): Context;
  /** The object after the write. */
  decide(local: CausalObject, by: { readonly dot: Dot; readonly operation: string; readonly seen: Context }): CausalObject;
}

/** Carries a write out; resolves when w stores hold it. */
export async function coordinateWrite(core: Core, order: WriteOrder, attempt: Attempt): Promise<WriteReply> {
  const { properties } = order.place.bucket;
  const holders = holdersOf(core, order.place);
  const wanted = { total: order.w ?? properties.w, primary: order.pw ?? properties.pw };
  const needs = needsOf(wanted, holders.primaries.length, ['w', 'pw']);
  const written = await writeHere(core, order, attempt);
  const tally = await count(needs, [acknowledge(core, written)]);
  if (verdict(tally, tally.answers.length) !== 'met') throw failureOf(tally, attempt.mayTakeEffect);
  const { context, etag } = written.answer;
  return { context, etag, reached: reachedBy(tally) };
}

function writeHere(core: Core, order: WriteOrder, attempt: Attempt): Promise<Coordinated> {
  const { environment, limits, local: replica } = core;
  const now = environment.clock.now();
  if (order.operation !== undefined) checkOperation(order.operation, now, limits.operationMemoryMs);
  const operation = order.operation ?? mintOperation(now, environment.random);
  let seen: Context = ContextValue.empty;
  const write = {
    place: order.place,
    operation: order.operation,
    context: order.context ?? ContextValue.empty,
    decide(local: CausalObject, dot: Dot): CausalObject {
      seen = order.seen(local);
      return order.decide(local, { dot, operation, seen });
    },
    answer: (after: CausalObject, dot: Dot): WriteAnswer => ({
      context: core.sealer.seal(ContextValue.afterWrite(after.set, dot, seen), order.place.address),
      etag: etagOf(after),
    }),
  };
  return replica.coordinate(write, attempt);
}

async function acknowledge(core: Core, written: Coordinated): Promise<Answer> {
  try {
    await written.durable;
    return { store: core.selfId, role: 'primary', outcome: 'ok', synced: core.syncsEachWrite };
  } catch (error) {
    return { store: core.selfId, role: 'primary', outcome: 'failed', error };
  }
}

/** Adds answers as they come until the verdict is out; the rest go on by themselves. */
async function count(needs: Needs, asked: readonly Promise<Answer>[]): Promise<Tally> {
  let tally = startTally(needs);
  const open = new Set(asked);
  while (open.size > 0 && verdict(tally, asked.length) === 'waiting') {
    const [answer, from] = await first(open);
    open.delete(from);
    tally = addAnswer(tally, answer);
  }
  return tally;
}

/** The answer that comes first, and which it was. One alone, the usual case of one node, needs no race. */
async function first(open: ReadonlySet<Promise<Answer>>): Promise<readonly [Answer, Promise<Answer>]> {
  const [only] = open;
  if (open.size === 1) return [await only, only];
  return Promise.race([...open].map((one) => one.then((answer) => [answer, one] as const)));
}
