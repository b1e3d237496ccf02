/** A cluster of production nodes in a simulated world, and short words for what tests do with it. */
import { createWorld, type Machine, type World } from '@coterie/simulator';
import { type CopyReport, type CoterieNode, type GetReply, type NodeOptions, startNode, type WriteReply } from '../src/index.ts';
import { bytes, text } from './world.ts';

/** Nodes by name: n1, n2, … */
export class ClusterWorld {
  readonly world: World;
  readonly nodes = new Map<string, CoterieNode>();
  readonly lines: string[] = [];
  readonly #options: Partial<NodeOptions>;

  constructor(seed: number, options: Partial<NodeOptions> = {}) {
    const log = (machine: string) => {
      const line =
        (level: string) =>
        (event: string, fields?: object): void =>
          void this.lines.push(`${machine} ${level} ${event} ${JSON.stringify(fields ?? {})}`);
      return { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') };
    };
    this.world = createWorld({ seed, log });
    this.#options = { partitions: 64, ...options };
  }

  machine(name: string): Machine {
    return this.world.machine(name);
  }

  node(name: string): CoterieNode {
    const node = this.nodes.get(name);
    if (node === undefined) throw new Error(`${name} does not run`);
    return node;
  }

  run<T>(work: () => Promise<T>): Promise<T> {
    return this.world.run(work);
  }

  /** Starts a node on its machine; all but the first join through it. */
  async start(name: string, options: Partial<NodeOptions> = {}): Promise<CoterieNode> {
    const { environment } = this.machine(name);
    const peer = { listen: `${name}:7072`, seeds: name === 'n1' ? [] : ['n1:7072'] };
    const starting = startNode({ environment, dataDirectory: '/data', name, peer, ...this.#options, ...options });
    const node = await this.run(() => starting);
    this.nodes.set(name, node);
    return node;
  }

  /** Starts n1 to n`count` and waits until all have joined. */
  async startAll(count: number): Promise<this> {
    for (let i = 1; i <= count; i++) {
      await this.start(`n${i}`);
      await this.until(() => this.node('n1').cluster().members.length === i && this.node('n1').cluster().change === undefined);
    }
    return this;
  }

  /** Lets time pass until `condition` holds, a minute at most; looks every so many milliseconds. */
  async until(condition: () => boolean, limitMs = 60_000, stepMs = 50): Promise<void> {
    for (let waited = 0; !condition(); waited += stepMs) {
      if (waited > limitMs) throw new Error(`it did not come about in ${limitMs} ms:\n${this.lines.slice(-30).join('\n')}`);
      await this.world.advance(stepMs);
    }
  }

  /** Ends the process of a node as by `kill -9`. */
  kill(name: string): void {
    this.machine(name).kill();
    this.nodes.delete(name);
  }

  /** Starts the process of a node that was killed. */
  async revive(name: string): Promise<CoterieNode> {
    this.machine(name).restart();
    return this.start(name);
  }

  /** Removes the store of a node that was killed; who it is, and what was decided, stays. */
  async wipeStore(name: string): Promise<void> {
    this.machine(name).restart();
    const { files } = this.machine(name).environment;
    await this.run(async () => {
      for (const directory of ['/data/store/log', '/data/store']) {
        for (const file of await files.list(directory)) await files.remove(`${directory}/${file}`).catch(() => undefined);
        await files.syncDirectory(directory);
      }
    });
  }

  /** Owners of a key, in order. */
  async owners(key: string): Promise<string[]> {
    const [any] = [...this.nodes.values()] as [CoterieNode];
    const { preferenceList } = await this.run(() => any.where('b', bytes(key)));
    return preferenceList.filter(({ role }) => role === 'primary').map(({ node }) => node);
  }

  /** What each of these stores alone holds of a key. */
  copies(key: string, names: readonly string[]): Promise<CopyReport[]> {
    return this.run(() => Promise.all(names.map((name) => this.node(name).inspect('b', bytes(key)))));
  }

  put(
    at: string,
    key: string,
    value: string,
    ask: { context?: string; operation?: string; w?: number; pw?: number } = {},
  ): Promise<WriteReply> {
    return this.run(() => this.node(at).put({ bucket: 'b', key: bytes(key), value: bytes(value), ...ask }));
  }

  get(at: string, key: string, ask: { r?: number; pr?: number } = {}): Promise<GetReply> {
    return this.run(() => this.node(at).get({ bucket: 'b', key: bytes(key), ...ask }));
  }

  /** The visible values, sorted; or the state if there is none. */
  async values(at: string, key: string, ask: { r?: number; pr?: number } = {}): Promise<string[] | 'deleted' | 'missing'> {
    const reply = await this.get(at, key, ask);
    return reply.state === 'found' ? reply.siblings.map((sibling) => text(sibling.value)).sort() : reply.state;
  }
}
