/**
 * The load, a process of its own: so many connections, each sending the next request when the last is answered. Half puts
 * and half gets of 100 B values over a bucket of random keys, and among each thousand one put of 1 MiB, one get of it, and
 * two pages of keys. Writes to a bucket with `lww`, or each overwrite without a context would keep a sibling.
 *
 * `node http/load.mjs '{ "target": { "host", "port" }, "seconds", "connections", "keys" }'` prints `started` when warm, and
 * then a line of JSON.
 */
import { createHistogram } from 'node:perf_hooks';
import { createRandom } from '../engine/data.mjs';
import { Wire } from './wire.mjs';

const warmSeconds = 2;
const bucket = 'bench';
const smallValue = Buffer.alloc(100, 'coterie ');
const largeValue = Buffer.alloc(2 ** 20, 'large value ');

const { target, seconds, connections, keys } = JSON.parse(process.argv[2]);
const counts = { put: 0, get: 0, largePut: 0, largeGet: 0, list: 0 };
const failures = {};

/** One request of the mix: its kind, head, body and the statuses that are right. */
function draw(random) {
  const kind = random() % 1000;
  const key = random() % keys;
  if (kind === 0) return { kind: 'largePut', head: `PUT /v1/kv/${bucket}/large-${key % 100} HTTP/1.1`, body: largeValue, right: [204] };
  if (kind === 1) return { kind: 'largeGet', head: `GET /v1/kv/${bucket}/large-${key % 100} HTTP/1.1`, right: [200, 404] };
  if (kind < 4) return { kind: 'list', head: `GET /v1/kv/${bucket}?prefix=key-${key % 10}&limit=100 HTTP/1.1`, right: [200] };
  if (kind < 502) return { kind: 'put', head: `PUT /v1/kv/${bucket}/key-${key} HTTP/1.1`, body: smallValue, right: [204] };
  return { kind: 'get', head: `GET /v1/kv/${bucket}/key-${key} HTTP/1.1`, right: [200, 404] };
}

async function drive(random, { until, histogram }) {
  const wire = await Wire.open(target);
  let done = 0;
  for (let now = performance.now(); now < until; done++) {
    const { kind, head, body, right } = draw(random);
    const { status } = await wire.request(head, body);
    const then = performance.now();
    histogram.record(Math.max(1, Math.round((then - now) * 1000)));
    now = then;
    counts[kind]++;
    if (!right.includes(status)) failures[`${kind} ${status}`] = (failures[`${kind} ${status}`] ?? 0) + 1;
  }
  wire.close();
  return done;
}

async function run(lengthSeconds, seed) {
  const histogram = createHistogram();
  const start = performance.now();
  const cpuBefore = process.cpuUsage();
  const until = start + lengthSeconds * 1000;
  const done = await Promise.all(Array.from({ length: connections }, (_, i) => drive(createRandom(seed + i), { until, histogram })));
  const requests = done.reduce((sum, n) => sum + n, 0);
  const ms = (percentile) => histogram.percentile(percentile) / 1000;
  const latency = { p50: ms(50), p99: ms(99), p999: ms(99.9), max: histogram.max / 1000 };
  const cpu = process.cpuUsage(cpuBefore);
  return { requests, seconds: (performance.now() - start) / 1000, latency, loadCpuUs: (cpu.user + cpu.system) / requests };
}

async function prepareBucket() {
  const wire = await Wire.open(target);
  const { status, body } = await wire.request(
    `PUT /v1/buckets/${bucket} HTTP/1.1\r\ncontent-type: application/json`,
    Buffer.from('{"conflict":"lww"}'),
  );
  if (status >= 400) throw new Error(`cannot set bucket properties: ${status} ${body}`);
  wire.close();
}

await prepareBucket();
await run(warmSeconds, 1);
for (const kind of Object.keys(counts)) counts[kind] = 0;
for (const kind of Object.keys(failures)) delete failures[kind];
console.log('started');
const measured = await run(seconds, 1000);
console.log(JSON.stringify({ ...measured, rate: measured.requests / measured.seconds, counts, failures }));
