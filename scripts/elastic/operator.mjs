/** What an operator does to the ring, over HTTP, and what it cost by the nodes' own counts. */
import { bytesByPartition } from './cargo.mjs';
import { pause, waitUntil } from '../torture/patience.mjs';

/** @typedef {import('../torture/fleet.mjs').Fleet} Fleet */
/** @typedef {Record<string, number>} Counts */
/** @typedef {{ partitions: number, members: { name: string }[], replicas: number[][] }} RingDocument */

/**
 * @typedef {object} Cost
 * @property {string} title
 * @property {number} seconds
 * @property {string} stretches how long it was in each phase, in words
 * @property {number} minimumBytes of values, by the fewest moves that any plan has
 * @property {number} movedBytes of objects, that all members together took over, mended and brought home
 * @property {number} resentBytes of objects, beyond what the plan moves
 */

const changeMs = 300_000;
/** Seldom, as it is work for who is asked: looking twenty times a second took a newcomer as long as taking over. */
const lookMs = 250;

/** Asks and tells members. */
export class Operator {
  #fleet;
  #values;

  /** @param {Fleet} fleet @param {readonly import('./cargo.mjs').Weighed[]} values all that is in the cluster, about */
  constructor(fleet, values) {
    this.#fleet = fleet;
    this.#values = values;
  }

  /** @param {string} node @param {string} path @param {object} [body] posted when given @returns {Promise<any>} */
  async ask(node, path, body) {
    const init = body === undefined ? {} : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    const answer = await fetch(`${this.#fleet.urlOf(node)}${path}`, { ...init, signal: AbortSignal.timeout(10_000) });
    const text = await answer.text();
    if (answer.status !== 200) throw new Error(`${node} answered ${path} with ${answer.status}: ${text}`);
    return JSON.parse(text);
  }

  /** @param {string} node @returns {Promise<Counts>} what changes of the ring cost this process so far */
  async moved(node) {
    const answer = await fetch(`${this.#fleet.urlOf(node)}/metrics`, { signal: AbortSignal.timeout(10_000) });
    // One that waits to be let in has moved nothing.
    if (answer.status !== 200) return {};
    const lines = (await answer.text()).matchAll(/^coterie_moved\{name="(\w+)"\} (\d+)/gm);
    return Object.fromEntries([...lines].map(([, name = '', value = '']) => [name, Number(value)]));
  }

  /** @param {readonly string[]} nodes @returns {Promise<Counts>} the sum over these nodes */
  async movedBy(nodes) {
    /** @type {Counts} */
    const sum = {};
    for (const counts of await Promise.all(nodes.map((node) => this.moved(node)))) {
      for (const [name, value] of Object.entries(counts)) sum[name] = (sum[name] ?? 0) + value;
    }
    return sum;
  }

  /**
   * Waits until all these nodes agree that there are so many members, and nothing is under way.
   * @param {readonly string[]} nodes
   * @param {number} members
   */
  async settled(nodes, members) {
    const isSettled = async () => {
      const documents = await Promise.all(nodes.map((name) => this.ask(name, '/v1/cluster').catch(() => undefined)));
      return documents.every((document) => document?.members.length === members && document.change === undefined);
    };
    if (await waitUntil(isSettled, changeMs, lookMs)) return;
    const plan = await this.ask(/** @type {string} */ (nodes[0]), '/v1/plan').catch(String);
    throw new Error(`${members} members and nothing under way: not within ${changeMs / 1000} s; ${JSON.stringify(plan)}`);
  }

  /** Waits until a node sees a member dead. @param {string} node @param {string} member */
  async seenDead(node, member) {
    const isDead = async () => {
      const document = await this.ask(node, '/v1/cluster').catch(() => undefined);
      return document?.members.some(
        (/** @type {{ name: string, state: string }} */ { name, state }) => name === member && state === 'dead',
      );
    };
    if (!(await waitUntil(isDead, changeMs, lookMs))) throw new Error(`${member} was not seen dead within ${changeMs / 1000} s`);
  }

