/** What every course of `npm run elastic` has to work with. */

/**
 * @typedef {object} Stage
 * @property {import('../torture/fleet.mjs').Fleet} fleet
 * @property {import('./operator.mjs').Operator} operator
 * @property {import('./steady-load.mjs').SteadyLoad} load
 * @property {import('./cargo.mjs').Cargo} cargo
 * @property {string} directory where nodes have theirs
 * @property {number} phaseMs how long a phase lasts that nothing ends
 * @property {(line: string) => void} say
 */

/**
 * @typedef {object} Course
 * @property {string} what it shows, in a line
 * @property {number} nodes that it begins with
 * @property {readonly string[]} [flags] of these nodes
 * @property {(stage: Stage) => Promise<Outcome>} run
 */

/** @typedef {{ costs: import('./operator.mjs').Cost[], judgements: import('./verdict.mjs').Judgement[] }} Outcome */

export {};
