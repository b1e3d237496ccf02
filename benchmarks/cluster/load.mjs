/**
 * The load, a process of its own for each cluster: told over its channel what to do, one order at a time, and answers
 * each with what it did.
 *
 * ```
 *  open { dialect, targets, inFlight } ▶ { }        put|get { seconds | count | each } ▶ { done, seconds, latency, cpuUs, older }
 *  close ▶ { }                                      each: every key once, for loading and for the last look
 * ```
 */
import { createHistogram } from 'node:perf_hooks';
import { createRandom } from '../engine/data.mjs';
import { dialects } from './dialects.mjs';
import { Records } from './records.mjs';

const books = new Map();
let lines = [];
let seed = 1;

/** What was written to a bucket; etcd's keys are one. */
function recordsOf({ bucket = '', keys }) {
  if (!books.has(bucket)) books.set(bucket, new Records(keys));
  return books.get(bucket);
}

async function putOne(line, key, { records, order }) {
  const context = order.withContext ? records.contexts.get(key) : undefined;
  const told = await line.put(key, records.next(key), { ...order, context });
  records.acknowledged(key);
  if (order.withContext) records.contexts.set(key, line.contextOf(told));
}

async function getOne(line, key, { records, order }) {
  records.check(key, await line.get(key, order), order.exact);
}

/** One operation after the other on one line, over the keys that are its own: those whose remainder is its index. */
async function drive(line, index, run) {
  const { order, until, histogram } = run;
  const operate = order.do === 'put' ? putOne : getOne;
  const own = Math.floor((order.keys - index - 1) / lines.length) + 1;
  const random = createRandom(seed + index);
  const count = order.each ? own : Math.ceil((order.count ?? Infinity) / lines.length);
  let done = 0;
  for (let now = performance.now(); done < count && now < until; done++) {
    const turn = order.each ? done : random() % own;
    await operate(line, index + turn * lines.length, run);
    const then = performance.now();
    histogram.record(Math.max(1, Math.round((then - now) * 1000)));
    now = then;
  }
  return done;
}

async function perform(order) {
  const records = recordsOf(order);
  const histogram = createHistogram();
  const cpuBefore = process.cpuUsage();
  const start = performance.now();
  const until = start + (order.seconds ?? Infinity) * 1000;
  records.older = 0;
  const counts = await Promise.all(lines.map((line, index) => drive(line, index, { order, records, until, histogram })));
  seed += lines.length;
  const cpu = process.cpuUsage(cpuBefore);
  const ms = (percentile) => histogram.percentile(percentile) / 1000;
  return {
    done: counts.reduce((sum, n) => sum + n, 0),
    seconds: (performance.now() - start) / 1000,
    latency: { p50: ms(50), p99: ms(99), p999: ms(99.9), max: histogram.max / 1000 },
    cpuUs: cpu.user + cpu.system,
    older: records.older,
  };
}

async function close() {
  await Promise.all(lines.map((line) => line.close()));
  lines = [];
  return {};
}

async function obey(order) {
  if (order.do === 'close') return close();
  if (order.do !== 'open') return perform(order);
  lines = await dialects[order.dialect](order.targets, order.inFlight);
  return {};
}

process.on('message', (order) => {
  obey(order).then(
    (result) => process.send({ result }),
    (error) => process.send({ error: String(error.stack ?? error) }),
  );
});
process.on('disconnect', () => process.exit());
