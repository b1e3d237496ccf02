/**
 * One key at four stores that write, merge and hand over by the rules of the node, whose clients see what some store shows,
 * or only what a write answered, or nothing, or want to delete what is there, and ask again at other stores. Beside it a
 * twin: the plain list of which writes some author had seen.
 */
import { Context, type Dot } from '@coterie/vector-clock';
import fc from 'fast-check';
import { defaultProperties } from '../src/buckets/bucket-properties.ts';
import { decideWrite } from '../src/objects/decide-write.ts';
import { type Conflict, highestStamp, mergeObjects } from '../src/objects/merge.ts';
import { type CausalObject, emptyObject } from '../src/objects/object.ts';
import { makePayload } from '../src/objects/payload.ts';
import { rankFor } from '../src/objects/replaced.ts';
import { bytes } from './world.ts';

/** Stores. */
export const stores = [0, 1, 2, 3] as const;

/** What an author has seen: the last is for deletes, and at each try something else. */
export type Sight = 'nothing' | 'a store' | 'an answer' | 'what is there';

/** One thing that happens. */
export type Step =
  | {
      readonly do: 'write';
      readonly at: number;
      readonly kind: 'put' | 'delete';
      readonly sees: Sight;
      readonly which: number;
      /** Whether the client knows the operation's id. */
      readonly named: boolean;
    }
  | { readonly do: 'ask again'; readonly at: number; readonly which: number }
  | { readonly do: 'merge'; readonly at: number; readonly from: number }
  | { readonly do: 'hand over'; readonly at: number; readonly to: number };

/** A write as its client asked for it, once or several times. */
interface Request {
  readonly operation: string;
  readonly kind: 'put' | 'delete';
  /** What its author has seen; absent: what is there. */
  readonly context: Context | undefined;
  readonly dots: Dot[];
  /** With what each try was carried out. */
  readonly contexts: Context[];
  /** What each store made of it. */
  readonly taken: Map<number, Dot>;
}

const store = fc.nat(stores.length - 1);
const which = fc.nat(30);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('write' as const),
      at: store,
      kind: fc.constantFrom('put' as const, 'put' as const, 'delete' as const),
      sees: fc.constantFrom<Sight>('nothing', 'a store', 'an answer', 'what is there'),
      which,
      named: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('ask again' as const), at: store, which }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('merge' as const), at: store, from: store }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('hand over' as const), at: store, to: store }) },
);

/** What may happen to a key. */
export const story: fc.Arbitrary<Step[]> = fc.array(step, { maxLength: 50, size: 'max' });

/** The stores' copies. */
export class Copies {
  readonly objects: CausalObject[] = stores.map(() => emptyObject);
  /** Every copy that there ever was. */
  readonly past: CausalObject[] = [emptyObject];
  readonly requests: Request[] = [];
  readonly conflict: Conflict;
  readonly #answers: Context[] = [];
  readonly #epochs: (number | undefined)[] = stores.map(() => undefined);
  #now = 0;

  constructor(conflict: Conflict) {
    this.conflict = conflict;
  }

  /** Lets it all happen. */
  play(steps: readonly Step[]): this {
    for (const one of steps) {
      if (one.do === 'merge') this.merge(one.from, one.at);
      else if (one.do === 'hand over') this.#handOver(one.at, one.to);
      else if (one.do === 'write') this.#write(this.#ask(one), one.at);
      else if (this.requests.length > 0) this.#write(this.requests[one.which % this.requests.length], one.at);
    }
    return this;
  }

  merge(from: number, to: number): void {
    this.#keep(to, mergeObjects(this.objects[to], this.objects[from], this.conflict));
  }

  /** Until each has heard of each. */
  settle(): this {
    for (let round = 0; round < 2; round++) for (const to of stores) for (const from of stores) this.merge(from, to);
    return this;
  }

  /** The twin: puts of which no author of a write had seen any copy. */
  get unreplaced(): readonly string[] {
    const { requests } = this;
    const seen = requests.flatMap(({ contexts }) => contexts);
    const isSeen = (dots: readonly Dot[]): boolean => dots.some((dot) => seen.some((context) => context.covers(dot)));
    return requests.filter(({ kind, dots }) => kind === 'put' && dots.length > 0 && !isSeen(dots)).map(({ operation }) => operation);
  }

  #ask({ kind, sees, which: at, named }: Extract<Step, { do: 'write' }>): Request {
    const number = this.requests.length.toString(16).padStart(16, '0');
    const request: Request = {
      operation: named ? `000000000000-${number}` : ` ${number}`,
      kind,
      context: sees === 'what is there' && kind === 'delete' ? undefined : this.#seen(sees, at),
      dots: [],
      contexts: [],
      taken: new Map(),
    };
    this.requests.push(request);
    return request;
  }

  #seen(sees: Sight, at: number): Context {
    if (sees === 'a store') return Context.whole(this.objects[at % stores.length].set);
    const answer = sees === 'an answer' && this.#answers.length > 0 ? this.#answers[at % this.#answers.length] : undefined;
    return answer ?? Context.empty;
  }

  /** As a coordinator does: an operation that the store or the key knows is answered, and not carried out. */
  #write({ operation, kind, context: given, dots, contexts, taken }: Request, at: number): void {
    const local = this.objects[at];
    const own = taken.get(at);
    // Nobody but the node knows the id.
    if (operation.startsWith(' ') && dots.length > 0) return;
    if (own !== undefined && local.set.knows(own)) return;
    if (local.set.siblings.some(({ value }) => value.operation === operation) || local.replaced.has(operation, this.#now)) return;
    const now = ++this.#now;
    const dot = { incarnation: `000000000000000${at}`, epoch: this.#epochs[at] ?? now, counter: now };
    this.#epochs[at] = dot.epoch;
    const stamp = this.conflict === 'lww' ? 1 + highestStamp(local.set) : undefined;
    const context = given ?? Context.whole(local.set);
    const rank = rankFor(operation, local);
    const said = { writtenAt: now, stamp, rank, operation, contentType: '', extensions: [], value: bytes(`${now}`) };
    const payload = makePayload({ tombstone: kind === 'delete', ...said }, 0);
    const properties = { ...defaultProperties, conflict: this.conflict };
    const after = decideWrite(local, { dot, now, payload, context, properties });
    dots.push(dot);
    contexts.push(context);
    taken.set(at, dot);
    this.#answers.push(Context.afterWrite(after.set, dot, context));
    this.#keep(at, after);
  }

  #handOver(at: number, to: number): void {
    if (at === to) return;
    this.merge(at, to);
    this.objects[at] = emptyObject;
    this.#epochs[at] = undefined;
  }

  #keep(at: number, object: CausalObject): void {
    this.objects[at] = object;
    this.past.push(object);
  }
}
