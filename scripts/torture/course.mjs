/** What is done to the nodes, in order: each phase with its own victims, drawn from the seed. */

/** @typedef {import('./fleet.mjs').Fleet} Fleet */

/**
 * @typedef {object} Step
 * @property {string} title
 * @property {(fleet: Fleet) => void | Promise<void>} begin
 */

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
