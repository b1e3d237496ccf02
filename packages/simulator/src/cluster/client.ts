/**
 * A client: reads, changes what it read, writes blindly, deletes, asks conditions, and tries again at another node under
 * the same operation id. It remembers for each key the last context that it was given and what it had been shown then.
 */
import { isCoterieError } from '@coterie/env';
import type { CoterieNode, GetReply, WriteReply } from '@coterie/node';
import { CrashError } from '../disk/faults.ts';
import type { SeededRandom } from '../random.ts';
import type { Fleet } from './fleet.ts';
import type { Outcome, Write, WriteAsk } from './history.ts';
import { type Recorder, shownBy, valueOf } from './recorder.ts';
import type { BucketPlan, WorkloadPlan } from './scenario.ts';
import { operationOf } from './store-ledger.ts';

/** What a client works with. */
export interface ClientParts {
  readonly fleet: Fleet;
  readonly plan: WorkloadPlan;
  readonly random: SeededRandom;
  readonly recorder: Recorder;
  /** Whether the node holds the key and was well from then on: see `Attempt.madeHere`. */
  madeHere(node: string, of: { readonly bucket: string; readonly key: string; readonly startMs: number }): boolean;
}

/** What a client was told last about a key. */
interface Memory {
  readonly context: string;
  readonly etag: string | undefined;
  readonly seen: ReadonlySet<number>;
}

/** A write, and how it is carried. */
interface Errand {
  readonly write: Write;
  send(node: CoterieNode): Promise<WriteReply>;
}

type Deed = keyof WorkloadPlan['mix'];

/** The client waits a little longer than it lets the node try. */
const graceMs = 300;

/** One client. */
export class Client {
  readonly #parts: ClientParts;
  readonly #memories = new Map<string, Memory>();
  /** Keys of which nothing was found when they were last read: to change one is to write it. */
  readonly #vacant = new Set<string>();

  constructor(parts: ClientParts) {
    this.#parts = parts;
  }

  /** Works until `untilMs` of the world's time. */
  async work(untilMs: number): Promise<void> {
    const { fleet, plan, random } = this.#parts;
    const [least, most] = plan.thinkMs;
    while (fleet.world.nowMs < untilMs) {
      await fleet.pause(least + random.below(most - least + 1));
      await this.#act();
    }
  }

  async #act(): Promise<void> {
    const { plan, random } = this.#parts;
    const bucket = random.pick(plan.buckets);
    const key = `k${random.below(plan.keys)}`;
    const deed = this.#pickDeed();
    const name = `${bucket.name}/${key}`;
    const memory = this.#memories.get(name);
    const looksFirst = deed === 'delete' || (deed === 'update' && !this.#vacant.has(name));
    if (deed === 'read' || (memory === undefined && looksFirst)) return this.#read(bucket, key);
    await this.#write(bucket, key, { deed, memory });
  }

