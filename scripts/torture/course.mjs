/** What is done to the nodes, in order: each phase with its own victims, drawn from the seed. */

import { waitUntil } from './patience.mjs';

/** @typedef {import('./fleet.mjs').Fleet} Fleet */

/** @typedef {import('./scene.mjs').Scene} Scene */

/**
 * @typedef {object} Step
 * @property {string} title
 * @property {(fleet: Fleet, scene: Scene) => void | Promise<void>} begin
 */

const changeMs = 90_000;

/**
 * The course of one round.
 * @param {readonly string[]} names
 * @param {import('../../packages/simulator/dist/index.js').SeededRandom} random
 * @returns {Step[]}
 */
export function drawCourse(names, random) {
  const [killed = '', stopped = '', alone = '', left = '', right = ''] = shuffled(names, random);
  const pair = [left, right].sort();
  const backTitle = 'all together again';
  return [
    { title: 'calm', begin: () => {} },
    { title: `kill -9 ${killed}`, begin: (fleet) => fleet.kill(killed) },
    { title: `${killed} starts again`, begin: (fleet) => fleet.resume(killed) },
    { title: `SIGSTOP ${stopped}`, begin: (fleet) => fleet.pause(stopped) },
    { title: `SIGCONT ${stopped}`, begin: (fleet) => fleet.resume(stopped) },
    { title: `${alone} is not heard`, begin: (fleet) => fleet.cutOff([alone], ['out']) },
    { title: `${alone} hears nobody`, begin: (fleet) => recut(fleet, [alone], ['in']) },
    { title: `${alone} cut off`, begin: (fleet) => recut(fleet, [alone], ['in', 'out']) },
    { title: backTitle, begin: (fleet) => fleet.heal() },
    { title: `${pair.join(', ')} cut off`, begin: (fleet) => fleet.cutOff(pair, ['in', 'out']) },
    { title: backTitle, begin: (fleet) => fleet.heal() },
  ];
}

/**
 * The ring grows by one node, under load. The newcomer may be killed on its way in.
 * @param {string} directory
 * @param {'whole' | 'killed'} how
 * @returns {Step}
 */
export function growth(directory, how) {
  const begin = async (/** @type {Fleet} */ fleet, /** @type {Scene} */ scene) => {
    scene.forgetOwners();
    const node = await fleet.add(directory);
    const { name } = node.plan;
    await fleet.whenAll(({ state }) => state === 'ready', `${name} joins`, [node]);
    if (how === 'killed') {
      fleet.kill(name);
      await fleet.whenAll(({ state }) => state === 'ended', `${name} ends`, [node]);
      await fleet.resume(name);
    }
    await settle(fleet, scene, `the join of ${name}`);
  };
  return { title: how === 'killed' ? 'join, killed on its way' : 'join', begin };
}

/**
 * The ring shrinks by one node, under load; then its process ends.
 * @param {string} leaver
 * @returns {Step}
 */
export function departure(leaver) {
  const begin = async (/** @type {Fleet} */ fleet, /** @type {Scene} */ scene) => {
    scene.forgetOwners();
    const other = fleet.names.find((name) => name !== leaver) ?? '';
    fleet.sendAway(leaver);
    await scene.post(other, '/v1/change', { kind: 'leave', member: leaver });
    const hasLeft = async () => {
      const { members } = await scene.ask(other, '/v1/cluster');
      return !members.some((/** @type {{ name: string }} */ { name }) => name === leaver);
    };
    if (!(await waitUntil(hasLeft, changeMs))) fleet.troubles.push(`${leaver} did not leave within ${changeMs / 1000} s`);
    await fleet.retire(leaver);
    await settle(fleet, scene, `the departure of ${leaver}`);
  };
  return { title: `${leaver} leaves`, begin };
}

/**
 * Waits until all agree on who is a member and nothing is under way.
 * @param {Fleet} fleet
 * @param {Scene} scene
 * @param {string} what
 */
async function settle(fleet, scene, what) {
  const isSettled = async () => {
    const documents = await scene.askAll('/v1/cluster');
    return documents.every((document) => document?.members.length === fleet.names.length && document.change === undefined);
  };
  if (!(await waitUntil(isSettled, changeMs))) fleet.troubles.push(`${what} did not come to its end within ${changeMs / 1000} s`);
}

/**
 * @param {Fleet} fleet
 * @param {readonly string[]} group
 * @param {readonly ('in' | 'out')[]} directions
 */
function recut(fleet, group, directions) {
  fleet.heal();
  fleet.cutOff(group, directions);
}

/**
 * @param {readonly string[]} names
 * @param {import('../../packages/simulator/dist/index.js').SeededRandom} random
 */
function shuffled(names, random) {
  const left = [...names];
  return names.map(() => left.splice(random.below(left.length), 1)[0]);
}
