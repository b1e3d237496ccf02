/**
 * The load: some tens of clients, each with one thing in flight and a little thought between. Most of what they write is
 * made of what they read, as in any program; some is written blindly beside it, some is deleted.
 */
import { connect } from '../../packages/client/dist/index.js';
import { isCoterieError } from '../../packages/env/dist/index.js';
import { createNodeHttp } from '../../packages/env-node/dist/index.js';
import { SeededRandom } from '../../packages/simulator/dist/index.js';
import { FailedAt, LibraryHand, PlainHand } from './hands.mjs';
import { operationOf, valueOf } from './ledger.mjs';
import { pause } from './patience.mjs';
import { usages } from './scene.mjs';
import { Witness } from './witness.mjs';

/** @typedef {import('./hands.mjs').Hand} Hand */
/** @typedef {import('./scene.mjs').Scene} Scene */
/** @typedef {import('./scene.mjs').Usage} Usage */

/** Of ten clients, who uses which bucket. */
const shares = ['sloppy', 'strict', 'sloppy', 'always', 'sloppy', 'strict', 'sloppy', 'always', 'sloppy', 'strict'];
/** A client that meets more values than this makes one of them. */
const siblingsMax = 12;
const libraries = 3;
const longestFiller = 1500;

/** All clients of one round. */
export class Load {
  #scene;
  /** @type {import('../../packages/client/dist/index.js').Database[]} */
  #databases = [];
  /** @type {Witness[]} */
  #transports = [];
  /** @type {Promise<void>[]} */
  #running = [];
  #isOver = false;

  /** @param {Scene} scene */
  constructor(scene) {
    this.#scene = scene;
  }

  /** @param {{ clients: number, thinkMs: number, seed: number }} plan */
  async start({ clients, thinkMs, seed }) {
    const { fleet } = this.#scene;
    for (let i = 0; i < libraries; i++)
      this.#databases.push(
        await connect(
          fleet.names.map((name) => fleet.urlOf(name)),
          { transport: this.#witness(64) },
        ),
      );
    for (let i = 0; i < clients; i++) {
      const random = new SeededRandom(seed, 100 + i);
      const database = this.#databases[i % libraries];
      const hand = i % 2 === 0 && database !== undefined ? new LibraryHand(database) : new PlainHand(this.#witness(8), { fleet, random });
      const usage = usages.find(({ name }) => name === shares[Math.floor(i / 2) % shares.length]) ?? usages[0];
      const client = new Client({ scene: this.#scene, hand, usage: /** @type {Usage} */ (usage), random, thinkMs });
      this.#running.push(client.run(() => this.#isOver));
    }
  }

  /** Lets every client finish what it is about. */
  async stop() {
    this.#isOver = true;
    await Promise.all(this.#running);
    for (const database of this.#databases) await database.close();
    for (const transport of this.#transports) transport.close();
  }

  /** @param {number} connectionsMax */
  #witness(connectionsMax) {
    const witness = new Witness(createNodeHttp({ connectionsMax }), this.#scene);
    this.#transports.push(witness);
    return witness;
  }
}

/** One client. */
class Client {
  #scene;
  #hand;
  #usage;
  #random;
  #thinkMs;
  /** Since when it wants something and has got nothing. */
  #wantsSinceMs = Infinity;

  /** @param {{ scene: Scene, hand: Hand, usage: Usage, random: SeededRandom, thinkMs: number }} parts */
  constructor({ scene, hand, usage, random, thinkMs }) {
    this.#scene = scene;
    this.#hand = hand;
    this.#usage = usage;
    this.#random = random;
    this.#thinkMs = thinkMs;
  }

  /** @param {() => boolean} isOver */
  async run(isOver) {
    while (!isOver()) {
      await pause(this.#random.below(2 * this.#thinkMs + 1));
      await this.#act();
    }
  }

  async #act() {
    const at = { bucket: this.#usage.name, key: this.#random.pick(this.#scene.keys) };
    const dice = this.#random.below(100);
    const read = await this.#read(at);
    if (read === undefined || dice < 35) return;
    const isBlind = dice >= 92 && read.shown.length < siblingsMax;
    const kind = dice >= 84 && dice < 92 && read.context !== undefined ? 'delete' : 'put';
    await this.#write(at, { kind, basis: isBlind ? { shown: [], context: undefined } : read });
  }

  /** @param {import('./hands.mjs').At} at */
  async #read(at) {
    const startMs = performance.now();
    const { read } = this.#usage;
    const got = await this.#timed(() => this.#hand.read(at, read));
    if (got === undefined) return undefined;
    this.#scene.ledger.read({
      ...at,
      node: got.node || 'the client library',
      startMs,
      endMs: performance.now(),
      pr: read.pr,
      shown: got.shown,
    });
    return got;
  }

  /**
   * @param {import('./hands.mjs').At} at
   * @param {{ kind: 'put' | 'delete', basis: { shown: readonly number[], context: string | undefined } }} what
   */
  async #write(at, { kind, basis }) {
    const { ledger, run } = this.#scene;
    const ask = this.#usage.write;
    const seen = new Set(basis.shown);
    const write = ledger.begin({ ...at, kind, ask, seen, replacesFound: false });
    const value = kind === 'put' ? valueOf(write.id, this.#random.below(longestFiller)) : undefined;
    await this.#timed(() => this.#hand.write(at, { ...ask, operation: operationOf(run, write.id), context: basis.context, value }));
  }

  /**
   * @template T
   * @param {() => Promise<T>} work
   * @returns {Promise<T | undefined>}
   */
  async #timed(work) {
    const { meter } = this.#scene;
    const fromMs = performance.now();
    this.#wantsSinceMs = Math.min(this.#wantsSinceMs, fromMs);
    try {
      const result = await work();
      const nowMs = performance.now();
      meter.now.succeeded(this.#hand.name, { ms: nowMs - fromMs, waitedMs: nowMs - this.#wantsSinceMs });
      this.#wantsSinceMs = Infinity;
      return result;
    } catch (error) {
      this.#failed(error, fromMs);
      return undefined;
    }
  }

  /** @param {unknown} error @param {number} fromMs */
  #failed(error, fromMs) {
    if (!(error instanceof FailedAt) && !isCoterieError(error)) throw error;
    const untilMs = performance.now();
    const { meter, fleet } = this.#scene;
    const { name } = this.#usage;
    const isExcused = isExcusedAt(fleet, { usage: name, node: error instanceof FailedAt ? error.node : undefined, fromMs, untilMs });
    meter.now.failed({ bucket: name, code: error.code, ms: untilMs - fromMs, isExcused, detail: error.message });
    // Strictness may have to wait for the end of a fault: how long it was refused is told by the refusals.
    if (name === 'strict') this.#wantsSinceMs = Infinity;
  }
}

/**
 * Whether a failure could not be helped: the machine had no time, or the node that was asked was ill itself. Strict operations need two owners, so any
 * illness excuses them; `always` needs one store, so a cut does not.
 * @param {import('./fleet.mjs').Fleet} fleet
 * @param {{ usage: string, node: string | undefined, fromMs: number, untilMs: number }} of
 */
function isExcusedAt(fleet, { usage, node, fromMs, untilMs }) {
  const time = { fromMs, untilMs };
  if (!fleet.pulse.wasSteady(fromMs, untilMs)) return true;
  if (usage === 'strict') return !fleet.names.every((name) => fleet.wasWell(name, { ...time, ills: ['process', 'link'] }));
  if (node === undefined) return false;
  return !fleet.wasWell(node, { ...time, ills: usage === 'always' ? ['process'] : ['process', 'link'] });
}