  #pickDeed(): Deed {
    const { plan, random } = this.#parts;
    const weights = Object.entries(plan.mix) as [Deed, number][];
    let left = random.below(weights.reduce((sum, [, weight]) => sum + weight, 0));
    for (const [deed, weight] of weights) {
      if (left < weight) return deed;
      left -= weight;
    }
    return 'read';
  }

  async #read(bucket: BucketPlan, key: string): Promise<void> {
    const { fleet, plan, random, recorder } = this.#parts;
    const node = random.pick(fleet.machines);
    const ask = this.#readAsk(bucket);
    const startMs = fleet.world.nowMs;
    try {
      const reply = await fleet.ask(
        node,
        (asked) => asked.get({ bucket: bucket.name, key: encode(key), timeoutMs: plan.timeoutMs, ...ask }),
        plan.timeoutMs + graceMs,
      );
      const shown = shownBy(reply);
      recorder.read({ bucket: bucket.name, key, node, startMs, endMs: fleet.world.nowMs, pr: ask.pr, shown });
      this.#remember(bucket.name, key, { reply, shown });
    } catch (error) {
      if (!isCoterieError(error) && !(error instanceof CrashError)) throw error;
    }
  }

  #remember(bucket: string, key: string, { reply, shown }: { readonly reply: GetReply; readonly shown: readonly number[] }): void {
    const name = `${bucket}/${key}`;
    if (reply.state === 'missing') return void this.#vacant.add(name);
    this.#vacant.delete(name);
    const etag = reply.state === 'found' ? reply.etag : undefined;
    this.#memories.set(name, { context: reply.context, etag, seen: new Set(shown) });
  }

  async #write(bucket: BucketPlan, key: string, how: { readonly deed: Deed; readonly memory: Memory | undefined }): Promise<void> {
    const errand = this.#errandFor(bucket, key, how);
    const { fleet, plan, random, recorder } = this.#parts;
    const nodes = shuffled(fleet.machines, random);
    for (let tries = 0; tries <= plan.retriesMax; tries++) {
      const node = nodes[tries % nodes.length] ?? '';
      const startMs = fleet.world.nowMs;
      const { outcome, reply } = await this.#attempt(node, errand);
      const endMs = outcome.kind === 'silent' ? Infinity : fleet.world.nowMs;
      const madeHere = this.#parts.madeHere(node, { bucket: bucket.name, key, startMs });
      recorder.attempted(errand.write, { node, startMs, endMs, outcome, madeHere });
      if (reply !== undefined) {
        const seen = new Set([...errand.write.seen, errand.write.id]);
        this.#memories.set(`${bucket.name}/${key}`, { context: reply.context, etag: reply.etag, seen });
      }
      if (!isWorthAnotherTry(outcome)) return;
      await fleet.pause(random.below(100));
    }
  }

  async #attempt(node: string, { send }: Errand): Promise<{ readonly outcome: Outcome; readonly reply?: WriteReply }> {
    const { fleet, plan } = this.#parts;
    let sent = false;
    try {
      const reply = await fleet.ask(
        node,
        (asked) => {
          sent = true;
          return send(asked);
        },
        plan.timeoutMs + graceMs,
      );
      return { outcome: { kind: 'ok', reached: reply.reached }, reply };
    } catch (error) {
      if (error instanceof CrashError || isSilence(error)) return { outcome: { kind: 'silent' } };
      if (!isCoterieError(error)) throw error;
      const { code, message, details } = error;
      return { outcome: { kind: 'refused', code, message, mayHaveTakenEffect: sent && details.mayHaveTakenEffect !== false } };
    }
  }

  #errandFor(bucket: BucketPlan, key: string, { deed, memory }: { readonly deed: Deed; readonly memory: Memory | undefined }): Errand {
    const { plan, random, recorder } = this.#parts;
    const isDelete = deed === 'delete' || deed === 'blindDelete';
    const known = deed === 'update' || deed === 'delete' ? memory : undefined;
    const condition = deed !== 'conditional' ? undefined : memory?.etag !== undefined && random.chance(0.6) ? 'unchanged' : 'absent';
    const ask: WriteAsk = { ...this.#writeAsk(bucket), ...(condition === undefined ? {} : { condition }) };
    const from = condition === 'unchanged' ? memory : known;
    const write = recorder.begin({
      kind: isDelete ? 'delete' : 'put',
      bucket: bucket.name,
      key,
      ask,
      seen: from?.seen ?? new Set(),
      replacesFound: deed === 'blindDelete',
    });
    const request = {
      bucket: bucket.name,
      key: encode(key),
      operation: operationOf(write.id),
      w: ask.w,
      pw: ask.pw,
      timeoutMs: plan.timeoutMs,
      ...(known === undefined ? {} : { context: known.context }),
    };
    if (isDelete) return { write, send: (node) => node.delete(request) };
    const value = valueOf(write.id, random.below(plan.valueBytesMax));
    const conditions =
      condition === 'absent' ? { ifNoneMatch: '*' as const } : condition === 'unchanged' ? { ifMatch: memory?.etag ?? '*' } : {};
    return { write, send: (node) => node.put({ ...request, value, ...(condition === undefined ? {} : { conditions }) }) };
  }

  #writeAsk(bucket: BucketPlan): { readonly w: number; readonly pw: number } {
    const { plan, random } = this.#parts;
    if (bucket.asks === 'strict') return { w: 2 + random.below(2), pw: 2 };
    return random.below(100) < plan.sloppyPercent ? { w: 1, pw: 0 } : { w: 2 + random.below(2), pw: random.below(3) };
  }

  #readAsk(bucket: BucketPlan): { readonly r: number; readonly pr: number; readonly monotonic?: boolean } {
    const { plan, random } = this.#parts;
    if (bucket.asks === 'strict') return { r: 2, pr: 2, ...(random.chance(0.3) ? { monotonic: true } : {}) };
    return random.below(100) < plan.sloppyPercent ? { r: 1, pr: 0 } : { r: 2, pr: random.below(3) };
  }
}

/** The client's own patience ran out: the node may be doing it still. */
function isSilence(error: unknown): boolean {
  return isCoterieError(error, 'TIMEOUT') && error.details.mayHaveTakenEffect === undefined;
}

function isWorthAnotherTry(outcome: Outcome): boolean {
  if (outcome.kind === 'ok') return false;
  return outcome.kind === 'silent' || !['PRECONDITION_FAILED', 'INVALID_ARGUMENT', 'TOO_MANY_SIBLINGS'].includes(outcome.code);
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** The same things in another order. */
function shuffled<T>(items: readonly T[], random: SeededRandom): T[] {
  const left = [...items];
  const mixed: T[] = [];
  while (left.length > 0) mixed.push(...left.splice(random.below(left.length), 1));
  return mixed;
}
