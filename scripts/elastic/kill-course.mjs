/**
 * `kill -9` in mid-stream: once of a node that gives, once of one that takes over. Each goes on from where it was, and what
 * is sent again is little; the side that lives on has counted all of it.
 */
import { pause, waitUntil } from '../torture/patience.mjs';
import { littleResent } from './verdict.mjs';

/** @typedef {import('./stage.mjs').Stage} Stage */
/** @typedef {import('./operator.mjs').Cost} Cost */

const resentMost = 64 * 2 ** 20;
/** Of what it is to take over, the part that a newcomer has when somebody is killed: more than may be sent again. */
const shareAtKill = 0.8;
const downMs = 1500;
const streamMs = 120_000;

/** @type {import('./stage.mjs').Course} */
export const killCourse = {
  what: 'a source, then a target killed in mid-stream; wants --megabytes 150 or more',
  nodes: 3,
  run: async (stage) => {
    const costs = [await killSource(stage), await killTarget(stage)];
    return { costs, judgements: costs.map((cost) => littleResent(cost, resentMost)) };
  },
};

/** A node joins; one of those that it takes over from is killed, and comes back. @param {Stage} stage */
async function killSource(stage) {
  const { fleet, operator } = stage;
  const victim = /** @type {string} */ (fleet.names.at(-1));
  const newcomer = await begin(stage);
  const title = `${newcomer} joins, ${victim} killed`;
  return carryOut(stage, { title, newcomer, victim, count: async () => (await operator.moved(newcomer))['takenBytes'] ?? 0 });
}

/** A node joins, is killed while it takes over, and comes back. @param {Stage} stage */
async function killTarget(stage) {
  const { fleet, operator } = stage;
  const sources = fleet.names;
  const newcomer = await begin(stage);
  const count = async () => (await operator.movedBy(sources))['givenBytes'] ?? 0;
  return carryOut(stage, { title: `${newcomer} joins, killed itself`, newcomer, victim: newcomer, count });
}

/** @param {Stage} stage @returns {Promise<string>} the name of a node that waits for a commit */
async function begin({ fleet, operator, directory }) {
  const [asked = ''] = fleet.names;
  const node = await fleet.add(directory, ['--join', 'staged']);
  await operator.staged(asked, 1);
  return node.plan.name;
}

/**
 * @param {Stage} stage
 * @param {{ title: string, newcomer: string, victim: string, count: () => Promise<number> }} how `count`: bytes that went so far, by those who are not killed
 * @returns {Promise<Cost>}
 */
async function carryOut({ fleet, operator, load, say }, { title, newcomer, victim, count }) {
  const [asked = ''] = fleet.names;
  load.enter(title);
  const before = await operator.ring(asked);
  const goneBefore = await count();
  const startMs = performance.now();
  await operator.ask(asked, '/v1/plan/commit', {});
  const share = await shareOf(operator, newcomer, shareAtKill);
  fleet.kill(victim);
  say(`         ${victim} killed when ${newcomer} had ${(100 * share).toFixed(0)} %`);
  await pause(downMs);
  await fleet.resume(victim);
  await operator.settled(fleet.names, fleet.names.length);
  const seconds = (performance.now() - startMs) / 1000;
  const planned = operator.bytesBetween(before, await operator.ring(asked));
  const movedBytes = (await count()) - goneBefore;
  say(
    `         ${((movedBytes - planned) / 2 ** 20).toFixed(1)} MiB sent beyond the plan's ${(planned / 2 ** 20).toFixed(1)}, in ${seconds.toFixed(1)} s`,
  );
  return { title, seconds, stretches: '', minimumBytes: planned, movedBytes, resentBytes: movedBytes - planned };
}

/**
 * Waits until a newcomer has so much of what it is to take over.
 * @param {import('./operator.mjs').Operator} operator @param {string} newcomer @param {number} least
 * @returns {Promise<number>} what it has
 */
async function shareOf(operator, newcomer, least) {
  let share = 0;
  const hasEnough = async () => {
    const plan = await operator.ask(newcomer, '/v1/plan').catch(() => undefined);
    const intakes = plan?.changes[0]?.takingOver ?? [];
    const sum = intakes.reduce((/** @type {number} */ all, /** @type {{ share: number }} */ intake) => all + intake.share, 0);
    share = intakes.length === 0 ? 0 : sum / intakes.length;
    return share >= least;
  };
  if (await waitUntil(hasEnough, streamMs)) return share;
  throw new Error(`${newcomer} had only ${(100 * share).toFixed(0)} % after ${streamMs / 1000} s`);
}
