/**
 * Several nodes, each with a ring log on a disk of its own, in one virtual time: their simulations advance in step, and
 * messages pass between them by the seed. Nodes crash, restart, and are wiped.
 */
import { CoterieError } from '@coterie/env';
import { createSimulation, CrashError, SeededRandom, type Simulation } from '@coterie/simulator';
import { type Hazards, RingLog, type RingLogOptions, type Transport } from '../src/index.ts';
import { type Team, teamRules } from './team.ts';

/** How a cluster is. */
export interface ClusterOptions {
  readonly seed: number;
  readonly nodes: readonly string[];
  readonly hazards?: Hazards;
  readonly log?: Partial<RingLogOptions<Team>>;
  /** Probabilities for each message. */
  readonly drop?: number;
  readonly repeat?: number;
  readonly delayMs?: readonly [number, number];
  /** Told of each message, and of each answer, when it is sent. */
  onMessage?(from: string, to: string, bytes: Uint8Array, kind: 'ask' | 'reply'): void;
}

/** One node. */
export interface Node {
  readonly name: string;
  simulation: Simulation;
  log: RingLog<Team> | undefined;
  /** Lives and wipes so far, to give each its own randomness. */
  lives: number;
}

/** Where each node keeps its log. */
export const directory = '/data/ring';
const stepMs = 1;

/** The nodes and what is between them. */
export class Cluster {
  readonly nodes = new Map<string, Node>();
  readonly random: SeededRandom;
  /** `from>to` pairs that nothing passes. */
  readonly cuts = new Set<string>();
  readonly #options: ClusterOptions;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.random = new SeededRandom(options.seed, 0xc1);
    for (const [i, name] of options.nodes.entries()) {
      const simulation = createSimulation({ seed: options.seed * 64 + i });
      this.nodes.set(name, { name, simulation, log: undefined, lives: 0 });
    }
  }

  node(name: string): Node {
    const node = this.nodes.get(name);
    if (node === undefined) throw new Error(`no node ${name}`);
    return node;
  }

  /** The open log of a node. */
  log(name: string): RingLog<Team> {
    const { log } = this.node(name);
    if (log === undefined) throw new Error(`${name} is down`);
    return log;
  }

  /** Opens a node's log. */
  async boot(name: string): Promise<RingLog<Team>> {
    const node = this.node(name);
    const { environment } = node.simulation;
    node.lives++;
    const opening = RingLog.open<Team>({
      directory,
      rules: teamRules,
      node: name,
      transport: this.#transportOf(node),
      environment,
      replyMs: 20,
      backoffMs: 4,
      ...this.#options.log,
      ...(this.#options.hazards === undefined ? {} : { hazards: this.#options.hazards }),
    });
    node.log = await this.until(opening);
    return node.log;
  }

  /** Boots all nodes as one cluster whose stewards are all of them, or those named. */
  async found(stewards: readonly string[] = this.#options.nodes): Promise<void> {
    for (const name of this.nodes.keys()) await this.boot(name);
    const [first, ...others] = [...this.nodes.keys()];
    const state = { stewards: stewards.map((name) => this.log(name).self), words: [] };
    await this.until(this.log(first).create({ cluster: 'test', state }));
    const { drop } = this.#options;
    for (const other of others) await this.until(this.#insist(() => this.log(other).catchUp([first]), drop === undefined ? 1 : 100));
  }

  /** Power fails on a node; what its disk keeps is decided by the seed. It stays down until `boot`. */
  crash(name: string): void {
    const node = this.node(name);
    node.log = undefined;
    node.simulation.disk.restart(this.#options.seed * 1000 + node.lives);
  }

  /** A node loses its disk, and stays down until `boot`. */
  wipe(name: string): void {
    const node = this.node(name);
    node.simulation.disk.powerCut();
    node.log = undefined;
    node.simulation = createSimulation({ seed: this.#options.seed * 4096 + node.lives * 64 + name.length });
  }

  /** Nothing passes between `name` and the rest, in both directions. */
  isolate(name: string): void {
    for (const other of this.nodes.keys()) {
      this.cuts.add(`${name}>${other}`);
      this.cuts.add(`${other}>${name}`);
    }
  }

  /** Lets `ms` of virtual time pass for all. */
  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += stepMs) {
      for (const { simulation } of this.nodes.values()) {
        try {
          await simulation.advance(stepMs);
        } catch (error) {
          if (!(error instanceof CrashError)) throw error;
        }
      }
    }
  }

  /** Lets time pass until `work` settles, and answers as it does. */
  async until<T>(work: Promise<T>, limitMs = 60_000): Promise<T> {
    let isSettled = false;
    const settle = (): void => void (isSettled = true);
    work.then(settle, settle);
    for (let passed = 0; !isSettled; passed += stepMs) {
      if (passed > limitMs) throw new Error(`not settled after ${limitMs} ms`);
      await this.pass(stepMs);
    }
    return work;
  }

  async #insist(attempt: () => Promise<void>, times: number): Promise<void> {
    for (let left = times; ; left--) {
      try {
        return await attempt();
      } catch (error) {
        if (left <= 1) throw error;
      }
    }
  }

  #transportOf(from: Node): Transport {
    const { environment } = from.simulation;
    return {
      ask: (to, message, timeoutMs) =>
        new Promise((resolve, reject) => {
          environment.timers.after(timeoutMs, () => reject(new CoterieError('TIMEOUT', `${to} did not answer`)));
          this.#send({ from: from.name, to, bytes: message, kind: 'ask' }, (node) => {
            node.log?.handle(message).then((reply) => {
              this.#send({ from: to, to: from.name, bytes: reply, kind: 'reply' }, () => resolve(reply));
            }, reject);
          });
        }),
    };
  }

  #send(message: { from: string; to: string; bytes: Uint8Array; kind: 'ask' | 'reply' }, arrive: (node: Node) => void): void {
    const { from, to, bytes, kind } = message;
    const { drop = 0, repeat = 0, delayMs = [0.2, 2], onMessage } = this.#options;
    onMessage?.(from, to, bytes, kind);
    const target = this.nodes.get(to);
    if (target === undefined || this.random.chance(drop)) return;
    const copies = this.random.chance(repeat) ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      const delay = delayMs[0] + this.random.fraction() * (delayMs[1] - delayMs[0]);
      // A message belongs to nobody's life: it arrives at whoever bears the name then.
      target.simulation.environment.timers.after(delay, () => {
        if (!this.cuts.has(`${from}>${to}`) && target.log !== undefined) arrive(target);
      });
    }
  }
}
