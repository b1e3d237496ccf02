/**
 * A partition in small: three primaries, a fallback with hints, messages that come late, twice and in any order, crashes,
 * and rounds of forgetting that go forward step by step between all of it. Beside it runs a twin that never forgets;
 * whatever the two show in the end has to be the same.
 */
import { Context, type Dot } from '@coterie/vector-clock';
import { type Floor, ground, unite } from '../../src/forgetting/floor.ts';
import { afterForgetting, type Before, withoutForgotten } from '../../src/forgetting/forget.ts';
import { floorAfter, momentOf, type Outlook, type Report } from '../../src/forgetting/round.ts';
import { mergeObjects } from '../../src/objects/merge.ts';
import { type CausalObject, emptyObject } from '../../src/objects/object.ts';
import { makePayload, type Payload } from '../../src/objects/payload.ts';
import { bytes, text } from '../world.ts';

const primaries = [0, 1, 2] as const;
const fallback = 3;
const keys = ['x', 'y'] as const;
const pairs = [
  [0, 1],
  [0, 2],
  [1, 2],
] as const;

/** What may be left out, to see that it is needed. */
export type Left = 'nothing' | 'the filter' | 'delivering' | 'agreeing' | 'key epochs';

/** One thing that happens. */
export type Step =
  | { readonly do: 'put' | 'delete'; readonly at: number; readonly key: number; readonly sees: boolean; readonly expires: boolean }
  | { readonly do: 'message'; readonly which: number }
  | { readonly do: 'hand over' }
  | { readonly do: 'crash'; readonly at: number }
  | { readonly do: 'forget' };

interface Member {
  life: number;
  counter: number;
  floor: Floor;
  readonly objects: Map<string, CausalObject>;
  /** The epoch that this life opened on a key. */
  readonly epochs: Map<string, number>;
}

interface Message {
  readonly to: number;
  readonly key: string;
  readonly object: CausalObject;
  /** Whether it has come once. */
  hasCome: boolean;
}

/** Messages that may come again. */
const rememberedMax = 24;

/** One world: it forgets, or it does not. */
export class Partition {
  readonly members: readonly Member[] = [...primaries, fallback].map(() => ({
    life: 0,
    counter: 0,
    floor: ground,
    objects: new Map(),
    epochs: new Map(),
  }));
  /** Objects that went whole. */
  forgotten = 0;
  readonly #forgets: boolean;
  readonly #left: Left;
  #lives = 0;
  #messages: Message[] = [];
  #round: Generator<void, void> | undefined;
  #now = 0;

  constructor(forgets: boolean, left: Left = 'nothing') {
    this.#forgets = forgets;
    this.#left = left;
    for (const member of this.members) this.#begin(member);
  }

  apply(step: Step): void {
    this.#now++;
    if (step.do === 'put' || step.do === 'delete') this.#write(step);
    else if (step.do === 'message') this.#deliver(step.which);
    else if (step.do === 'hand over') this.#handOver();
    else if (step.do === 'crash') this.#crash(step.at);
    else this.#goOn();
  }

  /** Everything arrives, and all primaries exchange what they have. */
  settle(): void {
    this.#handOver();
    for (const message of this.#messages) if (!message.hasCome) this.#merge(message);
    for (let i = 0; i < 2; i++) for (const [a, b] of pairs) this.#exchange(a, b);
  }

  /** What each primary shows of each key: values that have not expired by the end of time. */
  shown(): string[][] {
    return keys.map((key) =>
      primaries.map((at) => {
        const values = (this.members[at]?.objects.get(key) ?? emptyObject).set.siblings.map(({ value }) => value);
        return values
          .filter((value) => !value.tombstone && value.expiresAt === undefined)
          .map((value) => text(value.value))
          .sort()
          .join(' ');
      }),
    );
  }

  #begin(member: Member): void {
    member.life = ++this.#lives;
    member.epochs.clear();
  }

