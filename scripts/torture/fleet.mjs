/**
 * The nodes: real processes of `coterie start` on real disks, started as `coterie dev` starts them, but that each may tell
 * the others to dial its door in `links.mjs`. And what was done to each of them when, for those who judge.
 */
import { mkdirSync } from 'node:fs';
import { DevNode } from '../../packages/server/dist/dev/dev-node.js';
import { findFreePorts } from '../../packages/server/dist/dev/free-ports.js';
import { layOut } from '../../packages/server/dist/dev/layout.js';
import { Links } from './links.mjs';
import { waitUntil } from './patience.mjs';
import { Pulse } from './pulse.mjs';

/** @typedef {'cuttable' | 'own'} Doors whether nodes reach each other through `links.mjs`, or directly */

/** @typedef {'process' | 'link'} Ill what is wrong with a node: its process does not run, or it is cut off */

const host = '127.0.0.1';
const partitions = '256';
const startMs = 120_000;
/** After a fault ends, a node may still be answering for it: kept connections, queued work, old news. */
const afterwardsMs = 3000;

/** Five nodes, or as many as are asked for. */
export class Fleet {
  links = new Links();
  pulse = new Pulse();
  /** @type {readonly DevNode[]} */
  nodes = [];
  /** @type {string[]} what went wrong with the processes themselves */
  troubles = [];
  #added = 0;
  /** @type {Doors} */
  #doorsAre;
  /** @type {string[]} what the nodes advertise */
  #doors = [];
  /** @type {Set<string>} names of nodes that were told to leave the cluster */
  #leavers = new Set();
  /** @type {Set<string>} names of nodes that have been ready */
  #served = new Set();
  #events = {
    ready: (/** @type {DevNode} */ { plan }) => {
      this.#served.add(plan.name);
      this.#recovers(plan.name, 'process');
    },
    ended: (/** @type {DevNode} */ { plan }, /** @type {{ with: string }} */ how) =>
      void this.troubles.push(`${plan.name} ended by itself with ${how.with} (${plan.logFile})`),
  };
  /** @type {Map<string, { ill: Ill, fromMs: number, untilMs: number }[]>} */
  #illness = new Map();

  /** @param {{ doors?: Doors }} [options] */
  constructor({ doors = 'cuttable' } = {}) {
    this.#doorsAre = doors;
  }

  /**
   * Starts them all; resolves when all are ready.
   * @param {{ nodes: number, directory: string, flags?: readonly string[] }} options
   */
  async start({ nodes: count, directory, flags = [] }) {
    mkdirSync(directory, { recursive: true });
    for (let number = 1; number <= count; number++) {
      const node = await this.add(directory, flags);
      if (number === 1) await this.whenAll(({ state }) => state === 'ready', 'the first node starts', [node]);
    }
    await this.whenAll(({ state }) => state === 'ready', 'all nodes start', this.nodes);
  }

  /**
   * Starts one more node, which joins by itself; does not wait for it.
   * @param {string} directory
   * @param {readonly string[]} [more] of the command line
   * @returns {Promise<DevNode>}
   */
  async add(directory, more = []) {
    const number = ++this.#added;
    const freePorts = await findFreePorts(host, 2 * number);
    const layout = { nodes: number, directory, http: { host, port: 0 }, freePorts, existing: new Set() };
    const plan = /** @type {import('../../packages/server/dist/dev/layout.js').DevNodePlan} */ (layOut(layout)[number - 1]);
    const isCuttable = this.#doorsAre === 'cuttable';
    const door = isCuttable ? await this.links.open({ name: plan.name, host, port: Number(plan.peer.split(':')[1]) }) : plan.peer;
    const flags = ['--partitions', partitions, ...(isCuttable ? ['--peer-advertise', door] : []), ...more];
    const node = new DevNode({ ...plan, seeds: [...this.#doors], flags }, { events: this.#events, restarting: 'leave' });
    this.#doors.push(door);
    this.nodes = [...this.nodes, node];
    // Until it is ready it takes nothing.
    this.#fallsIll(plan.name, 'process');
    node.start();
    return node;
  }

  /** A node is to leave the cluster: from now on it may say that it has. @param {string} name */
  sendAway(name) {
    this.#leavers.add(name);
  }

  /**
   * A node said that it has left the cluster, to a request that began at `sinceMs`. If it was sent away, it serves nobody from then
   * on: the others may hear of it later.
   * @param {string} name @param {number} sinceMs
   */
  saysItLeft(name, sinceMs) {
    if (this.#leavers.has(name)) this.#fallsIll(name, 'process', sinceMs);
  }

  /** Ends a node that has left the cluster. @param {string} name */
  async retire(name) {
    const node = this.node(name);
    this.nodes = this.nodes.filter((other) => other !== node);
    await node.end('SIGTERM');
  }

  /** A node whose process has ended is none any more. @param {string} name */
  forget(name) {
    this.nodes = this.nodes.filter(({ plan }) => plan.name !== name);
  }

  /** @returns {readonly string[]} */
  get names() {
    return this.nodes.map(({ plan }) => plan.name);
  }

  /** @returns {readonly string[]} those that clients have heard of, as they have been ready once */
  get served() {
    return this.names.filter((name) => this.#served.has(name));
  }

  /** @param {string} name @returns {DevNode} */
  node(name) {
    const node = this.nodes.find(({ plan }) => plan.name === name);
    if (node === undefined) throw new Error(`there is no ${name}`);
    return node;
  }

  /** @param {string} origin @returns {string} the node that listens at this `http://HOST:PORT` */
  nameAt(origin) {
    return this.nodes.find(({ plan }) => origin === `http://${plan.http}`)?.plan.name ?? origin;
  }

  /** @param {string} name @returns {string} */
  urlOf(name) {
    return `http://${this.node(name).plan.http}`;
  }

  /** @param {string} name */
  kill(name) {
    this.#fallsIll(name, 'process');
    this.node(name).kill();
  }

  /** @param {string} name */
  pause(name) {
    this.#fallsIll(name, 'process');
    this.node(name).pause();
  }

  /**
   * Ends a node well, as an operator would before an upgrade, and starts it again with other flags.
   * @param {string} name
   * @param {{ add: readonly string[], drop: readonly string[] }} [flags] flags with their values
   */
  async restart(name, flags = { add: [], drop: [] }) {
    const node = await this.#startAnew(name, flags, this.#events);
    await this.whenAll(({ state }) => state === 'ready', `${name} starts again`, [node]);
  }

  /**
   * Ends a node well, and starts it again with more flags, by which it cannot run; resolves when it has ended by itself.
   * @param {string} name
   * @param {readonly string[]} flags
   */
  async restartInVain(name, flags) {
    let hasEnded = false;
    const node = await this.#startAnew(name, { add: flags, drop: [] }, { ready: () => {}, ended: () => void (hasEnded = true) });
    await this.whenAll(() => hasEnded, `${name} ends by itself`, [node]);
  }

  /**
   * @param {string} name
   * @param {{ add: readonly string[], drop: readonly string[] }} flags
   * @param {import('../../packages/server/dist/dev/dev-node.js').DevNodeEvents} events
   * @returns {Promise<DevNode>}
   */
  async #startAnew(name, { add, drop }, events) {
    this.#fallsIll(name, 'process');
    const before = this.node(name);
    await before.end('SIGTERM');
    const { flags = [] } = before.plan;
    const kept = flags.filter((_, at) => !drop.includes(/** @type {string} */ (flags[at - (at % 2)])));
    const node = new DevNode({ ...before.plan, flags: [...kept, ...add] }, { events, restarting: 'leave' });
    this.nodes = this.nodes.map((other) => (other === before ? node : other));
    node.start();
    return node;
  }

  /** Starts a killed node, or lets a paused one go on. @param {string} name */
  async resume(name) {
    this.node(name).start();
    await this.whenAll(({ state }) => state === 'ready', `${name} starts`, [this.node(name)]);
    // A paused node that goes on is ready without saying so.
    this.#recovers(name, 'process');
  }

  /**
   * Cuts nodes off from all others, in the directions named.
   * @param {readonly string[]} group
   * @param {readonly ('in' | 'out')[]} directions
   */
  cutOff(group, directions) {
    const rest = this.names.filter((name) => !group.includes(name));
    for (const name of group) this.#fallsIll(name, 'link');
    if (directions.includes('out')) this.links.cut(group, rest);
    if (directions.includes('in')) this.links.cut(rest, group);
  }

  /** Heals all links. */
  heal() {
    this.links.heal();
    for (const name of this.names) this.#recovers(name, 'link');
  }

  /**
   * Whether nothing of the kind was wrong with a node in all that time.
   * @param {string} name
   * @param {{ fromMs: number, untilMs: number, ills: readonly Ill[] }} of
   */
  wasWell(name, { fromMs, untilMs, ills }) {
    const all = this.#illness.get(name) ?? [];
    return !all.some((one) => ills.includes(one.ill) && one.fromMs <= untilMs && one.untilMs + afterwardsMs >= fromMs);
  }

  /** Ends them all. @param {'SIGTERM' | 'SIGKILL'} signal */
  async end(signal) {
    await Promise.all(this.nodes.map((node) => node.end(signal)));
    this.links.close();
    this.pulse.stop();
  }

  /**
   * @param {(node: DevNode) => boolean} holds
   * @param {string} what
   * @param {readonly DevNode[]} nodes
   */
  async whenAll(holds, what, nodes) {
    const came = await waitUntil(() => nodes.every(holds) || this.troubles.length > 0, startMs);
    if (this.troubles.length > 0) throw new Error(this.troubles.join('; '));
    if (!came) throw new Error(`${what}: not within ${startMs / 1000} s`);
  }

  /** @param {string} name @param {Ill} ill @param {number} [fromMs] */
  #fallsIll(name, ill, fromMs = performance.now()) {
    const all = this.#illness.get(name) ?? [];
    all.push({ ill, fromMs, untilMs: Infinity });
    this.#illness.set(name, all);
  }

  /** @param {string} name @param {Ill} ill */
  #recovers(name, ill) {
    for (const one of this.#illness.get(name) ?? []) {
      if (one.ill === ill && one.untilMs === Infinity) one.untilMs = performance.now();
    }
  }
}
