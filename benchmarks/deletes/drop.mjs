/**
 * What dropping a bucket costs: one node, many keys in one bucket and a few in another, one `DELETE /v1/buckets`; how long until
 * it is out of sight, until its keys are gone, how long gets of the other bucket take meanwhile, and what is left on disk.
 *
 * `node deletes/drop.mjs [--keys 100000] [--directory DIR]`
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { freePorts, startProcess, stopProcesses, waitFor } from '../cluster/processes.mjs';
import { addedUp, spaceByKind } from './space.mjs';

const main = fileURLToPath(new URL('../../packages/server/dist/main.js', import.meta.url));
const batchLines = 500;
const settleMs = 4000;
const headers = { 'content-type': 'application/x-ndjson' };

const { values: flags } = parseArgs({
  options: { keys: { type: 'string', default: '100000' }, directory: { type: 'string', default: '/tmp' } },
});
const directory = mkdtempSync(join(flags.directory, 'coterie-drop-'));
const data = join(directory, 'data');
const [http, peer] = await freePorts(2);
const args = ['--data-dir', data, '--http', `127.0.0.1:${http}`, '--peer', `127.0.0.1:${peer}`, '--log-level', 'warn'];
const child = startProcess(process.execPath, [main, 'start', ...args], { logFile: join(directory, 'log') });
const url = `http://127.0.0.1:${http}`;
const say = (line) => process.stdout.write(`${line}\n`);
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
const cpuSeconds = () => {
  const fields = readFileSync(`/proc/${child.pid}/stat`, 'latin1').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
};
const isReady = async () => (await fetch(`${url}/readyz`).catch(() => undefined))?.ok;
const pending = async () => (await (await fetch(`${url}/v1/status`)).json()).node.store.droppedBucketsToClear;

async function fill(bucket, count) {
  const text = 'v'.repeat(100);
  for (let first = 0; first < count; first += batchLines) {
    const lines = Array.from({ length: Math.min(batchLines, count - first) }, (_, at) =>
      JSON.stringify({ op: 'put', bucket, key: `key-${first + at}`, text }),
    );
    const answer = await fetch(`${url}/v1/batch`, { method: 'POST', headers, body: `${lines.join('\n')}\n` });
    if (!answer.ok || (await answer.text()).includes('"status":5')) throw new Error(`batch: ${answer.status}`);
  }
}

async function run() {
  await waitFor('the node', isReady);
  const empty = addedUp(spaceByKind(data));
  await fill('other', 100);
  await fill('many', Number(flags.keys));
  say(`${flags.keys} keys: ${megabytes(addedUp(spaceByKind(data)))}; ${megabytes(empty)} when empty`);
  const [begun, cpuBefore] = [performance.now(), cpuSeconds()];
  await fetch(`${url}/v1/buckets/many`, { method: 'DELETE' });
  const hidden = performance.now() - begun;
  const listed = await (await fetch(`${url}/v1/kv/many?limit=10`)).json();
  if (listed.keys.length > 0) throw new Error('a dropped bucket shows keys');
  const times = [];
  while ((await pending()) > 0) {
    const sinceMs = performance.now();
    await (await fetch(`${url}/v1/kv/other/key-${times.length % 100}`)).arrayBuffer();
    times.push(performance.now() - sinceMs);
  }
  times.sort((a, b) => a - b);
  const seconds = (performance.now() - begun) / 1000;
  const at = (share) => (times[Math.floor(times.length * share)] ?? NaN).toFixed(1);
  say(
    `out of sight after ${hidden.toFixed(0)} ms, cleared after ${seconds.toFixed(1)} s with ${(cpuSeconds() - cpuBefore).toFixed(1)} s of processor time, ` +
      `this meter's questions included; meanwhile ${times.length} gets: median ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(1 - 1e-9)} ms`,
  );
  await new Promise((resolve) => setTimeout(resolve, settleMs));
  const space = spaceByKind(data);
  say(
    `${settleMs / 1000} s later: ${megabytes(addedUp(space))} (${Object.entries(space)
      .map(([kind, bytes]) => `${kind} ${megabytes(bytes)}`)
      .join(', ')})`,
  );
}

try {
  await run();
} finally {
  await stopProcesses([child]);
  rmSync(directory, { recursive: true, force: true });
}
