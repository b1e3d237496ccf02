/**
 * Runs simulated clusters under faults: `npm run simulate -- --seeds 100`, from `--seed` on, each `--minutes` long; with
 * `--topology` operators change the ring meanwhile, with `--everything` stores are wiped, rot and come back from backups as
 * well, machines die for good, and there are zones; with `--tight` the nodes have limits so small that they are reached.
 * One line for each seed that breaks a promise, with what happened (the last 15 faults and lines of the log, or `--lines`)
 * and the command that replays it; a line of totals at the end. Exit code 1 when any seed failed.
 */
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { drawScenario, formYoungDisks, runScenario } from '../packages/simulator/dist/cluster/index.js';

/** @typedef {import('../packages/simulator/dist/cluster/index.js').RunResult} RunResult */

const violationsShown = 5;
const progressMs = 2000;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1' },
    seed: { type: 'string', default: '0' },
    minutes: { type: 'string', default: '2' },
    topology: { type: 'boolean', default: false },
    everything: { type: 'boolean', default: false },
    tight: { type: 'boolean', default: false },
    lines: { type: 'string', default: '15' },
    trace: { type: 'boolean', default: false },
  },
});

/** @param {string} name @param {string} text @returns {number} */
function positive(name, text) {
  const value = Number(text);
  if (Number.isFinite(value) && value >= 0) return value;
  console.error(`--${name} is a number, not ${text}`);
  return process.exit(2);
}

const first = positive('seed', values.seed);
const count = positive('seeds', values.seeds);
const minutes = positive('minutes', values.minutes);
const linesShown = positive('lines', values.lines);
const linesMax = Math.max(200, linesShown);
const total = { seeds: 0, failed: 0, faults: 0, operations: 0, acknowledged: 0, mayBeLost: 0, lost: 0, virtualMs: 0 };
const startedAt = performance.now();
let reportedAt = startedAt;

// Code of a dead life may leave a rejected promise that nobody hears; anything else is a defect.
process.on('unhandledRejection', (error) => {
  if (!(error instanceof Error) || error.name !== 'CrashError') throw error;
});

/** @type {Map<string, Awaited<ReturnType<typeof formYoungDisks>>>} */
const young = new Map();
const flags = ['topology', 'everything', 'tight'].flatMap((name) => (values[/** @type {'tight'} */ (name)] ? [` --${name}`] : []));

/** The disks of a cluster with these zones. @param {readonly string[]} zones */
async function disksFor(zones) {
  const known = young.get(zones.join());
  if (known !== undefined) return known;
  const formed = await formYoungDisks(5, zones);
  young.set(zones.join(), formed);
  return formed;
}

/** @param {number} seed */
async function runSeed(seed) {
  const ring = values.everything ? 'everything' : values.topology ? 'changing' : 'still';
  const scenario = drawScenario({ seed, minutes, ring, limits: values.tight ? 'tight' : 'usual' });
  try {
    const result = await runScenario(scenario, {
      disks: await disksFor(scenario.zones ?? []),
      linesMax,
    });
    total.faults += result.faults;
    total.operations += result.operations;
    total.acknowledged += result.acknowledged;
    total.mayBeLost += result.mayBeLost;
    total.lost += result.lost;
    total.virtualMs += result.virtualMs;
    if (values.trace) console.log(`seed ${seed}: trace ${result.traceHash}, ${result.events} events`);
    if (result.violations.length === 0) return;
    tellFailure(seed, result, scenario.faults);
    for (const { atMs, action } of scenario.actions) console.log(`  operator: ${(atMs / 1000).toFixed(3)} s ${JSON.stringify(action)}`);
  } catch (error) {
    console.log(`\nseed ${seed} FAILED: ${error instanceof Error ? error.stack : String(error)}`);
  }
  total.failed += 1;
  console.log(`  replay: npm run simulate -- --seed ${seed} --minutes ${minutes}${flags.join('')}`);
}

/**
 * @param {number} seed
 * @param {RunResult} result
 * @param {readonly { atMs: number, fault: object }[]} faults
 */
function tellFailure(seed, { violations, lines }, faults) {
  console.log(`\nseed ${seed} FAILED: ${violations.length} violations`);
  for (const { rule, sentence } of violations.slice(0, violationsShown)) console.log(`  ${rule}: ${sentence}`);
  console.log('  last faults:');
  for (const { atMs, fault } of faults.slice(-linesShown)) console.log(`    ${(atMs / 1000).toFixed(3)} s ${JSON.stringify(fault)}`);
  console.log('  last lines:');
  for (const line of lines.slice(-linesShown)) console.log(`    ${line}`);
}

function totals() {
  const seconds = (performance.now() - startedAt) / 1000;
  const { seeds, failed, faults, operations, acknowledged, mayBeLost, lost, virtualMs } = total;
  const pace = `${(seeds / seconds).toFixed(2)} seeds/s, ${(virtualMs / 1000 / seconds).toFixed(0)}x real time`;
  const losses = mayBeLost === 0 ? '' : `, ${mayBeLost} might be lost and ${lost} are`;
  return `${seeds} of ${count} seeds, ${failed} failed; ${pace}; ${faults} faults, ${operations} operations checked, ${acknowledged} writes acknowledged${losses}`;
}

for (let seed = first; seed < first + count; seed++) {
  await runSeed(seed);
  total.seeds += 1;
  if (performance.now() - reportedAt > progressMs) {
    reportedAt = performance.now();
    console.log(totals());
  }
}
console.log(totals());
process.exitCode = total.failed === 0 ? 0 : 1;
