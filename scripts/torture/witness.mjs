/**
 * A transport that writes down every request that carries a write, and how it ended. All clients send through it, the
 * client library as well, so that each of its tries is an attempt of its own.
 */
import { CoterieError, isCoterieError } from '../../packages/env/dist/index.js';

/** @typedef {import('../../packages/env/dist/index.js').HttpTransport} HttpTransport */
/** @typedef {import('../../packages/env/dist/index.js').HttpRequest} HttpRequest */
/** @typedef {import('../../packages/env/dist/index.js').HttpAnswer} HttpAnswer */
/** @typedef {import('./ledger.mjs').Attempt} Attempt */

const decoder = new TextDecoder();

/** @implements {HttpTransport} */
export class Witness {
  /** @type {HttpTransport} */
  #transport;
  /** @type {import('./scene.mjs').Scene} */
  #scene;

  /** @param {HttpTransport} transport @param {import('./scene.mjs').Scene} scene */
  constructor(transport, scene) {
    this.#transport = transport;
    this.#scene = scene;
  }

  /** @param {HttpRequest} request @returns {Promise<HttpAnswer>} */
  async request(request) {
    const write = this.#scene.ledger.writeOf(headerOf(request, 'coterie-operation'));
    if (write === undefined) return this.#transport.request(request);
    const startMs = performance.now();
    const node = this.#scene.fleet.nameAt(request.origin);
    const note = (/** @type {Attempt['outcome']} */ outcome) => {
      const endMs = performance.now();
      const madeHere = this.#scene.isOwner(write, node) && this.#scene.wasUndisturbed(node, { fromMs: startMs, untilMs: endMs });
      attempt.endMs = outcome.kind === 'silent' ? Infinity : endMs;
      attempt.outcome = outcome;
      attempt.madeHere = madeHere;
      if (saysItLeft(outcome)) this.#scene.fleet.saysItLeft(node, startMs);
    };
    /** @type {{ -readonly [Name in keyof Attempt]: Attempt[Name] }} */
    const attempt = { node, startMs, endMs: Infinity, outcome: { kind: 'silent' }, madeHere: false };
    write.attempts.push(attempt);
    try {
      const answer = await this.#transport.request(request);
      note(outcomeOf(answer));
      return answer;
    } catch (error) {
      const isUnsent = isCoterieError(error) && error.details['sent'] === false;
      note(isUnsent ? { kind: 'refused', code: error.code, message: error.message, mayHaveTakenEffect: false } : { kind: 'silent' });
      throw error;
    }
  }

  close() {
    this.#transport.close();
  }
}

/** @param {HttpRequest} request @param {string} name @returns {string | undefined} */
function headerOf({ headers }, name) {
  return Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1];
}

/** @param {HttpAnswer} answer @returns {Attempt['outcome']} */
function outcomeOf(answer) {
  if (answer.status === 204) return { kind: 'ok', reached: reachedIn(answer.headers['coterie-reached'] ?? '') };
  const { code, detail, mayHaveTakenEffect = true } = problemIn(answer);
  return { kind: 'refused', code, message: detail, mayHaveTakenEffect };
}

/** @param {Attempt['outcome']} outcome @returns {boolean} whether the node takes nothing because it is a member no more */
function saysItLeft(outcome) {
  return outcome.kind === 'refused' && outcome.code === 'NOT_READY' && outcome.message.includes('left the cluster at epoch');
}

/** @param {string} text */
function reachedIn(text) {
  const numberOf = (/** @type {string} */ name) => Number(new RegExp(`${name}=(\\d+)`).exec(text)?.[1] ?? 0);
  return { primaries: numberOf('primaries'), fallbacks: numberOf('fallbacks'), synced: numberOf('synced') };
}

/** @param {HttpAnswer} answer @returns {{ code: string, detail: string, mayHaveTakenEffect?: boolean }} */
function problemIn({ body, status }) {
  try {
    return JSON.parse(decoder.decode(body));
  } catch {
    return { code: `status ${status}`, detail: decoder.decode(body.subarray(0, 200)) };
  }
}

/** @param {HttpAnswer} answer @returns {CoterieError} the failure that an answer tells of */
export function failureIn(answer) {
  const { code, detail } = problemIn(answer);
  return new CoterieError(/** @type {import('../../packages/env/dist/index.js').ErrorCode} */ (code), detail);
}
