/**
 * A cluster of real processes under faults, with a checker that knows what every client was told:
 * `npm run torture -- --minutes 5`. Nodes are killed, stopped and cut off under load; after each round of that nothing
 * acknowledged may be missing, nothing replaced may be back, strict reads may never have been stale, and all copies are
 * equal. Exit code 1 when a promise was broken, with the history of the key and where the logs are.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Fleet } from './fleet.mjs';
import { logLines } from './logs.mjs';
import { Meter } from './meter.mjs';
import { waitUntil } from './patience.mjs';
import { findingsLines, phaseHead } from './report.mjs';
import { runRound } from './round.mjs';

const nodes = 5;
const joinMs = 120_000;
const swapsMax = 50;
const help = `npm run torture -- [options]
  --minutes N    how long: rounds are begun until it is over, one at least (5)
  --phase S      seconds of each phase, of which a round has eleven (8)
  --keys N       keys of each of the three buckets, new ones each round (100)
  --clients N    clients, each with one request in flight (40)
  --think MS     average pause of a client between two things (40)
  --swaps N      in so many of the first rounds a node joins, and then one leaves (1)
  --seed N       draws victims and load (the time of day)
  --spoil        destroys acknowledged writes, to see that this is found: exit code 1 is right then
  --keep         leaves data and logs where they are, whatever the verdict`;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    phase: { type: 'string', default: '8' },
    keys: { type: 'string', default: '100' },
    clients: { type: 'string', default: '40' },
    think: { type: 'string', default: '40' },
    swaps: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(Math.floor(Date.now() / 1000) % 100_000) },
    spoil: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

/** @param {string} name @param {string} text @returns {number} */
function numberOf(name, text) {
  const number = Number(text);
  if (Number.isFinite(number) && number >= 0) return number;
  console.error(`--${name} is a number, not ${text}`);
  return process.exit(2);
}

if (values.help) {
  console.log(help);
  process.exit(0);
}
const minutes = numberOf('minutes', values.minutes);
const seed = numberOf('seed', values.seed);
const plan = {
  seed,
  keys: numberOf('keys', values.keys),
  clients: numberOf('clients', values.clients),
  thinkMs: numberOf('think', values.think),
  phaseMs: 1000 * numberOf('phase', values.phase),
  isSpoilt: values.spoil,
};
const swaps = Math.min(swapsMax, numberOf('swaps', values.swaps));
const directory = mkdtempSync(join(tmpdir(), 'coterie-torture-'));
const fleet = new Fleet();
const meter = new Meter();
const say = console.log;

/** @param {string} name @returns {Promise<any>} */
async function clusterOf(name) {
  const answer = await fetch(`${fleet.urlOf(name)}/v1/cluster`).catch(() => undefined);
  return answer?.status === 200 ? answer.json() : undefined;
}

async function startAll() {
  const startedAt = performance.now();
  await fleet.start({ nodes, directory });
  const isWhole = async () => {
    const documents = await Promise.all(fleet.names.map(clusterOf));
    return documents.every((document) => document?.change === undefined && document?.members.length === nodes && document.effectiveN === 3);
  };
  if (!(await waitUntil(isWhole, joinMs))) throw new Error(`${nodes} nodes did not become one cluster within ${joinMs / 1000} s`);
  say(`${nodes} nodes are one cluster after ${((performance.now() - startedAt) / 1000).toFixed(1)} s; data and logs in ${directory}\n`);
}

/** @returns {Promise<string[]>} what is wrong */
async function runAll() {
  const startedAt = performance.now();
  const wrong = [];
  for (let number = 1; number === 1 || (performance.now() - startedAt < minutes * 60_000 && wrong.length === 0); number++) {
    say(`round ${number}\n${phaseHead}`);
    const from = meter.phases.length;
    const { rest, findings, operations } = await runRound({
      fleet,
      meter,
      say,
      plan: { ...plan, number, swapIn: number <= swaps ? directory : undefined },
    });
    const phases = meter.phases.slice(from);
    wrong.push(...rest.failures, ...findingsLines(findings), ...fleet.troubles, ...unexcused(phases));
    const hints = Math.max(...phases.map(({ hintsMost }) => hintsMost));
    say(
      `at rest after ${(rest.drainedMs / 1000).toFixed(1)} s (${hints} hints at most, 0 now); ${rest.keys} keys read once, ` +
        `${rest.copies} copies compared; ${operations} operations judged: ${wrong.length === 0 ? 'all well' : 'NOT WELL'}\n`,
    );
  }
  return wrong;
}

/** @param {readonly import('./meter.mjs').Phase[]} phases @returns {string[]} failures that nothing excuses */
function unexcused(phases) {
  return phases.flatMap(({ title, failures }) =>
    [...failures]
      .filter(([, { unexcused: count }]) => count > 0)
      .map(([name, { unexcused: count, example }]) => `${count} of ${name} in "${title}", which nothing excuses, such as: ${example}`),
  );
}

/** @param {readonly string[]} wrong */
function tellVerdict(wrong) {
  const logs = logLines(fleet.nodes.map(({ plan: { name, logFile } }) => ({ name, logFile })));
  say(logs.length === 0 ? 'the nodes logged no warning' : `warnings and errors in the logs\n${logs.join('\n')}`);
  if (fleet.pulse.inWords !== '') say(`\n${fleet.pulse.inWords}`);
  if (wrong.length === 0) {
    say(`\nverdict: every promise was kept (seed ${seed})`);
    return;
  }
  const { phase, keys, clients, think } = values;
  const again = `--minutes ${minutes} --phase ${phase} --keys ${keys} --clients ${clients} --think ${think} --swaps ${swaps} --seed ${seed}`;
  say(`\nverdict: NOT every promise was kept (seed ${seed})\n${wrong.join('\n')}`);
  say(`\ndata and logs: ${directory}\nagain, with the same victims: npm run torture -- ${again}${plan.isSpoilt ? ' --spoil' : ''}`);
}

process.on('SIGINT', () => void fleet.end('SIGKILL').then(() => process.exit(130)));
let wrong = ['it did not come to an end'];
try {
  await startAll();
  wrong = await runAll();
} catch (error) {
  wrong = [error instanceof Error ? (error.stack ?? error.message) : String(error)];
} finally {
  tellVerdict(wrong);
  await fleet.end(wrong.length === 0 ? 'SIGTERM' : 'SIGKILL');
  if (wrong.length === 0 && !values.keep) rmSync(directory, { recursive: true });
  process.exitCode = wrong.length === 0 ? 0 : 1;
}
