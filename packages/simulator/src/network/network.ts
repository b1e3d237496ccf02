/**
 * The network between the machines of a world: who listens where, who is connected to whom, and what goes wrong. A
 * machine's name is its host; it listens at `name:port`, and `127.0.0.1`, `localhost` and `0.0.0.0` mean itself.
 *
 * ```
 *  connect ─▶ request travels ─▶ nobody listens: refusal travels back      machine down, link cut: again every second,
 *                │                                                          until the caller's timeout
 *                └▶ accept() at the listener's process, answer travels back ─▶ connected
 * ```
 *
 * A machine that loses power tells nobody: connections stay half open until somebody sends, and the restarted machine
 * answers with a reset. A process that is killed leaves a system that closes for it.
 */
import { CoterieError, connectionLost, formatAddress, parseAddress } from '@coterie/env';
import type { Connection, ConnectOptions, Listener, Network } from '@coterie/env';
import { SeededRandom } from '../random.ts';
import type { Life, Schedule } from '../schedule.ts';
import type { Trace } from '../trace.ts';
import { SimulatedConnection } from './connection.ts';
import type { Holder } from './connection.ts';
import { Links, drawLatency } from './links.ts';
import type { LinkChange, LinkConditions } from './links.ts';
import type { Wire } from './wire.ts';

interface Door {
  readonly holder: Holder;
  readonly accept: (connection: Connection) => void;
}

interface Call {
  readonly holder: Holder;
  readonly to: string;
  readonly port: number;
  readonly address: string;
  settled: boolean;
  readonly resolve: (connection: Connection) => void;
  readonly reject: (error: Error) => void;
}

const ownNames: ReadonlySet<string> = new Set(['127.0.0.1', 'localhost', '0.0.0.0', '::1', '::']);
const kernelLife: Life = { number: 0, ended: false };
const callAgainMs = 1000;
const firstFreePort = 40_000;

/** Settings of a simulated network. */
export interface SimulatedNetworkOptions {
  /** What links are like that nobody set. */
  readonly usual?: Partial<LinkConditions>;
  /** How long a system sends again before it takes a connection for lost. Default 30,000. */
  readonly giveUpMs?: number;
}

/** The network of a world. */
export class SimulatedNetwork {
  /** What the links are like. */
  readonly links: Links;
  readonly #kernel: Schedule;
  readonly #random: SeededRandom;
  readonly #wire: Wire;
  readonly #doors = new Map<string, Map<number, Door>>();
  readonly #connections = new Set<SimulatedConnection>();
  readonly #isUp: (machine: string) => boolean | undefined;
  #nextPort = firstFreePort;

  /** `isUp` says of a machine whether it has power; `undefined` for a name that nobody bears. */
  constructor(
    seed: number,
    world: { kernel: Schedule; trace: Trace; isUp: (machine: string) => boolean | undefined },
    options: SimulatedNetworkOptions = {},
  ) {
    this.#kernel = world.kernel;
    this.#isUp = world.isUp;
    this.#random = new SeededRandom(seed, 0x6e65);
    this.links = new Links(options.usual);
    this.#wire = this.#makeWire(world.trace, options.giveUpMs ?? 30_000);
  }

  /** Ends of connections that living processes hold. */
  get openConnections(): number {
    let open = 0;
    for (const connection of this.#connections) if (!connection.isDead) open++;
    return open;
  }

  /** Nothing gets from these machines to those; the way back is as it was. */
  cut(from: readonly string[], to: readonly string[]): LinkChange {
    return this.links.change(from, to, { cut: true });
  }

  /** Machines of different groups do not reach each other; machines in no group reach everybody. */
  partition(...groups: readonly (readonly string[])[]): LinkChange {
    const cuts = groups.map((group) => this.cut(group, groups.filter((other) => other !== group).flat()));
    return { undo: () => cuts.forEach((cut) => cut.undo()) };
  }

  /** All links are as usual again. */
  heal(): void {
    this.links.reset();
  }

  /** Every connection between two machines is reset, at both ends. */
  resetConnections(a: string, b: string): void {
    for (const connection of this.#connections) {
      const { peer } = connection;
      if (peer !== undefined && connection.machine === a && peer.machine === b) this.#wire.breakBoth(connection, peer);
    }
  }

  /** @internal The network as one life of a machine sees it. */
  networkOf(holder: Holder): Network {
    return {
      listen: (address, accept) => this.#listen(holder, address, accept),
      connect: (address, options) => this.#connect(holder, address, options),
    };
  }

  /** @internal A process ended. A system that lives on closes its connections for it. */
  processEnded(life: Life, machine: string, system: 'lives' | 'died'): void {
    this.#doors.delete(machine);
    for (const connection of this.#connections) {
      if (connection.life !== life) continue;
      this.#connections.delete(connection);
      if (system === 'lives' && connection.peer !== undefined) this.#wire.reset(connection, connection.peer);
    }
  }

  async #listen(holder: Holder, address: string, accept: (connection: Connection) => void): Promise<Listener> {
    if (holder.life.ended) return new Promise(() => {});
    const { host, port: wanted } = parseAddress(address);
    if (!ownNames.has(host) && host !== holder.machine)
      throw new CoterieError('INVALID_ARGUMENT', `${address} is no address of this machine (EADDRNOTAVAIL)`, {
        details: { address, osCode: 'EADDRNOTAVAIL' },
      });
    const doors = this.#doors.get(holder.machine) ?? new Map<number, Door>();
    this.#doors.set(holder.machine, doors);
    const port = wanted === 0 ? this.#nextPort++ : wanted;
    if (doors.has(port))
      throw new CoterieError('LOCKED', `${address} is in use (EADDRINUSE)`, { details: { address, osCode: 'EADDRINUSE' } });
    const door = { holder, accept };
    doors.set(port, door);
    const close = async (): Promise<void> => {
      if (doors.get(port) === door) doors.delete(port);
    };
    return { address: formatAddress(host, port), close };
  }

