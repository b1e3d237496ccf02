/** A small cluster for one scenario: what clients do in a word, and stores that can be lost, with or without their marks. */
import { openStore } from '@coterie/lsm';
import type { GetRequest, OpenStore, PutRequest, Store, WriteReply } from '@coterie/node';
import { Fleet, youngStore } from '../../../src/cluster/index.ts';
import { createWorld, type World } from '../../../src/index.ts';

const patienceMs = 10_000;
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** Records of a store about itself, by name. */
export type OwnRecords = ReadonlyMap<string, Uint8Array>;

/** A cluster of nodes n1, n2, … */
export class Scene {
  readonly world: World;
  readonly fleet: Fleet;
  readonly #stores = new Map<string, Store>();
  readonly #losses = new Map<string, { times: number; forged: OwnRecords }>();

  constructor(seed: number, nodes: number) {
    this.world = createWorld({ seed });
    this.fleet = new Fleet({ world: this.world, nodes, store: youngStore, options: { openStore: this.#open } });
  }

  async form(): Promise<this> {
    await this.world.run(() => this.fleet.form());
    return this;
  }

  put(at: string, value: string, ask: Partial<PutRequest> = {}): Promise<WriteReply> {
    const request = { bucket: 'b', key: encode('k'), value: encode(value), ...ask };
    return this.world.run(() => this.fleet.ask(at, (node) => node.put(request), patienceMs));
  }

  /** The values, sorted. */
  async values(at: string, ask: Partial<GetRequest> = {}): Promise<string[]> {
    const request = { bucket: 'b', key: encode('k'), ...ask };
    const reply = await this.world.run(() => this.fleet.ask(at, (node) => node.get(request), patienceMs));
    return reply.state === 'found' ? reply.siblings.map(({ value }) => decode(value)).sort() : [];
  }

  /** Names of the nodes that hold the key, in order, and then of the others. */
  async holders(): Promise<string[]> {
    const placement = await this.world.run(() => this.fleet.ask('n1', (node) => node.where('b', encode('k')), patienceMs));
    return placement.preferenceList.map(({ node }) => node);
  }

  kill(name: string): void {
    this.world.machine(name).kill();
  }

  async start(name: string): Promise<void> {
    this.world.machine(name).restart();
    await this.world.run(() => this.fleet.until(() => this.fleet.nodeOn(name) !== undefined, `${name} runs`));
  }

  /** Lets everybody find each other again. */
  async reunite(): Promise<void> {
    const { fleet, world } = this;
    const seesAll = (): boolean =>
      fleet.nodes.length === fleet.names.length &&
      fleet.nodes.every((node) => node.cluster().members.every(({ state }) => state === 'alive'));
    await world.run(() => fleet.until(seesAll, 'all nodes see each other'));
    await world.advance(3000);
  }

  /** What a store says of itself under these names. */
  async ownRecords(name: string, names: readonly string[]): Promise<OwnRecords> {
    const store = this.#stores.get(name);
    if (store === undefined) throw new Error(`${name} has no store`);
    const found = new Map<string, Uint8Array>();
    for (const one of names) {
      const record = await this.world.run(() => store.get(ownKey(one)));
      if (record !== undefined) found.set(one, record);
    }
    return found;
  }

  /** The next life of this machine finds an empty store, but for the records in `forged`, which it takes for its own. */
  loseStore(name: string, forged: OwnRecords = new Map()): void {
    this.#losses.set(name, { times: (this.#losses.get(name)?.times ?? 0) + 1, forged });
  }

  readonly #open: OpenStore = async (directory, opening) => {
    const name = this.fleet.names.find((one) => this.world.machine(one).environment === opening.environment) ?? '';
    const loss = this.#losses.get(name);
    const inner = await openStore(loss === undefined ? directory : `${directory}-${loss.times}`, { ...youngStore, ...opening });
    const store = loss === undefined ? inner : withForged(inner, loss.forged);
    this.#stores.set(name, store);
    return store;
  };
}

function ownKey(name: string): Uint8Array {
  return encode(`\u0001${name}`);
}

/** A store that shows these records of its former self. */
function withForged(inner: Store, forged: OwnRecords): Store {
  const records = new Map([...forged].map(([name, record]) => [`\u0001${name}`, record]));
  return {
    get: async (key) => records.get(decode(key)) ?? inner.get(key),
    batch: () => inner.batch(),
    range: (range) => inner.range(range),
    get failure() {
      return inner.failure;
    },
    close: () => inner.close(),
  };
}
