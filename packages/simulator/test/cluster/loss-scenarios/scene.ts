/** A small cluster for one scenario: what clients do in a word, stores that can be lost with or without their marks, and what the checkers say. */
import { openStore } from '@coterie/lsm';
import {
  type BucketProperties,
  type DeleteRequest,
  type GetRequest,
  type Hazards,
  type NodeOptions,
  type OpenStore,
  type PutRequest,
  type Store,
  startNode,
  type WriteReply,
} from '@coterie/node';
import { type BucketPlan, Fleet, judge, type Terms, type Violation, youngStore } from '../../../src/cluster/index.ts';
import { Recorder } from '../../../src/cluster/recorder.ts';
import { comeToRest } from '../../../src/cluster/rest.ts';
import { briefMemory, forgetEveryMs } from '../../../src/cluster/run.ts';
import { createWorld, type World } from '../../../src/index.ts';
import { Witness } from './witness.ts';

const patienceMs = 10_000;
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** Records of a store about itself, by name. */
export type OwnRecords = ReadonlyMap<string, Uint8Array>;

/** What is special about a scene. */
export interface Setting {
  /** Safeguards that its nodes do without. */
  readonly hazards?: Partial<Hazards>;
  readonly limits?: NodeOptions['limits'];
  /** Properties of its one bucket. */
  readonly bucket?: Partial<BucketProperties>;
  /** Keys that are looked at in the end: k0, k1, … Default 1. */
  readonly keys?: number;
  /** Weights of members, by name. Default 1. */
  readonly weights?: ReadonlyMap<string, number>;
  /** Whether nodes look every two seconds for what can be forgotten. Default: as seldom as they usually do. */
  readonly forgets?: 'soon' | 'some time';
}

/** The one bucket of a scene, and its first key. */
const bucketName = 'b';
const keyName = 'k0';

/** A cluster of nodes n1, n2, … with one bucket, and mostly one key. */
export class Scene {
  readonly world: World;
  readonly fleet: Fleet;
  readonly recorder: Recorder = new Recorder();
  readonly #plan: BucketPlan;
  readonly #keys: number;
  readonly #weights: ReadonlyMap<string, number>;
  readonly #forgets: 'soon' | 'some time';
  readonly #options: Partial<NodeOptions>;
  readonly #stores = new Map<string, Store>();
  readonly #losses = new Map<string, { times: number; forged: OwnRecords }>();

  constructor(
    seed: number,
    nodes: number,
    { hazards = {}, limits = {}, bucket = {}, keys = 1, weights = new Map(), forgets = 'some time' }: Setting = {},
  ) {
    this.world = createWorld({ seed });
    this.#plan = { name: bucketName, properties: bucket, asks: 'any' };
    this.#keys = keys;
    this.#weights = weights;
    this.#forgets = forgets;
    this.#options = {
      openStore: this.#open,
      hazards,
      limits: { ...(forgets === 'soon' ? briefMemory : {}), ...limits },
      ...(forgets === 'soon' ? { forgetEveryMs } : {}),
    };
    this.fleet = new Fleet({ world: this.world, nodes, store: youngStore, options: this.#options, weights });
  }

  async form(): Promise<this> {
    await this.world.run(() => this.fleet.form());
    const { properties } = this.#plan;
    if (Object.keys(properties).length === 0) return this;
    await this.world.run(() => this.fleet.ask('n1', (node) => node.setBucket(bucketName, properties), patienceMs));
    const know = async (): Promise<boolean> =>
      (await this.#conflicts()).every((conflict) => conflict === (properties.conflict ?? 'siblings'));
    while (!(await this.world.run(know))) await this.world.advance(100);
    return this;
  }

  async #conflicts(): Promise<string[]> {
    return Promise.all(this.fleet.nodes.map(async (node) => (await node.bucket(bucketName)).properties.conflict));
  }

  /** A client whose history the checkers will judge. */
  witness(key: string = keyName): Witness {
    const { fleet, recorder } = this;
    return new Witness({ fleet, recorder, bucket: bucketName, key });
  }

  /** Lets time pass until it is done. */
  run<T>(work: () => Promise<T>): Promise<T> {
    return this.world.run(work);
  }

  put(at: string, value: string, ask: Partial<PutRequest> = {}): Promise<WriteReply> {
    const request = { bucket: bucketName, key: encode(keyName), value: encode(value), ...ask };
    return this.world.run(() => this.fleet.ask(at, (node) => node.put(request), patienceMs));
  }

  remove(at: string, ask: Partial<DeleteRequest> = {}): Promise<WriteReply> {
    const request = { bucket: bucketName, key: encode(keyName), ...ask };
    return this.world.run(() => this.fleet.ask(at, (node) => node.delete(request), patienceMs));
  }

  /** The values, sorted. */
  async values(at: string, ask: Partial<GetRequest> = {}): Promise<string[]> {
    const request = { bucket: bucketName, key: encode(keyName), ...ask };
    const reply = await this.world.run(() => this.fleet.ask(at, (node) => node.get(request), patienceMs));
    return reply.state === 'found' ? reply.siblings.map(({ value }) => decode(value)).sort() : [];
  }

  /** Names of the nodes that hold a key, in order, and then of the others, as the node `at` knows. */
  async holders(key: string = keyName, at: string = 'n1'): Promise<string[]> {
    const placement = await this.world.run(() => this.fleet.ask(at, (node) => node.where(bucketName, encode(key)), patienceMs));
    return placement.preferenceList.map(({ node }) => node);
  }

  kill(name: string): void {
    this.world.machine(name).kill();
  }

  async start(name: string): Promise<void> {
    this.world.machine(name).restart();
    await this.world.run(() => this.fleet.until(() => this.fleet.nodeOn(name) !== undefined, `${name} runs`));
  }

  /** Has one more machine join, through n1; resolves when the change is done. */
  async join(name: string): Promise<void> {
    const { fleet, world } = this;
    const peer = { listen: `${name}:7072`, seeds: ['n1:7072'], weight: this.#weights.get(name) ?? 1 };
    world.machine(name).onStart((environment) => {
      startNode({ environment, dataDirectory: '/data', name, peer, partitions: 64, ...this.#options }).catch((error: unknown) => {
        throw new Error(`${name} did not start`, { cause: error });
      });
    });
    const isIn = (): boolean => {
      const report = fleet.nodeOn('n1')?.cluster();
      return report?.members.some((member) => member.name === name) === true && report.change === undefined;
    };
    await world.run(() => fleet.until(isIn, `${name} joins`));
  }

  /** Lets everybody find each other again. */
  async reunite(): Promise<void> {
    const { fleet, world } = this;
    const seesAll = (): boolean =>
      fleet.nodes.length === fleet.machines.length &&
      fleet.nodes.every((node) => node.cluster().members.every(({ state }) => state === 'alive'));
    await world.run(() => fleet.until(seesAll, 'all nodes see each other'));
    await world.advance(3000);
  }

  /** Lets everything come to rest, and says what was wrong with what the witnesses saw: as in a run of a seed. */
  async judge(): Promise<string[]> {
    const { fleet, recorder } = this;
    const buckets = [this.#plan];
    const unrest = await this.world.run(() => comeToRest({ fleet, recorder, plan: { buckets, keys: this.#keys }, forgets: this.#forgets }));
    const terms: Terms = { buckets, timeoutMs: patienceMs, wasWell: () => true };
    return [...judge(recorder.history, terms), ...unrest].map(({ rule, sentence }: Violation) => `${rule}: ${sentence}`);
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
