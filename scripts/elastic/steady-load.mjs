/**
 * A load of so many operations a second, whatever becomes of them: what is slow holds nothing else up, and its time counts
 * from when it was due. Half is written, half is read; half by the client library, half by HTTP with failover.
 */
import { connect } from '../../packages/client/dist/index.js';
import { createNodeHttp } from '../../packages/env-node/dist/index.js';
import { isCoterieError } from '../../packages/env/dist/index.js';
import { FailedAt, LibraryHand, PlainHand } from '../torture/hands.mjs';
import { pause, waitUntil } from '../torture/patience.mjs';
import { isRight, noteAcknowledged } from './book.mjs';

/** @typedef {import('../torture/hands.mjs').Hand} Hand */
/** @typedef {import('./book.mjs').Page} Page */

const tickMs = 5;
const read = { r: 2, pr: 0 };
const write = { w: 2, pw: 0 };
/** More than that at once is no load any more, but a queue. */
const underWayMax = 2000;

/** What clients met in one phase. */
export class Phase {
  /** @param {string} title */
  constructor(title) {
    this.title = title;
    this.fromMs = performance.now();
    this.untilMs = Infinity;
    /** @type {number[]} milliseconds from due to answered */
    this.times = [];
    /** @type {string[]} */
    this.failures = [];
    /** Reads that did not show what had been acknowledged before. */
    this.stale = 0;
  }

  get seconds() {
    return (Math.min(this.untilMs, performance.now()) - this.fromMs) / 1000;
  }

  /** @param {number} fraction @returns {number} milliseconds; 0 when nothing was done */
  quantile(fraction) {
    const sorted = Float64Array.from(this.times).sort();
    return sorted[Math.min(sorted.length - 1, Math.floor(fraction * sorted.length))] ?? 0;
  }
}

/** The load. */
export class SteadyLoad {
  /** @type {Phase[]} */
  phases = [];
  #fleet;
  #book;
  #plan;
  #random;
  /** @type {Hand[]} */
  #hands = [];
  #plain;
  /** @type {import('../../packages/client/dist/index.js').Database | undefined} */
  #database;
  #transport = createNodeHttp({ connectionsMax: 64 });
  #underWay = 0;
  #isOver = false;
  /** @type {Promise<void>} */
  #running = Promise.resolve();

  /**
   * @param {object} parts
   * @param {import('../torture/fleet.mjs').Fleet} parts.fleet
   * @param {import('./book.mjs').Book} parts.book
   * @param {import('../../packages/simulator/dist/index.js').SeededRandom} parts.random
   * @param {{ perSecond: number, valueBytes: number, run: string, say: (line: string) => void }} parts.plan `run` names this run in operation ids
   */
  constructor({ fleet, book, random, plan }) {
    this.#fleet = fleet;
    this.#book = book;
    this.#random = random;
    this.#plan = plan;
    // Nobody is sent to a process that has never been ready.
    const served = {
      get names() {
        return fleet.served;
      },
      urlOf: (/** @type {string} */ name) => fleet.urlOf(name),
    };
    this.#plain = new PlainHand(this.#transport, { fleet: served, random, movesOnWhen: 'unanswered' });
  }

  /** @returns {Phase} the phase in which nothing is done to the cluster */
  get idle() {
    return /** @type {Phase} */ (this.phases.find(({ title }) => title === 'idle'));
  }

  /** @returns {number} requests by plain HTTP that went to another node */
  get movedOn() {
    return this.#plain.movedOn;
  }

  /** Begins with a phase of this title. @param {string} title */
  async start(title) {
    const urls = this.#fleet.names.map((name) => this.#fleet.urlOf(name));
    this.#database = await connect(urls, { transport: createNodeHttp({ connectionsMax: 64 }) });
    this.#hands = [new LibraryHand(this.#database), this.#plain];
    this.enter(title);
    this.#running = this.#run();
  }

  /** @param {string} title @returns {Phase} the phase that begins */
  enter(title) {
    const phase = new Phase(title);
    const before = this.phases.at(-1);
    if (before !== undefined) before.untilMs = phase.fromMs;
    this.phases.push(phase);
    this.#plan.say(`${(phase.fromMs / 1000).toFixed(1)} s  ${title}`);
    return phase;
  }

  /** Ends after what is under way; once. */
  async stop() {
    if (this.#isOver) return;
    this.#isOver = true;
    await this.#running;
    await waitUntil(() => this.#underWay === 0, 30_000);
    const last = this.phases.at(-1);
    if (last !== undefined) last.untilMs = performance.now();
    await this.#database?.close();
    this.#transport.close();
  }

  async #run() {
    const everyMs = 1000 / this.#plan.perSecond;
    let dueMs = performance.now();
    for (let number = 0; !this.#isOver; ) {
      for (; dueMs <= performance.now() && this.#underWay < underWayMax; dueMs += everyMs) void this.#act(number++, dueMs);
      await pause(tickMs);
    }
  }

  /** @param {number} number @param {number} dueMs */
  async #act(number, dueMs) {
    const page = this.#book.free(this.#random.below(this.#book.pages.length));
    if (page === undefined) return;
    page.isBusy = true;
    this.#underWay += 1;
    const phase = /** @type {Phase} */ (this.phases.at(-1));
    const hand = /** @type {Hand} */ (this.#hands[number % this.#hands.length]);
    try {
      if (number % 4 < 2) await this.#write(page, hand);
      else if (!isRight(page, (await hand.read(page, read)).shown)) phase.stale += 1;
      phase.times.push(performance.now() - dueMs);
    } catch (error) {
      if (!(error instanceof FailedAt) && !isCoterieError(error)) throw error;
      phase.failures.push(`${number % 4 < 2 ? 'put' : 'get'} by ${hand.name}: ${error.message}`);
    } finally {
      page.isBusy = false;
      this.#underWay -= 1;
    }
  }

  /** @param {Page} page @param {Hand} hand */
  async #write(page, hand) {
    const id = this.#book.mint();
    const { run, valueBytes } = this.#plan;
    const value = `${id}:`.padEnd(valueBytes, 'x');
    page.unsure.push(id);
    const { context } = await hand.write(page, { ...write, operation: `${run}-${id}`, context: page.context, value });
    noteAcknowledged(page, { id, context });
  }
}
