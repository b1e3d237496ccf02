/**
 * The worked example of the Dynamo paper (section 4.4, figure 3) and a cut between two clients, as golden conversations
 * among three nodes: what is asked, what is answered, and the clock in each context, in the paper's words.
 */
import { ContextSealer, VectorClock } from '@coterie/vector-clock';
import { expect, it } from 'vitest';
import type { GetReply, WriteReply } from '../src/index.ts';
import { ClusterWorld } from './cluster-world.ts';
import { bytes, text } from './world.ts';

const clusterKey = new Uint8Array(32);
/** The nodes as the paper calls them. */
const stores: ReadonlyMap<string, string> = new Map([
  ['Sx', 'n1'],
  ['Sy', 'n2'],
  ['Sz', 'n3'],
]);

/** Clients that speak with three nodes about one key. */
class Conversation {
  readonly world: ClusterWorld;
  readonly lines: string[] = [];
  readonly #sealer: ContextSealer = new ContextSealer(clusterKey);
  /** Names of incarnations. */
  readonly #names = new Map<string, string>();

  constructor(seed: number) {
    this.world = new ClusterWorld(seed, { clusterKey });
  }

  async form(): Promise<this> {
    await this.world.startAll(3);
    for (const [name, node] of stores) this.#names.set(this.world.node(node).status().incarnation, name);
    return this;
  }

  say(line: string): void {
    this.lines.push(line);
  }

  async put(client: string, store: string, ask: { value: string; context?: string; w?: number }): Promise<WriteReply> {
    const { value, ...rest } = ask;
    const reply = await this.world.put(stores.get(store) ?? '', 'k', value, { w: 1, ...rest });
    const { primaries } = reply.reached;
    this.say(
      `${client} puts ${value} at ${store}${this.#with(ask.context)}: primaries=${primaries}, context ${this.clockOf(reply.context)}`,
    );
    return reply;
  }

  async get(client: string, store: string, r: number): Promise<Exclude<GetReply, { state: 'missing' }>> {
    const reply = await this.world.get(stores.get(store) ?? '', 'k', { r });
    if (reply.state === 'missing') throw new Error('nothing was ever written');
    const values = reply.state === 'found' ? reply.siblings.map(({ value }) => text(value)).sort() : [reply.state];
    this.say(`${client} gets from ${store}, r=${r}: ${values.join(' and ')}, context ${this.clockOf(reply.context)}`);
    return reply;
  }

  /** The clock in a context: [store, highest write], as in the paper; dots beside it after a plus. */
  clockOf(token: string): string {
    const { clock, dots } = this.#sealer.open(token, { bucket: 'b', generation: 1, key: bytes('k') });
    const pair = ({ incarnation, counter }: { incarnation: string; counter: number }): string =>
      `[${this.#names.get(incarnation) ?? 'unknown'},${counter}]`;
    const entries = clock.entries.map(pair).sort().join('');
    return dots.length === 0 ? entries : `${entries}+${dots.map(pair).sort().join('')}`;
  }

  #with(context: string | undefined): string {
    return context === undefined ? '' : ` with ${this.clockOf(context)}`;
  }
}

/** A plain vector clock of the literature in the same words. */
function literally(clock: VectorClock): string {
  const pairs = [...stores.keys()].filter((name) => clock.get(name) > 0).map((name) => `[${name},${clock.get(name)}]`);
  return pairs.join('');
}

it('goes as in the paper: A writes twice at Sx, B and C go on from there at Sy and Sz, A reconciles', async () => {
  const talk = await new Conversation(61).form();
  const { network } = talk.world.world;
  const d1 = await talk.put('A', 'Sx', { value: 'D1', w: 3 });
  const d2 = await talk.put('A', 'Sx', { value: 'D2', w: 3, context: d1.context });
  const seenByB = await talk.get('B', 'Sy', 1);
  const seenByC = await talk.get('C', 'Sz', 1);
  talk.say('(Sx, Sy and Sz cannot reach each other)');
  const cuts = [network.partition(['n1'], ['n2', 'n3']), network.partition(['n2'], ['n3'])];
  const d3 = await talk.put('B', 'Sy', { value: 'D3', context: seenByB.context });
  const d4 = await talk.put('C', 'Sz', { value: 'D4', context: seenByC.context });
  for (const cut of cuts) cut.undo();
  talk.say('(they can again)');
  await talk.world.world.advance(20_000);
  const both = await talk.get('A', 'Sx', 3);
  const d5 = await talk.put('A', 'Sx', { value: 'D5', w: 3, context: both.context });
  await talk.get('B', 'Sy', 3);

  const one = VectorClock.empty.increment('Sx');
  const two = one.increment('Sx');
  const [three, four] = [two.increment('Sy'), two.increment('Sz')];
  const five = three.merge(four).increment('Sx');
  expect([d1, d2, d3, d4, d5].map(({ context }) => talk.clockOf(context))).toEqual([one, two, three, four, five].map(literally));
  await expect(`${talk.lines.join('\n')}\n`).toMatchFileSnapshot('golden/dynamo-figure-3.txt');
});

it('keeps what two clients wrote on two sides of a cut, shows both with one context, and one after a put with it', async () => {
  const talk = await new Conversation(62).form();
  talk.say('(Sx cannot reach Sy and Sz)');
  const cut = talk.world.world.network.partition(['n1'], ['n2', 'n3']);
  await talk.put('A', 'Sx', { value: 'apples' });
  await talk.put('B', 'Sy', { value: 'pears', w: 2 });
  await talk.get('A', 'Sx', 1);
  await talk.get('B', 'Sz', 2);
  cut.undo();
  talk.say('(it can again)');
  await talk.world.world.advance(20_000);
  const both = await talk.get('A', 'Sz', 3);
  expect(both).toMatchObject({ state: 'found', siblings: [{}, {}] });
  await talk.put('A', 'Sx', { value: 'apples,pears', w: 3, context: both.context });
  expect(await talk.get('B', 'Sy', 3)).toMatchObject({ state: 'found', siblings: [{}] });
  await expect(`${talk.lines.join('\n')}\n`).toMatchFileSnapshot('golden/two-sides-of-a-cut.txt');
});