  async #connect(holder: Holder, address: string, { timeoutMs }: ConnectOptions): Promise<Connection> {
    const { host, port } = parseAddress(address);
    const to = ownNames.has(host) ? holder.machine : host;
    return new Promise((resolve, reject) => {
      const call: Call = { holder, to, port, address, settled: false, resolve, reject };
      holder.schedule.after(timeoutMs, holder.life, () => {
        this.#fail(call, new CoterieError('TIMEOUT', `no connection to ${address} within ${timeoutMs} ms`, { details: { address } }));
      });
      if (this.#isUp(to) === undefined) this.#failSoon(call, 'ENOTFOUND');
      else this.#call(call);
    });
  }

  #call(call: Call): void {
    if (call.settled || call.holder.life.ended) return;
    const there = this.links.between(call.holder.machine, call.to);
    const again = (): void => this.#at(this.#kernel.nowMs + callAgainMs, () => this.#call(call));
    if (this.#isLost(there)) return again();
    this.#at(call.holder.schedule.nowMs + drawLatency(there, this.#random, 0), () => {
      const back = this.links.between(call.to, call.holder.machine);
      if (this.#isUp(call.to) !== true || this.#isLost(back)) return again();
      this.#answer(call, drawLatency(back, this.#random, 0));
    });
  }

  #isLost({ cut, loss }: LinkConditions): boolean {
    return cut || (loss > 0 && this.#random.chance(loss));
  }

  #answer(call: Call, latencyMs: number): void {
    const door = this.#doors.get(call.to)?.get(call.port);
    if (call.settled || call.holder.life.ended) return;
    if (door === undefined || door.holder.life.ended) return this.#failSoon(call, 'ECONNREFUSED', latencyMs);
    const near = new SimulatedConnection(this.#wire, call.holder, call.address);
    const far = new SimulatedConnection(this.#wire, door.holder, formatAddress(call.holder.machine, this.#nextPort++));
    SimulatedConnection.join(this.#wire, near, far);
    this.#connections.add(near).add(far);
    door.holder.schedule.at(this.#kernel.nowMs, door.holder.life, () => door.accept(far));
    call.holder.schedule.at(this.#kernel.nowMs + latencyMs, call.holder.life, () => {
      if (call.settled) return near.destroy();
      call.settled = true;
      call.resolve(near);
    });
  }

  #failSoon(call: Call, osCode: string, latencyMs = 0.1): void {
    call.holder.schedule.after(latencyMs, call.holder.life, () => {
      this.#fail(call, connectionLost(call.address, 'cannot connect', osCode));
    });
  }

  #fail(call: Call, error: Error): void {
    if (call.settled) return;
    call.settled = true;
    call.reject(error);
  }

  #at(atMs: number, callback: () => void): void {
    this.#kernel.at(atMs, kernelLife, callback);
  }

  #makeWire(trace: Trace, giveUpMs: number): Wire {
    const kernel = this.#kernel;
    const lose = (connection: SimulatedConnection): void => connection.lose('the connection was reset', 'ECONNRESET');
    return {
      get nowMs() {
        return kernel.nowMs;
      },
      random: this.#random,
      giveUpMs,
      at: (atMs, callback) => this.#at(atMs, callback),
      note: (bytes) => trace.addBytes(bytes),
      link: (from, to) => this.links.between(from.machine, to.machine),
      reset: (from, to) => {
        const link = this.links.between(from.machine, to.machine);
        if (!this.#isLost(link)) this.#at(from.nowMs + drawLatency(link, this.#random, 0), () => lose(to));
      },
      breakBoth: (a, b) => {
        lose(a);
        lose(b);
      },
      forget: (connection) => this.#connections.delete(connection),
    };
  }
}
