/**
 * Production nodes on the machines of a world, and the supervisor that every machine has: it starts the node in each
 * life, and ends the life of one that did not start or whose store has failed.
 *
 * ```
 *   life begins ──▶ startNode ──▶ runs ──store failed──▶ killed, a new life
 *                     └ failed ──a second later──▶ killed, a new life
 *
 *   scrap ──▶ dead for good, and no machine of the fleet any more, unless it turns up again
 * ```
 *
 * A client's request travels by the machine's own queue of events, so a machine that stands still does not answer.
 */
import { CoterieError, type Environment } from '@coterie/env';
import { openStore } from '@coterie/lsm';
import { type CoterieNode, type NodeOptions, type PeerOptions, startNode } from '@coterie/node';
import type { SimulatedDisk } from '../disk/disk.ts';
import type { World } from '../world/world.ts';
import { machineNames, type StoreCut } from './scenario.ts';

/** What a fleet is made of. */
export interface FleetParts {
  readonly world: World;
  readonly nodes: number;
  readonly store: StoreCut;
  /** A cluster that was formed before; the nodes go on from copies of these. */
  readonly disks?: ReadonlyMap<string, SimulatedDisk>;
  /** What the nodes are told besides. */
  readonly options?: Partial<NodeOptions>;
  /** Weights of members, by name. Default 1. */
  readonly weights?: ReadonlyMap<string, number>;
  /** Zones of machines, by name. Default: none. */
  readonly zones?: ReadonlyMap<string, string>;
}

/** How a node that was not there from the beginning comes in. */
export type Entry = Pick<PeerOptions, 'replace' | 'zone'>;

/** Starts of a node that failed, one after the other. */
export interface FailedStarts {
  readonly times: number;
  readonly error: unknown;
}

/** A node that runs, and the life of its machine in which it does. */
interface Running {
  readonly node: CoterieNode;
  readonly life: number;
}

const startAgainMs = 1000;
const superviseMs = 2000;
const travelMs = 0.2;

/** A cluster's machines. */
export class Fleet {
  readonly world: World;
  readonly names: readonly string[];
  readonly #parts: FleetParts;
  readonly #running = new Map<string, Running>();
  /** Machines that were added since, and how their nodes are told to join. */
  readonly #added = new Map<string, Entry>();
  readonly #scrapped = new Set<string>();
  readonly #ids = new Map<string, string>();
  readonly #failedStarts = new Map<string, FailedStarts>();
  readonly #preparations = new Map<string, (environment: Environment) => Promise<void>>();
  /** Machines whose nodes were told of all others, whatever they were told at first. */
  readonly #toldOfAll = new Set<string>();
  /** When the node on a machine began to start last. */
  readonly #begunMs = new Map<string, number>();
  #supervising = false;
  /** Restarts of nodes whose store had failed. */
  restarts = 0;

  constructor(parts: FleetParts) {
    this.#parts = parts;
    this.world = parts.world;
    this.names = machineNames(parts.nodes);
  }

  /** Starts the cluster, from its disks if there are any; resolves when all nodes are members that see each other. */
  async form(): Promise<void> {
    const { disks } = this.#parts;
    if (disks === undefined) await this.#join();
    else this.#goOn(disks);
    const { names } = this;
    const sees = (node: CoterieNode): boolean => node.cluster().members.every(({ state }) => state === 'alive');
    await this.until(() => this.nodes.length === names.length && this.nodes.every(sees), 'all nodes see each other');
    this.#supervising = true;
    this.#supervise();
  }

  /** One after the other. */
  async #join(): Promise<void> {
    for (const [index, name] of this.names.entries()) {
      this.world.machine(name).onStart((environment) => void this.#startOn(name, environment));
      await this.until(() => {
        const report = this.nodeOn(this.names[0] ?? '')?.cluster();
        return report?.members.length === index + 1 && report.change === undefined;
      }, `${name} joins`);
    }
  }

  #goOn(disks: ReadonlyMap<string, SimulatedDisk>): void {
    for (const name of this.names) {
      const disk = disks.get(name)?.clone();
      if (disk === undefined) throw new Error(`there is no disk for ${name}`);
      this.world.machine(name, { disk }).onStart((environment) => void this.#startOn(name, environment));
    }
  }

  /** The node that runs on a machine now; undefined while none does. */
  nodeOn(name: string): CoterieNode | undefined {
    const machine = this.world.machine(name);
    const running = this.#running.get(name);
    return machine.isUp && running?.life === machine.lives ? running.node : undefined;
  }

  /** All nodes that run. */
  get nodes(): CoterieNode[] {
    return this.machines.flatMap((name) => this.nodeOn(name) ?? []);
  }

