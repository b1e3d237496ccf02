/**
 * What keeping copies equal costs: processor time of a put with and without sums and comparisons, and what clients notice
 * of `coterie repair`. Two clusters of three nodes, one that compares and one that does not, take turns; prints a table with
 * what is wanted, writes `results/anti-entropy.json`, and ends with 1 when it is not so.
 *
 * ```
 *   puts      off on │ on off │ off on …       each turn some seconds at full rate; processor time of three processes ÷ puts
 *   repair    quiet repair │ repair quiet …    a steady load below saturation; p99 of each turn
 * ```
 *
 * `node anti-entropy/run.mjs [--rounds N] [--seconds S] [--keys N] [--only puts|repair] [--first on|off]`: which cluster is
 * opened first, as the same two differ by some hundredths from one opening to the next
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { makeOverwritingBucket, startCoterie } from '../cluster/coterie-cluster.mjs';
import { cpuMicros } from '../cluster/processes.mjs';
import { Wire } from '../http/wire.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const bucket = 'sums';
const lines = 16;
const perSecond = 400;
const value = Buffer.alloc(100, 'v');
const cpuMost = 1.05;
const p99Most = 1.1;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '6' },
    seconds: { type: 'string', default: '2' },
    keys: { type: 'string', default: '20000' },
    only: { type: 'string', default: '' },
    first: { type: 'string', default: 'on' },
    out: { type: 'string', default: join(here, '..', 'results', 'anti-entropy.json') },
  },
});
const [rounds, seconds, keys] = [values.rounds, values.seconds, values.keys].map(Number);
let seed = 1;

/** The next key, by a small generator that is the same in every run. */
function nextKey() {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  return `k${Math.floor((seed / 2 ** 32) * keys)}`;
}

async function put(wire, key) {
  const { status } = await wire.request(`PUT /v1/kv/${bucket}/${key}?w=2 HTTP/1.1`, value);
  if (status !== 204) throw new Error(`a put was answered with ${status}`);
}

/** Puts as fast as they go on every line; returns microseconds of processor time for each, and puts a second. */
async function putsOf({ children, wires }, ms) {
  const cpuBefore = cpuMicros(children);
  const start = performance.now();
  let done = 0;
  const lane = async (wire) => {
    for (; performance.now() - start < ms; done++) await put(wire, nextKey());
  };
  await Promise.all(wires.map(lane));
  return { cpuUs: (cpuMicros(children) - cpuBefore) / done, rate: (1000 * done) / (performance.now() - start) };
}

/** A steady load of puts and gets; returns the time of each in milliseconds, from when it was due. */
async function steady({ wires }, ms) {
  const start = performance.now();
  const times = [];
  let number = 0;
  const lane = async (wire) => {
    for (;;) {
      const due = start + (number++ * 1000) / perSecond;
      if (due - start > ms) return;
      const early = due - performance.now();
      if (early > 0) await new Promise((resolve) => setTimeout(resolve, early));
      if (number % 2 === 0) await put(wire, nextKey());
      else await wire.request(`GET /v1/kv/${bucket}/${nextKey()}?r=2 HTTP/1.1`);
      times.push(performance.now() - due);
    }
  };
  await Promise.all(wires.map(lane));
  return times;
}

/** Repairs of one node, one after the other, until `isOver`; returns how many there were. */
async function repairAgain({ targets: [target] }, how, isOver) {
  let count = 0;
  for (; !isOver(); count++) {
    const answer = await fetch(`http://${target.host}:${target.port}/v1/repair${how}`, { method: 'POST' });
    if (!answer.ok) throw new Error(`a repair was answered with ${answer.status}: ${await answer.text()}`);
  }
  return count;
}

async function steadyUnderRepair(cluster, ms, how) {
  let isOver = false;
  const repairing = repairAgain(cluster, how, () => isOver);
  const times = await steady(cluster, ms);
  isOver = true;
  return { times, repairs: await repairing };
}

const quantile = (times, fraction) => [...times].sort((a, b) => a - b)[Math.floor(fraction * times.length)];

/** The middle one, or the mean of the two in the middle. */
function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return (sorted[Math.floor((sorted.length - 1) / 2)] + sorted[Math.floor(sorted.length / 2)]) / 2;
}