  /** Waits until so many wishes are staged. @param {string} node @param {number} count */
  async staged(node, count) {
    const isThere = async () => ((await this.ask(node, '/v1/plan').catch(() => undefined))?.staged.length ?? 0) >= count;
    if (!(await waitUntil(isThere, changeMs, lookMs))) throw new Error(`${count} wishes were not staged within ${changeMs / 1000} s`);
  }

  /** @param {string} node @returns {Promise<RingDocument>} */
  ring(node) {
    return this.ask(node, '/v1/ring');
  }

  /**
   * Looks where a change is until it is over.
   * @param {Promise<unknown>} over
   * @param {string} asked
   * @returns {Promise<string>} how long it was in each phase, in words
   */
  async #stretchesUntil(over, asked) {
    /** @type {Map<string, number>} */
    const stretches = new Map();
    let isOver = false;
    const ended = over.finally(() => void (isOver = true));
    for (let lastMs = performance.now(); !isOver; ) {
      const phase = phaseOf(await this.ask(asked, '/v1/plan').catch(() => undefined));
      await Promise.race([pause(lookMs), ended]);
      const nowMs = performance.now();
      stretches.set(phase, (stretches.get(phase) ?? 0) + nowMs - lastMs);
      lastMs = nowMs;
    }
    await ended;
    return [...stretches].map(([phase, ms]) => `${phase} ${(ms / 1000).toFixed(1)} s`).join(', ');
  }

  /** @param {RingDocument} before @param {RingDocument} after @returns {number} bytes of values in what members got that had it not */
  bytesBetween(before, after) {
    const weights = bytesByPartition(this.#values, before.partitions);
    return movesBetween(before, after).reduce((sum, partition) => sum + (weights[partition] ?? 0), 0);
  }

  /**
   * Carries a change out and says what it cost. `begin` starts it; `end` resolves when it is over.
   * @param {string} title
   * @param {{ asked: string, counted: () => readonly string[], fewest: number | 'as moved', begin: () => Promise<unknown>, end: () => Promise<unknown> }} change
   *   `asked`: who tells of the ring; `counted`: whose counts are taken at the end, all of whose lives began before
   * @returns {Promise<Cost>}
   */
  async carryOut(title, { asked, counted, fewest, begin, end }) {
    const before = await this.ring(asked);
    const countsBefore = await this.movedBy(counted());
    const startMs = performance.now();
    await begin();
    const stretches = await this.#stretchesUntil(end(), asked);
    const seconds = (performance.now() - startMs) / 1000;
    const counts = await this.movedBy(counted());
    const after = await this.ring(asked);
    const plannedBytes = this.bytesBetween(before, after);
    const moves = movesBetween(before, after).length;
    const share = fewest === 'as moved' || moves === 0 ? 1 : fewest / moves;
    const movedBytes = cameTo(counts) - cameTo(countsBefore);
    return { title, seconds, stretches, minimumBytes: plannedBytes * share, movedBytes, resentBytes: movedBytes - plannedBytes };
  }
}

/** @param {any} plan what a node says of what is under way @returns {string} */
function phaseOf(plan) {
  if (plan === undefined) return 'not heard';
  return plan.changes[0]?.phase ?? (plan.leaving.length > 0 ? 'bringing home' : 'agreeing');
}

/** @param {Counts} counts */
function cameTo({ takenBytes = 0, mendedBytes = 0, broughtHomeBytes = 0 }) {
  return takenBytes + mendedBytes + broughtHomeBytes;
}

/** @param {RingDocument} before @param {RingDocument} after @returns {number[]} partitions, once for each holder that each got */
function movesBetween(before, after) {
  const namesOf = (/** @type {RingDocument} */ ring, /** @type {number} */ partition) =>
    (ring.replicas[partition] ?? []).map((at) => ring.members[at]?.name);
  return before.replicas.flatMap((_, partition) => {
    const had = new Set(namesOf(before, partition));
    return namesOf(after, partition).flatMap((name) => (had.has(name) ? [] : [partition]));
  });
}