  /** All machines: the first ones, and those that were added. */
  get machines(): readonly string[] {
    if (this.#added.size + this.#scrapped.size === 0) return this.names;
    return [...new Set([...this.names, ...this.#added.keys()])].filter((name) => !this.#scrapped.has(name));
  }

  /** The id under which the node on a machine was a member last; undefined if it never ran. */
  idOf(name: string): string | undefined {
    return this.#ids.get(name);
  }

  /** How often the node on a machine failed to start since it last ran. */
  failedStarts(name: string): FailedStarts {
    return this.#failedStarts.get(name) ?? { times: 0, error: undefined };
  }

  /** For how long the node on a machine has been starting by now; 0 when it runs, or nothing does. */
  startingMs(name: string): number {
    const isStarting = this.world.machine(name).isUp && this.nodeOn(name) === undefined;
    return isStarting ? this.world.nowMs - (this.#begunMs.get(name) ?? this.world.nowMs) : 0;
  }

  /** Whether the node on a machine has all others for seeds. */
  isToldOfAll(name: string): boolean {
    const areAllNamed = this.#parts.zones !== undefined && this.#parts.disks !== undefined;
    return this.#added.has(name) || areAllNamed || this.#toldOfAll.has(name);
  }

  /** From its next start on the node on a machine has all others for seeds. */
  tellOfAll(name: string): void {
    this.#toldOfAll.add(name);
  }

  /** A machine dies for good. */
  scrap(name: string): void {
    const machine = this.world.machine(name);
    machine.isScrapped = true;
    this.#scrapped.add(name);
    if (machine.isUp) machine.kill();
  }

  /** One that was scrapped turns up again, and starts on what its disk has. */
  turnUp(name: string): void {
    const machine = this.world.machine(name);
    machine.isScrapped = false;
    this.#scrapped.delete(name);
    if (!machine.isUp) machine.restart();
  }

  /** Ends the process on a machine, lets `damage` be done to its disk, and says how its node comes in and what is done before it starts. */
  stopFor(
    name: string,
    damage: (disk: SimulatedDisk) => void,
    then: { readonly entry?: Entry; readonly prepare?: (environment: Environment) => Promise<void> } = {},
  ): void {
    const machine = this.world.machine(name);
    if (machine.isUp) machine.kill();
    damage(machine.disk);
    if (then.entry !== undefined) this.#added.set(name, then.entry);
    // Whoever begins anew has nothing of before to put in place.
    if (then.entry !== undefined) this.#preparations.delete(name);
    if (then.prepare !== undefined) this.#preparations.set(name, then.prepare);
    this.#failedStarts.delete(name);
  }

  /** Starts the process on a machine that is down. */
  startAgain(name: string): void {
    const machine = this.world.machine(name);
    if (!machine.isUp && !machine.isScrapped) machine.restart();
  }

  /** The machines whose nodes are members, as whoever knows the newest epoch says. */
  get members(): readonly string[] {
    const newest = this.#newest;
    if (newest === undefined) return this.machines;
    const names = new Set(newest.cluster().members.map(({ name }) => name));
    return this.machines.filter((name) => names.has(name));
  }

  /** The machines whose nodes vote, as whoever knows the newest epoch says. */
  get stewards(): readonly string[] {
    return this.#newest?.cluster().members.flatMap(({ name, isSteward }) => (isSteward ? [name] : [])) ?? [];
  }

  /** Members that are to stay, as whoever knows the newest epoch says: not joining or going, and on no machine that is gone for good. */
  get staying(): readonly string[] {
    const going = new Set(
      this.#newest?.cluster().members.flatMap(({ name, isJoining, isLeaving, isLost }) => (isJoining || isLeaving || isLost ? [name] : [])),
    );
    return this.members.filter((name) => !going.has(name));
  }

  get #newest(): CoterieNode | undefined {
    const [first, ...others] = this.nodes;
    return first && others.reduce((best, node) => (node.epoch > best.epoch ? node : best), first);
  }

  /** The machines whose nodes operators ask: members that run, and do not say that they have been removed. */
  get asked(): readonly string[] {
    const takesPart = (node: CoterieNode | undefined): boolean => node !== undefined && node.status().state !== 'left';
    return this.members.filter((name) => takesPart(this.nodeOn(name)));
  }

  /** The nodes of members that run. */
  get memberNodes(): CoterieNode[] {
    return this.members.flatMap((name) => this.nodeOn(name) ?? []);
  }

  /** One machine more, whose node asks to join, or to take a member's place. */
  add(name: string, entry: Entry = {}): void {
    this.enter(name, entry);
    this.world.machine(name).onStart((environment) => void this.#startOn(name, environment));
  }

  /** How the node on a machine comes in when it starts next without being a member. */
  enter(name: string, entry: Entry): void {
    this.#added.set(name, entry);
  }

  /**
   * Has a client ask the node on a machine.
   * @throws what the node answers · `CONNECTION_LOST` when none runs · `CrashError` when it dies · `TIMEOUT` when nothing comes for `patienceMs`
   */
  async ask<T>(name: string, work: (node: CoterieNode) => Promise<T>, patienceMs: number): Promise<T> {
    const node = this.nodeOn(name);
    if (node === undefined) {
      throw new CoterieError('CONNECTION_LOST', `nobody listens on ${name}`, { details: { mayHaveTakenEffect: false } });
    }
    const machine = this.world.machine(name);
    const { timers } = machine.environment;
    return new Promise<T>((resolve, reject) => {
      const patience = this.world.timers.after(patienceMs, () => reject(new CoterieError('TIMEOUT', `${name} did not answer the client`)));
      const answer = machine.during(
        () => new Promise<T>((done, failed) => timers.after(travelMs, () => void work(node).then(done, failed))),
      );
      answer.then(resolve, reject).finally(() => patience.cancel());
    });
  }

  /** Lets time pass until `condition` holds. @throws Error, with `what` it waited for, after `limitMs` */
  async until(condition: () => boolean, what: string, limitMs = 120_000): Promise<void> {
    const stepMs = 20;
    for (let waitedMs = 0; !condition(); waitedMs += stepMs) {
      if (waitedMs > limitMs) throw new Error(`it did not come about in ${limitMs / 1000} s that ${what}`);
      await this.pause(stepMs);
    }
  }

  /** Lets so much time pass. */
  pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.world.timers.after(ms, resolve));
  }

  /** Ends every fault that may still last, and has every node run. */
  makeWhole(): void {
    this.world.network.heal();
    for (const name of this.machines) {
      const machine = this.world.machine(name);
      machine.clock.setRight();
      machine.disk.setFault(undefined);
      machine.disk.readOnly = false;
      machine.disk.capacityBytes = 2 ** 40;
      machine.resume();
      if (!machine.isUp) machine.restart();
    }
  }

  /** The supervisors go home. */
  dismiss(): void {
    this.#supervising = false;
  }

  #supervise(): void {
    if (!this.#supervising) return;
    for (const name of this.machines) {
      if (this.nodeOn(name)?.status().state !== 'read-only') continue;
      this.restarts += 1;
      this.#endLife(name, this.world.machine(name).lives);
    }
    this.world.timers.after(superviseMs, () => this.#supervise());
  }

  /** Ends a process, and begins the next life; nothing if it has ended by itself. */
  #endLife(name: string, life: number): void {
    const machine = this.world.machine(name);
    if (!machine.isUp || machine.lives !== life) return;
    machine.kill();
    machine.restart();
  }

  /** Who comes later asks all, since the first may have left; and one of many zones has operators who name more than one. */
  #seedsOf(name: string): readonly string[] {
    if (this.isToldOfAll(name)) return this.names.filter((other) => other !== name);
    return name === this.names[0] ? [] : this.names.slice(0, 1);
  }

  async #startOn(name: string, environment: Environment): Promise<void> {
    const machine = this.world.machine(name);
    const life = machine.lives;
    this.#begunMs.set(name, this.world.nowMs);
    const { store, options, weights, zones } = this.#parts;
    const added = this.#added.get(name);
    const zone = zones?.get(name);
    const peer = {
      listen: `${name}:7072`,
      seeds: this.#seedsOf(name).map((seed) => `${seed}:7072`),
      weight: weights?.get(name) ?? 1,
      ...(zone === undefined ? {} : { zone }),
      ...added,
    };
    try {
      await this.#preparations.get(name)?.(environment);
      this.#preparations.delete(name);
      const node = await startNode({
        environment,
        dataDirectory: '/data',
        name,
        peer,
        partitions: 64,
        openStore: (directory, opening) => openStore(directory, { ...store, ...opening }),
        ...options,
      });
      this.#running.set(name, { node, life });
      this.#ids.set(name, node.status().nodeId);
      this.#failedStarts.delete(name);
    } catch (error) {
      if (!machine.isUp || machine.lives !== life) return;
      environment.log.warn('the node did not start', { reason: String(error) });
      this.#failedStarts.set(name, { times: this.failedStarts(name).times + 1, error });
      this.world.timers.after(startAgainMs, () => this.#endLife(name, life));
    }
  }
}