async function open(directory, name, everyNodeOptions) {
  const home = join(directory, name);
  mkdirSync(home);
  const cluster = await startCoterie(home, { everyNodeOptions });
  await makeOverwritingBucket(cluster, bucket);
  const wires = await Promise.all(Array.from({ length: lines }, (_, at) => Wire.open(cluster.targets[at % cluster.targets.length])));
  return { ...cluster, name, wires };
}

/** Each round in the other order, so that what drifts weighs on both alike. */
async function inTurns(one, other, work) {
  const results = [];
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? [one, other] : [other, one];
    const pair = new Map();
    for (const which of order) pair.set(which, await work(which));
    results.push([pair.get(one), pair.get(other)]);
  }
  return results;
}

async function measurePuts(off, on) {
  for (const cluster of [off, on]) await putsOf(cluster, 2000 * seconds);
  const pairs = await inTurns(off, on, (cluster) => putsOf(cluster, 1000 * seconds));
  // Who comes second in a pair may pay for who came first: both orders weigh the same.
  const ofOrder = (parity) => median(pairs.filter((_, round) => round % 2 === parity).map(([a, b]) => b.cpuUs / a.cpuUs));
  const ratio = pairs.length === 1 ? ofOrder(0) : Math.sqrt(ofOrder(0) * ofOrder(1));
  const ofBoth = (pick) => [0, 1].map((at) => median(pairs.map((pair) => pick(pair[at]))));
  const [cpuOff, cpuOn] = ofBoth(({ cpuUs }) => cpuUs);
  const [rateOff, rateOn] = ofBoth(({ rate }) => rate);
  const seen = `${ratio.toFixed(3)} (${cpuOff.toFixed(0)} and ${cpuOn.toFixed(0)} µs; ${rateOff.toFixed(0)} and ${rateOn.toFixed(0)} a second)`;
  return { what: 'processor time of a put, with ÷ without', wanted: `at most ${cpuMost}`, seen, isKept: ratio <= cpuMost, pairs };
}

async function measureRepair(on, how) {
  await steady(on, 1000 * seconds);
  const pairs = await inTurns('quiet', 'repair', (which) =>
    which === 'quiet' ? steady(on, 1000 * seconds).then((times) => ({ times, repairs: 0 })) : steadyUnderRepair(on, 1000 * seconds, how),
  );
  const [quiet, busy] = [0, 1].map((at) => pairs.flatMap((pair) => pair[at].times));
  const ratio = quantile(busy, 0.99) / quantile(quiet, 0.99);
  const repairs = pairs.reduce((sum, [, { repairs: count }]) => sum + count, 0);
  const inWords = (times) => [0.5, 0.99].map((fraction) => quantile(times, fraction).toFixed(2)).join(' and ');
  const seen = `${ratio.toFixed(3)} (p50 and p99 ${inWords(quiet)} ms quiet, ${inWords(busy)} under ${repairs} repairs)`;
  return {
    what: `p99 under coterie repair${how === '' ? '' : ' --prove'} ÷ p99 without`,
    wanted: `less than ${p99Most}`,
    seen,
    isKept: ratio < p99Most,
  };
}

const directory = mkdtempSync(join(tmpdir(), 'coterie-anti-entropy-'));
const clusters = [];
const rows = [];
try {
  const kinds = { on: [], off: ['--import', new URL('without.mjs', import.meta.url).href] };
  const order = values.only === 'repair' ? ['on'] : values.first === 'off' ? ['off', 'on'] : ['on', 'off'];
  for (const name of order) clusters.push(await open(directory, name, kinds[name]));
  const [on, off] = ['on', 'off'].map((name) => clusters.find((cluster) => cluster.name === name));
  if (off !== undefined) rows.push(await measurePuts(off, on));
  else await putsOf(on, 3000 * seconds);
  if (values.only !== 'puts') for (const how of ['', '?prove']) rows.push(await measureRepair(on, how));
} finally {
  for (const { wires, stop } of clusters) {
    for (const wire of wires) wire.close();
    await stop();
  }
  rmSync(directory, { recursive: true, force: true });
}
for (const { what, wanted, seen, isKept } of rows) console.log(`${isKept ? 'ok ' : 'NOT'}  ${what}: ${seen}; wanted ${wanted}`);
mkdirSync(dirname(values.out), { recursive: true });
writeFileSync(values.out, `${JSON.stringify({ node: process.version, rounds, seconds, keys, rows }, null, 1)}\n`);
process.exitCode = rows.every(({ isKept }) => isKept) ? 0 : 1;
