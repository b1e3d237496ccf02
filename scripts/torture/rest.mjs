/**
 * After the faults, with nobody writing: the cluster comes to rest by itself, within bounded time. What does not is told.
 *
 * ```
 *   all see all up ▶ hints handed over ▶ every key read once, by all its holders ▶ all copies equal, nothing out of place
 * ```
 */
import { isCoterieError } from '../../packages/env/dist/index.js';
import { createNodeHttp } from '../../packages/env-node/dist/index.js';
import { FailedAt, PlainHand } from './hands.mjs';
import { pause, waitUntil } from './patience.mjs';
import { eachOf } from './scene.mjs';

/** @typedef {import('./scene.mjs').Scene} Scene */
/** @typedef {{ failures: string[], drainedMs: number, keys: number, copies: number }} Rest */

const limitMs = 90_000;
const equalMs = 20_000;
const readTries = 10;

/**
 * Waits for rest, reads all keys and compares all copies.
 * @param {Scene} scene
 * @param {{ random: import('../../packages/simulator/dist/index.js').SeededRandom, given: readonly string[] }} of `given`: nodes given up for good
 * @returns {Promise<Rest>}
 */
export async function comeToRest(scene, { random, given }) {
  const fromMs = performance.now();
  const rest = { failures: /** @type {string[]} */ ([]), drainedMs: 0, keys: 0, copies: 0 };
  const names = scene.fleet.names.filter((name) => !given.includes(name));
  const isCalm = async () => (await unrestOf(scene, names)).length === 0;
  if (!(await waitUntil(isCalm, limitMs))) {
    rest.failures.push(`no rest within ${limitMs / 1000} s: ${(await unrestOf(scene, names)).join('; ')}`);
  }
  rest.drainedMs = performance.now() - fromMs;
  const transport = createNodeHttp();
  await readAll(scene, { hand: new PlainHand(transport, { fleet: scene.fleet, random }), rest, copies: 3 - given.length });
  if (given.length === 0) await compareAll(scene, rest);
  transport.close();
  return rest;
}

/** @param {Scene} scene @param {readonly string[]} names @returns {Promise<string[]>} what keeps the cluster from being at rest */
async function unrestOf(scene, names) {
  const documents = await scene.askAll('/v1/cluster');
  return scene.fleet.names.flatMap((name, at) => {
    if (!names.includes(name)) return [];
    const document = documents[at];
    if (document === undefined) return [`${name} does not answer`];
    const odd = document.members.filter((/** @type {any} */ { name: other, state }) => names.includes(other) && state !== 'alive');
    return [
      ...odd.map((/** @type {any} */ member) => `${name} sees ${member.name} ${member.state}`),
      ...(document.hints > 0 && names.length === scene.fleet.names.length ? [`${name} keeps ${document.hints} hints`] : []),
      ...(document.isRecovering ? [`${name} recovers`] : []),
      ...(document.change === undefined ? [] : [`${name} sees a ${document.change.kind} under way`]),
    ];
  });
}

/** @param {Scene} scene @param {{ hand: PlainHand, rest: Rest, copies: number }} of */
async function readAll(scene, { hand, rest, copies }) {
  await eachOf(scene.places, async (at) => {
    const startMs = performance.now();
    for (let tries = 1; ; tries++) {
      try {
        const { shown, node } = await hand.read(at, { r: copies, pr: copies });
        scene.ledger.readAtRest({ ...at, node, startMs, endMs: performance.now(), pr: copies, shown });
        rest.keys += 1;
        return;
      } catch (error) {
        if (!(error instanceof FailedAt) && !isCoterieError(error)) throw error;
        if (tries === readTries) {
          rest.failures.push(`${at.bucket}/${at.key} cannot be read by all its holders: ${error.message}`);
          return;
        }
        await pause(500);
      }
    }
  });
}

/** @param {Scene} scene @param {Rest} rest */
async function compareAll(scene, rest) {
  await eachOf(scene.places, async ({ bucket, key }) => {
    let apart = '';
    const isEqual = async () => {
      const documents = await scene.askAll(`/v1/where/${bucket}/${key}`);
      apart = differenceOf(documents);
      return apart === '';
    };
    if (await waitUntil(isEqual, equalMs)) rest.copies += 3;
    else rest.failures.push(`the copies of ${bucket}/${key} stay apart: ${apart}`);
  });
}

/** @param {readonly any[]} documents what each node says that it holds @returns {string} empty when all is as it should be */
function differenceOf(documents) {
  if (documents.includes(undefined)) return 'a node does not answer';
  const copies = documents.map(({ here }) => here);
  const owned = copies.filter(({ isOwner }) => isOwner);
  const isEqual = owned.length === 3 && new Set(owned.map(({ etag }) => etag)).size === 1;
  if (isEqual && copies.every(({ hintFor }) => hintFor.length === 0)) return '';
  return copies
    .map(({ node, isOwner, etag, siblings, hintFor }) => {
      const hints = hintFor.length === 0 ? '' : `, hints for ${hintFor.join(' ')}`;
      return `${node}${isOwner ? '' : ' (no owner)'}: ${etag ?? 'nothing'}, ${siblings} versions${hints}`;
    })
    .join('; ');
}