  #crash(at: number): void {
    const member = this.members[at] as Member;
    this.#begin(member);
    if (at === 0) this.#round = undefined;
  }

  #write({ do: kind, at, key: which, sees, expires }: Extract<Step, { readonly key: number }>): void {
    const key = keys[which] as string;
    const member = this.members[at] as Member;
    const local = member.objects.get(key) ?? emptyObject;
    const dot = this.#dotFor(member, key);
    const context = sees || kind === 'delete' ? Context.of(local.set.clock) : undefined;
    const value = payload(kind === 'delete', `${this.#now}`, { now: this.#now, expires });
    const set = local.set.event({ dot, at: this.#now, value, ...(context === undefined ? {} : { context }) });
    const object = { ...local, set };
    member.objects.set(key, object);
    for (const to of primaries) if (to !== at) this.#send({ to, key, object, hasCome: false });
  }

  /** A life counts on from where its store was; an epoch begins where the store has no copy that it coordinated. */
  #dotFor(member: Member, key: string): Dot {
    const counter = ++member.counter;
    if (!member.objects.has(key) && this.#left !== 'key epochs') member.epochs.delete(key);
    const epoch = member.epochs.get(key) ?? counter;
    member.epochs.set(key, epoch);
    return { incarnation: member.life.toString(16).padStart(16, '0'), epoch, counter };
  }

  #send(message: Message): void {
    this.#messages.push(message);
    if (this.#messages.length <= rememberedMax) return;
    const oldest = this.#messages.shift() as Message;
    if (!oldest.hasCome) this.#merge(oldest);
  }

  #deliver(which: number): void {
    const message = this.#messages[which % Math.max(1, this.#messages.length)];
    if (message === undefined) return;
    message.hasCome = true;
    this.#merge(message);
  }

  #merge({ to, key, object }: Omit<Message, 'hasCome'>): void {
    const member = this.members[to] as Member;
    const local = member.objects.get(key);
    const admitted = this.#left === 'the filter' ? object : withoutForgotten(object, local ?? emptyObject, member.floor);
    const merged = mergeObjects(local ?? emptyObject, admitted, 'siblings');
    if (local !== undefined || merged.set.siblings.length > 0) member.objects.set(key, merged);
  }

  #handOver(): void {
    const { objects, epochs } = this.members[fallback] as Member;
    for (const [key, object] of objects) for (const to of primaries) this.#merge({ to, key, object });
    objects.clear();
    if (this.#left !== 'key epochs') epochs.clear();
  }

  #exchange(a: number, b: number): void {
    for (const key of keys) {
      for (const [from, to] of [
        [a, b],
        [b, a],
      ] as const) {
        const object = this.members[from]?.objects.get(key);
        if (object !== undefined) this.#merge({ to, key, object });
      }
    }
  }

  #goOn(): void {
    this.#round ??= this.#steps();
    if (this.#round.next().done === true) this.#round = undefined;
  }

  /** A round, with a pause after everything that a member is asked. */
  *#steps(): Generator<void, void> {
    const outlook = this.#look();
    yield;
    const reports: Report[] = [];
    for (const member of this.members) {
      reports.push({ incarnation: member.life.toString(16).padStart(16, '0'), counter: member.counter, wallMs: this.#now });
      yield;
    }
    if (this.#left !== 'delivering') this.#handOver();
    yield;
    for (const [a, b] of this.#left === 'agreeing' ? [] : pairs) {
      this.#exchange(a, b);
      yield;
    }
    const floor = floorAfter(outlook, reports);
    const before = momentOf(reports);
    for (const at of primaries) {
      if (this.#forgets) this.#sink(this.members[at] as Member, floor, before);
      yield;
    }
  }

  /** A primary takes the floor, and drops what is dead below it. */
  #sink(member: Member, floor: Floor, before: Before): void {
    member.floor = unite(member.floor, floor);
    for (const [key, object] of [...member.objects]) {
      const after = afterForgetting(object, member.floor, before);
      if (after !== 'gone') member.objects.set(key, after);
      else {
        member.objects.delete(key);
        this.forgotten++;
      }
    }
  }

  #look(): Outlook {
    const lives = new Set<string>();
    const driver = this.members[0] as Member;
    for (const { set } of driver.objects.values()) for (const { incarnation } of set.clock.entries) lives.add(incarnation);
    return { lives, isMoving: false, recovering: [], floor: driver.floor };
  }
}

function payload(tombstone: boolean, said: string, { now, expires }: { readonly now: number; readonly expires: boolean }): Payload {
  const fields = { tombstone, writtenAt: now, operation: `op-${said}`, contentType: '', extensions: [], value: bytes(said) };
  return makePayload(expires && !tombstone ? { ...fields, expiresAt: now + 5 } : fields, 0);
}
