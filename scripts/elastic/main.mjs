/**
 * Real processes on real disks whose ring changes while clients go on: `npm run elastic -- --course ring`. Says what clients
 * met in each phase, what each change cost by the nodes' own counts, and whether that is what was wanted. Exit code 1 when
 * it is not.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { connect } from '../../packages/client/dist/index.js';
import { SeededRandom } from '../../packages/simulator/dist/index.js';
import { Fleet } from '../torture/fleet.mjs';
import { pause } from '../torture/patience.mjs';
import { logLines } from '../torture/logs.mjs';
import { Book } from './book.mjs';
import { Cargo } from './cargo.mjs';
import { Operator } from './operator.mjs';
import { killCourse } from './kill-course.mjs';
import { restartCourse, upgradeCourse } from './restart-courses.mjs';
import { ringCourse } from './ring-course.mjs';
import { SteadyLoad } from './steady-load.mjs';
import { costTable, judgementTable, noneFailed, noneLost, noneStale, phaseTable } from './verdict.mjs';

/** @type {Readonly<Record<string, import('./stage.mjs').Course>>} */
const courses = { ring: ringCourse, kill: killCourse, restart: restartCourse, upgrade: upgradeCourse };
const help = `npm run elastic -- [options]
  --course NAME      ${Object.entries(courses)
    .map(([name, { what }]) => `${name}: ${what}`)
    .join('\n                     ')}  (ring)
  --megabytes N      data that is there before anything happens (60)
  --value-bytes N    bytes of each of its values (10240)
  --rate N           operations a second, half of them writes with w=2, half reads with r=2 (300)
  --phase S          seconds of a phase that nothing ends (6)
  --seed N           draws keys and nodes (the time of day)
  --keep             leaves data and logs where they are, whatever the verdict`;

const { values } = parseArgs({
  options: {
    course: { type: 'string', default: 'ring' },
    megabytes: { type: 'string', default: '60' },
    'value-bytes': { type: 'string', default: '10240' },
    rate: { type: 'string', default: '300' },
    phase: { type: 'string', default: '6' },
    seed: { type: 'string', default: String(Math.floor(Date.now() / 1000) % 100_000) },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const loadKeys = 400;
const loadValueBytes = 1024;
/** Code is compiled and connections are made: not what a change is held against. */
const warmUp = 'warm-up';
const say = console.log;

/** @param {string} name @param {string} text @returns {number} */
function numberOf(name, text) {
  const number = Number(text);
  if (Number.isFinite(number) && number > 0) return number;
  console.error(`--${name} is a number above 0, not ${text}`);
  return process.exit(2);
}

if (values.help) {
  say(help);
  process.exit(0);
}
const course = courses[values.course];
if (course === undefined) {
  console.error(`--course is one of ${Object.keys(courses).join(', ')}, not ${values.course}`);
  process.exit(2);
}
const valueBytes = numberOf('value-bytes', values['value-bytes']);
const seed = numberOf('seed', values.seed);
const perSecond = numberOf('rate', values.rate);
const phaseMs = 1000 * numberOf('phase', values.phase);
const cargo = new Cargo({ values: Math.ceil((numberOf('megabytes', values.megabytes) * 2 ** 20) / valueBytes), valueBytes });
const book = new Book('load', loadKeys);
const random = new SeededRandom(seed, 1);
const directory = mkdtempSync(join(tmpdir(), 'coterie-elastic-'));
const fleet = new Fleet({ doors: 'own' });
const loadWeighed = book.pages.map(({ bucket, key }) => ({ bucket, key, bytes: loadValueBytes }));
const operator = new Operator(fleet, [...cargo.weighed, ...loadWeighed]);
const plan = { perSecond, valueBytes: loadValueBytes, run: `elastic-${seed}-${Date.now().toString(36)}`, say };
const load = new SteadyLoad({ fleet, book, random, plan });

/** @param {import('./stage.mjs').Course} chosen @returns {Promise<boolean>} whether all was as wanted */
async function runCourse(chosen) {
  const { nodes, flags = [] } = chosen;
  await fleet.start({ nodes, directory, flags });
  await operator.settled(fleet.names, nodes);
  say(`${nodes} nodes are one cluster; data and logs in ${directory}`);
  const database = await connect(fleet.names.map((name) => fleet.urlOf(name)));
  const startMs = performance.now();
  await cargo.load(database);
  const megabytes = (cargo.bytes / 2 ** 20).toFixed(0);
  say(
    `${cargo.keys.length} values of ${cargo.valueBytes} bytes, ${megabytes} MiB, written in ${((performance.now() - startMs) / 1000).toFixed(1)} s\n`,
  );
  await load.start(warmUp);
  await pause(phaseMs);
  load.enter('idle');
  await pause(phaseMs);
  const { costs, judgements } = await chosen.run({ fleet, operator, load, cargo, directory, phaseMs, say });
  await load.stop();
  const lost = await lostOf(database);
  await database.close();
  const phases = load.phases.filter(({ title }) => title !== warmUp);
  const all = [noneFailed(phases), noneLost(lost, cargo.keys.length + book.pages.length), noneStale(phases), ...judgements];
  say(
    [phaseTable(phases), costTable(costs), judgementTable(all)]
      .filter((lines) => lines.length > 2)
      .map((lines) => lines.join('\n'))
      .join('\n\n'),
  );
  say(`\n${load.movedOn} requests by plain HTTP went on to another node`);
  return all.every(({ isKept }) => isKept);
}

/** @param {import('../../packages/client/dist/index.js').Database} database @returns {Promise<string[]>} */
async function lostOf(database) {
  const lost = await cargo.missing(database);
  for (const { bucket, key, acknowledged, unsure } of book.pages) {
    const found = acknowledged === undefined ? undefined : await database.get(bucket, key, { r: 2 });
    const shown = (found?.siblings ?? []).map(({ text }) => Number.parseInt(text, 10));
    if (acknowledged !== undefined && ![acknowledged, ...unsure].some((id) => shown.includes(id))) lost.push(key);
  }
  return lost;
}

say(
  `npm run elastic -- --course ${values.course} --megabytes ${values.megabytes} --value-bytes ${valueBytes} --rate ${perSecond} --phase ${values.phase} --seed ${seed}`,
);
say(
  `${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}, Linux ${release()}, Node ${process.version}; nodes and load share it\n`,
);
process.on('SIGINT', () => void fleet.end('SIGKILL').then(() => process.exit(130)));
let isKept = false;
try {
  isKept = await runCourse(course);
  say(`verdict: ${isKept ? 'as wanted' : 'NOT as wanted'}`);
} catch (error) {
  say(`verdict: it did not come to an end: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
} finally {
  await load.stop();
  const logs = logLines(fleet.nodes.map(({ plan: { name, logFile } }) => ({ name, logFile })));
  if (logs.length > 0) say(`warnings and errors in the logs\n${logs.join('\n')}`);
  if (fleet.pulse.inWords !== '') say(fleet.pulse.inWords);
  await fleet.end(isKept ? 'SIGTERM' : 'SIGKILL');
  if (isKept && !values.keep) rmSync(directory, { recursive: true });
  else say(`data and logs: ${directory}`);
  process.exitCode = isKept ? 0 : 1;
}
