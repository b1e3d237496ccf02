/** Random operations against causal histories: a read shows exactly the values that no known write had seen. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { World } from './world.ts';

/** What a client holds: a context, and for the oracle the writes that it stands for. */
interface Seen {
  readonly context: string;
  readonly writes: ReadonlySet<number>;
}

/** One key as the oracle knows it: every write, what its writer had seen, and whether it left a value. */
class KeyHistory {
  readonly pasts: { readonly seen: ReadonlySet<number>; readonly deletes: boolean }[] = [];

  write(seen: ReadonlySet<number>, deletes: boolean): number {
    this.pasts.push({ seen, deletes });
    return this.pasts.length - 1;
  }

  get all(): ReadonlySet<number> {
    return new Set(this.pasts.keys());
  }

  /** Values that no write had seen. */
  get live(): string[] {
    const ids = [...this.pasts.keys()].filter((id) => !this.pasts[id].deletes && !this.pasts.some((past) => past.seen.has(id)));
    return ids.map(String).sort();
  }
}

const keys = ['a', 'b'];
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('put' as const), key: fc.nat(1), client: fc.nat(2), blind: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('delete' as const), key: fc.nat(1), client: fc.nat(2), blind: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('read' as const), key: fc.nat(1), client: fc.nat(2), blind: fc.constant(false) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom('stop' as const, 'crash' as const),
      key: fc.nat(1),
      client: fc.nat(2),
      blind: fc.constant(false),
    }),
  },
);

type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** A node, its clients and the oracle beside them. */
class Play {
  readonly world: World;
  readonly histories: KeyHistory[] = keys.map(() => new KeyHistory());
  readonly clients = new Map<string, Seen>();

  constructor(world: World) {
    this.world = world;
  }

  async take(s: Step): Promise<void> {
    if (s.do === 'stop') await this.world.restart();
    else if (s.do === 'crash') await this.world.start();
    else if (s.do === 'read') await this.read(s);
    else await this.write(s);
    await this.check(s.key);
  }

  async read({ key, client }: Step): Promise<void> {
    const reply = await this.world.get(keys[key]);
    if (reply.state !== 'missing') this.clients.set(`${client} ${key}`, { context: reply.context, writes: this.histories[key].all });
  }

  async write({ do: what, key, client, blind }: Step): Promise<void> {
    const history = this.histories[key];
    const held = blind ? undefined : this.clients.get(`${client} ${key}`);
    const deletes = what === 'delete';
    // A delete without a context takes that of a read made in the same step.
    const seen = held?.writes ?? (deletes ? history.all : new Set<number>());
    const id = history.write(seen, deletes);
    const ask = held === undefined ? {} : { context: held.context };
    const reply = deletes ? await this.world.delete(keys[key], ask) : await this.world.put(keys[key], `${id}`, ask);
    this.clients.set(`${client} ${key}`, { context: reply.context, writes: new Set([...seen, id]) });
  }

  async check(key: number): Promise<void> {
    const history = this.histories[key];
    const expected = history.live.length > 0 ? history.live : history.pasts.length > 0 ? 'deleted' : 'missing';
    expect(await this.world.values(keys[key])).toEqual(expected);
  }
}

describe('a node against causal histories', () => {
  it('answers every read with the antichain, over clean and unclean stops', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), async (script) => {
        const play = new Play(await new World().start());
        for (const s of script) await play.take(s);
      }),
      { numRuns: process.env['COTERIE_LONG'] === '1' ? 2000 : 25 },
    );
  }, 1_200_000);
});
