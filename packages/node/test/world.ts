/** A node in a simulated world over the twin of a store, and short words for what tests do with it. */
import { createSimulation, type Simulation } from '@coterie/simulator';
import { type CoterieNode, type GetReply, type NodeOptions, type PutRequest, startNode, type WriteReply } from '../src/index.ts';
import { MemoryDisk } from './memory-store.ts';

/** What a test says instead of bytes. */
export type Ask = Omit<PutRequest, 'bucket' | 'key' | 'value'> & { readonly bucket?: string };

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const text = (value: Uint8Array): string => new TextDecoder().decode(value);

/** A test's world. */
export class World {
  readonly simulation: Simulation;
  disk: MemoryDisk = new MemoryDisk();
  #node: CoterieNode | undefined;

  constructor(seed = 1) {
    this.simulation = createSimulation({ seed });
  }

  get node(): CoterieNode {
    if (this.#node === undefined) throw new Error('start the node first');
    return this.#node;
  }

  run<T>(work: Promise<T> | (() => Promise<T>)): Promise<T> {
    return this.simulation.run(work);
  }

  /** Starts a node; one that still runs is killed first. */
  async start(options: Partial<NodeOptions> = {}): Promise<this> {
    if (this.#node !== undefined && this.#node.status().state !== 'closed') this.simulation.disk.restart(1);
    this.#node = undefined;
    const { environment } = this.simulation;
    this.#node = await this.run(startNode({ environment, dataDirectory: '/data', openStore: this.disk.open, ...options }));
    return this;
  }

  /** Stops cleanly and starts again. */
  async restart(options: Partial<NodeOptions> = {}): Promise<this> {
    await this.run(this.node.close());
    this.#node = undefined;
    return this.start(options);
  }

  put(key: string, value: string, ask: Ask = {}): Promise<WriteReply> {
    return this.run(this.node.put({ bucket: 'b', key: bytes(key), value: bytes(value), ...ask }));
  }

  delete(key: string, ask: Omit<Ask, 'contentType' | 'ttlMs'> = {}): Promise<WriteReply> {
    return this.run(this.node.delete({ bucket: 'b', key: bytes(key), ...ask }));
  }

  get(key: string, bucket = 'b'): Promise<GetReply> {
    return this.run(this.node.get({ bucket, key: bytes(key) }));
  }

  /** The visible values, sorted; or the state if there is none. */
  async values(key: string, bucket = 'b'): Promise<string[] | 'deleted' | 'missing'> {
    const reply = await this.get(key, bucket);
    return reply.state === 'found' ? reply.siblings.map((sibling) => text(sibling.value)).sort() : reply.state;
  }

  /** The context of a read. */
  async context(key: string): Promise<string> {
    const reply = await this.get(key);
    if (reply.state === 'missing') throw new Error(`nobody wrote ${key}`);
    return reply.context;
  }
}
