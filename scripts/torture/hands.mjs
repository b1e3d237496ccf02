/**
 * Two ways of using the store, with one face: `LibraryHand` by `@coterie/client`, which routes and tries again by itself,
 * and `PlainHand` by HTTP to any node, which moves on to the next when nothing was sent or the node is not ready; or, if it
 * is told to, whenever there is no answer: a write has an operation id, so it happens once.
 */
import { isCoterieError } from '../../packages/env/dist/index.js';
import { failureIn } from './witness.mjs';
import { idIn } from './ledger.mjs';

/** @typedef {import('../../packages/client/dist/index.js').Database} Database */
/** @typedef {import('../../packages/env/dist/index.js').HttpTransport} HttpTransport */
/** @typedef {import('../../packages/env/dist/index.js').HttpAnswer} HttpAnswer */
/** @typedef {{ bucket: string, key: string }} At */
/** @typedef {{ shown: number[], context: string | undefined, node: string }} Shown */
/** @typedef {{ r: number, pr: number }} ReadAsk */
/** @typedef {{ operation: string, context: string | undefined, w: number, pw: number, value: string | undefined }} WriteAsk no value: a delete */

/**
 * @typedef {object} Hand
 * @property {import('./meter.mjs').HandName} name
 * @property {(at: At, ask: ReadAsk) => Promise<Shown>} read
 * @property {(at: At, ask: WriteAsk) => Promise<{ context: string | undefined }>} write
 */

const requestMs = 8000;
const nodeMs = 6000;
const answerBytesMax = 2 ** 24;
const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** @implements {Hand} */
export class LibraryHand {
  /** @type {'library'} */
  name = 'library';
  #database;

  /** @param {Database} database */
  constructor(database) {
    this.#database = database;
  }

  /** @param {At} at @param {ReadAsk} ask @returns {Promise<Shown>} */
  async read({ bucket, key }, ask) {
    const found = await this.#database.read(bucket, key, ask);
    const shown = found.state === 'found' ? found.siblings.map(({ value }) => idIn(value)) : [];
    return { shown, context: found.state === 'missing' ? undefined : found.context, node: '' };
  }

  /** @param {At} at @param {WriteAsk} ask */
  write({ bucket, key }, { value, ...ask }) {
    return value === undefined ? this.#database.delete(bucket, key, ask) : this.#database.put(bucket, key, value, ask);
  }
}

/** A failure at a node. */
export class FailedAt extends Error {
  /** @param {string} node @param {import('../../packages/env/dist/index.js').CoterieError} reason */
  constructor(node, reason) {
    super(`${node}: ${reason.code}: ${reason.message}`);
    this.node = node;
    this.code = reason.code;
  }
}

/** @param {HttpAnswer} answer @returns {boolean} whether a node says that it is only starting or already stopping */
function isNotReady(answer) {
  return answer.status === 503 && ['NOT_READY', 'CLOSED'].includes(failureIn(answer).code);
}

/** @typedef {'unsent' | 'unanswered'} Patience what makes a hand ask another node */

/** @implements {Hand} */
export class PlainHand {
  /** @type {'plain'} */
  name = 'plain';
  #transport;
  #fleet;
  #random;
  /** @type {Patience} */
  #movesOnWhen;
  /** Requests that went to another node. */
  movedOn = 0;

  /**
   * @param {HttpTransport} transport
   * @param {{
   *   fleet: { readonly names: readonly string[], urlOf: (name: string) => string },
   *   random: import('../../packages/simulator/dist/index.js').SeededRandom,
   *   movesOnWhen?: Patience,
   * }} world
   */
  constructor(transport, { fleet, random, movesOnWhen = 'unsent' }) {
    this.#transport = transport;
    this.#fleet = fleet;
    this.#random = random;
    this.#movesOnWhen = movesOnWhen;
  }

  /** @param {At} at @param {ReadAsk} ask @returns {Promise<Shown>} */
  async read({ bucket, key }, { r, pr }) {
    const path = `/v1/kv/${bucket}/${key}?r=${r}&pr=${pr}&timeout=${nodeMs}ms`;
    const { node, answer } = await this.#send({ method: 'GET', path, headers: { accept: 'application/json' } });
    const context = answer.headers['coterie-context'];
    if (answer.status === 200) return { shown: [idIn(answer.body)], context, node };
    if (answer.status === 404) return { shown: [], context, node };
    if (answer.status !== 300) throw new FailedAt(node, failureIn(answer));
    const told = JSON.parse(decoder.decode(answer.body));
    return {
      shown: told.siblings.map((/** @type {{ value: string }} */ one) => idIn(Buffer.from(one.value, 'base64'))),
      context: told.context,
      node,
    };
  }

  /** @param {At} at @param {WriteAsk} ask */
  async write({ bucket, key }, { operation, context, w, pw, value }) {
    const headers = { 'coterie-operation': operation, ...(context === undefined ? {} : { 'coterie-context': context }) };
    const { node, answer } = await this.#send({
      method: value === undefined ? 'DELETE' : 'PUT',
      path: `/v1/kv/${bucket}/${key}?w=${w}&pw=${pw}&timeout=${nodeMs}ms`,
      headers,
      body: value === undefined ? undefined : encoder.encode(value),
    });
    if (answer.status !== 204) throw new FailedAt(node, failureIn(answer));
    return { context: answer.headers['coterie-context'] };
  }

  /**
   * @param {{ method: string, path: string, headers: Record<string, string>, body?: Uint8Array | undefined }} request
   * @returns {Promise<{ node: string, answer: HttpAnswer }>}
   */
  async #send(request) {
    const names = [...this.#fleet.names];
    for (;;) {
      const [node = ''] = names.splice(this.#random.below(names.length), 1);
      try {
        const origin = this.#fleet.urlOf(node);
        const answer = await this.#transport.request({ ...request, origin, timeoutMs: requestMs, answerBytesMax });
        if (names.length === 0 || !isNotReady(answer)) return { node, answer };
      } catch (error) {
        if (!isCoterieError(error)) throw error;
        const isOver = this.#movesOnWhen === 'unsent' && error.details['sent'] !== false;
        if (isOver || names.length === 0) throw new FailedAt(node, error);
      }
      this.movedOn += 1;
    }
  }
}
