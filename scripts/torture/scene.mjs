/** What all who take part in a round share: the nodes, the keys and who owns them, the ledger, the meter. */
import { createNodeHttp } from '../../packages/env-node/dist/index.js';

/** @typedef {{ name: string, read: { r: number, pr: number }, write: { w: number, pw: number } }} Usage a bucket, and what is asked of it */

/** @type {readonly Usage[]} */
export const usages = [
  { name: 'sloppy', read: { r: 2, pr: 0 }, write: { w: 2, pw: 0 } },
  { name: 'strict', read: { r: 2, pr: 2 }, write: { w: 2, pw: 2 } },
  { name: 'always', read: { r: 1, pr: 0 }, write: { w: 1, pw: 0 } },
];

const askMs = 5000;
const askedAtOnce = 16;
const answerBytesMax = 2 ** 24;

/** One round. */
export class Scene {
  /** @type {Map<string, ReadonlySet<string>>} names of the owners, by bucket and key */
  #owners = new Map();
  #transport = createNodeHttp({ connectionsMax: askedAtOnce });

  /**
   * @param {object} parts
   * @param {import('./fleet.mjs').Fleet} parts.fleet
   * @param {import('./ledger.mjs').Ledger} parts.ledger
   * @param {import('./meter.mjs').Meter} parts.meter
   * @param {readonly string[]} parts.keys
   * @param {string} parts.run names this round in operation ids
   */
  constructor({ fleet, ledger, meter, keys, run }) {
    this.fleet = fleet;
    this.ledger = ledger;
    this.meter = meter;
    this.keys = keys;
    this.run = run;
  }

  /** @returns {{ bucket: string, key: string }[]} */
  get places() {
    return usages.flatMap(({ name }) => this.keys.map((key) => ({ bucket: name, key })));
  }

  /** Learns who owns the keys. */
  async learnOwners() {
    await eachOf(this.places, async ({ bucket, key }) => {
      const { preferenceList } = await this.ask(this.fleet.names[0] ?? '', `/v1/where/${bucket}/${key}`);
      const owners = preferenceList.filter((/** @type {{ role: string }} */ { role }) => role === 'primary');
      this.#owners.set(`${bucket}/${key}`, new Set(owners.map((/** @type {{ node: string }} */ { node }) => node)));
    });
  }

  /** From now on keys change hands: nobody is sure to coordinate by itself. */
  forgetOwners() {
    this.#owners.clear();
  }

  /** @param {{ bucket: string, key: string }} at @param {string} node */
  isOwner({ bucket, key }, node) {
    return this.#owners.get(`${bucket}/${key}`)?.has(node) ?? false;
  }

  /** @param {string} node @param {{ fromMs: number, untilMs: number }} time */
  wasUndisturbed(node, time) {
    return this.fleet.wasWell(node, { ...time, ills: ['process', 'link'] });
  }

  /**
   * What a node says of itself.
   * @param {string} node
   * @param {string} path
   * @returns {Promise<any>}
   */
  ask(node, path) {
    return this.#exchange(node, { method: 'GET', path });
  }

  /**
   * Has a node do something.
   * @param {string} node
   * @param {string} path
   * @param {object} body
   * @returns {Promise<any>}
   */
  post(node, path, body) {
    return this.#exchange(node, { method: 'POST', path, body: new TextEncoder().encode(JSON.stringify(body)) });
  }

  /**
   * @param {string} node
   * @param {{ method: string, path: string, body?: Uint8Array }} request
   * @returns {Promise<any>}
   */
  async #exchange(node, request) {
    const headers = { accept: 'application/json', ...(request.body === undefined ? {} : { 'content-type': 'application/json' }) };
    const answer = await this.#transport.request({ ...request, headers, origin: this.fleet.urlOf(node), timeoutMs: askMs, answerBytesMax });
    const text = new TextDecoder().decode(answer.body);
    if (answer.status !== 200) throw new Error(`${node} answered ${request.path} with ${answer.status}: ${text}`);
    return JSON.parse(text);
  }

  /** What every node says, in the order of their names; `undefined` of those that do not answer. @param {string} path */
  askAll(path) {
    return Promise.all(this.fleet.names.map((name) => this.ask(name, path).catch(() => undefined)));
  }

  close() {
    this.#transport.close();
  }
}

/**
 * Does the same for each, several at a time.
 * @template T
 * @param {readonly T[]} all
 * @param {(one: T, index: number) => Promise<void>} work
 */
export async function eachOf(all, work) {
  let next = 0;
  const lane = async () => {
    for (let at = next++; at < all.length; at = next++) await work(/** @type {T} */ (all[at]), at);
  };
  await Promise.all(Array.from({ length: askedAtOnce }, lane));
}
