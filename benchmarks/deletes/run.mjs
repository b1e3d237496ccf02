/**
 * Deletes at scale, with real processes: keys are written to three nodes and deleted while one of them is away; it comes
 * back, and everything has to be forgotten everywhere: no tombstone, no key in a listing, the disk of each node within a
 * tenth of what it was before, and a listing as quick. Prints a line for each step, writes a report, and ends with 1 when
 * something is left.
 *
 * What is *empty*: the same cluster, joined and at rest, before the first key. Bytes are allocated blocks, and told by kind:
 * the reserve (4 MiB that a store keeps back for a full disk, there from the start), tables, log, manifest, and the rest
 * (votes of the ring log, identity). The tenth is asked of the sum, with nothing taken off, and beside it stands what is
 * left without the reserve.
 *
 * `node deletes/run.mjs [--keys 100000] [--minutes 20] [--directory DIR] [--out FILE]`
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { addedUp, spaceByKind } from './space.mjs';
import { freePorts, startProcess, stopProcesses, waitFor } from '../cluster/processes.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const main = fileURLToPath(new URL('../../packages/server/dist/main.js', import.meta.url));
const members = 3;
const bucket = 'deletes';
const batchLines = 500;
const batchesAtOnce = 4;
const valueBytes = 100;
/** What a disk may take more than before. */
const spaceSlack = 0.1;
const pauseMs = 2000;
/** Listings of which the quickest counts. */
const listings = 5;

const { values: flags } = parseArgs({
  options: {
    keys: { type: 'string', default: '100000' },
    minutes: { type: 'string', default: '20' },
    directory: { type: 'string' },
    out: { type: 'string', default: join(here, '../results/deletes.json') },
  },
});
const count = Number(flags.keys);
const directory = mkdtempSync(join(flags.directory ?? '/tmp', 'coterie-deletes-'));
const children = [];

function start(at, ports) {
  const home = join(directory, `n${at}`);
  mkdirSync(home, { recursive: true });
  const [http, peer] = [ports[2 * at], ports[2 * at + 1]];
  const addresses = [
    '--http',
    `127.0.0.1:${http}`,
    '--peer',
    `127.0.0.1:${peer}`,
    ...(at === 0 ? [] : ['--seed', `127.0.0.1:${ports[1]}`]),
  ];
  // Rounds as often as can be: a minute is as long as an operation may take.
  const soon = ['--forget-every', '5s', '--operation-memory', '1m'];
  const args = [main, 'start', '--name', `n${at}`, '--data-dir', join(home, 'data'), '--log-level', 'warn', ...soon, ...addresses];
  children[at] = startProcess(process.execPath, args, { logFile: join(home, 'log') });
}

async function askJson(port, path) {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`);
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

async function isSettled(port, wanted) {
  const { members: seen, effectiveN, change } = await askJson(port, '/v1/cluster');
  return (
    seen.length === wanted &&
    effectiveN === wanted &&
    change === undefined &&
    seen.every(({ state, isJoining }) => state === 'alive' && !isJoining)
  );
}

/** Sends a batch; resolves to a result for each line. What broke on the way may have taken effect, and is sent again. */
async function batch(port, lines) {
  const answer = await fetch(`http://127.0.0.1:${port}/v1/batch`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body: `${lines.join('\n')}\n`,
  });
  if (!answer.ok) throw new Error(`batch: ${answer.status} ${await answer.text()}`);
  const text = await answer.text();
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

/** Sends one line for each key, in batches; every one has to be answered with 204. Resolves to seconds. */
async function sendAll(port, lineOf) {
  const begun = performance.now();
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const first = next;
      next = Math.min(count, next + batchLines);
      let left = Array.from({ length: next - first }, (_, at) => lineOf(first + at));
      for (let tries = 0; left.length > 0; tries++) {
        const results = await batch(port, left).catch((error) => left.map(() => ({ status: String(error) })));
        const failed = left.filter((_, at) => results[at]?.status !== 204);
        if (failed.length > 0 && tries === 20)
          throw new Error(`still refused: ${JSON.stringify(results.find(({ status }) => status !== 204))}`);
        left = failed;
      }
    }
  };
  await Promise.all(Array.from({ length: batchesAtOnce }, worker));
  return (performance.now() - begun) / 1000;
}

/** Lists the whole bucket; resolves to how many keys there are, and seconds. */
async function list(port) {
  const begun = performance.now();
  let [keys, cursor] = [0, ''];
  do {
    const page = await askJson(port, `/v1/kv/${bucket}?limit=1000${cursor}`);
    keys += page.keys.length;
    cursor = page.cursor === undefined ? undefined : `&cursor=${encodeURIComponent(page.cursor)}`;
  } while (cursor !== undefined);
  return { keys, seconds: (performance.now() - begun) / 1000 };
}

/** The quickest of some listings. */
async function listQuickly(port) {
  const all = [];
  for (let at = 0; at < listings; at++) all.push(await list(port));
  return { keys: all[0].keys, seconds: Math.min(...all.map(({ seconds }) => seconds)), firstSeconds: all[0].seconds };
}

/** Processor time of a node so far, in seconds, and the most memory that it took. */
function costOf(at) {
  const { pid } = children[at];
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1].split(' ');
  const peak = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))[1]) * 1024;
  return { cpuSeconds: (Number(fields[11]) + Number(fields[12])) / 100, peakBytes: peak };
}

/** Processor time of all nodes that run, in seconds. */
const cpuOf = () =>
  children.reduce((sum, child, at) => sum + (child.exitCode === null && child.signalCode === null ? costOf(at).cpuSeconds : 0), 0);

const kindsOf = () => Array.from({ length: members }, (_, at) => spaceByKind(join(directory, `n${at}`, 'data')));
const spaceOf = () => kindsOf().map(addedUp);
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(bytes < 1e6 ? 2 : 1)} MB`;
const kinds = (space) =>
  Object.entries(space)
    .map(([kind, bytes]) => `${kind} ${megabytes(bytes)}`)
    .join(', ');
const say = (line) => process.stdout.write(`${line}\n`);

async function whatIsLeft(ports, empty) {
  const left = [];
  for (let at = 0; at < members; at++) {
    const { node } = await askJson(ports[2 * at], '/v1/status');
    const { tombstones, waitingFor } = node.forgetting;
    if (tombstones > 0)
      left.push(
        `n${at} has ${tombstones} tombstones${waitingFor.map(({ member, reason }) => `, waits for ${member}: ${reason}`).join('')}`,
      );
  }
  const space = spaceOf();
  space.forEach((bytes, at) => {
    if (bytes > empty[at] * (1 + spaceSlack)) left.push(`n${at} takes ${megabytes(bytes)}, ${megabytes(empty[at])} when it was empty`);
  });
  return left;
}

async function run() {
  const ports = await freePorts(2 * members);
  for (let at = 0; at < members; at++) {
    start(at, ports);
    for (let one = 0; one <= at; one++) await waitFor(`n${at} joining`, () => isSettled(ports[2 * one], at + 1));
  }
  const empty = spaceOf();
  const emptyKinds = kindsOf();
  const before = await listQuickly(ports[0]);
  say(`empty: ${empty.map(megabytes).join(', ')} (n0: ${kinds(emptyKinds[0])}); a listing takes ${(before.seconds * 1000).toFixed(1)} ms`);
  const text = 'v'.repeat(valueBytes);
  let cpuBefore = cpuOf();
  const putSeconds = await sendAll(ports[0], (at) => JSON.stringify({ op: 'put', bucket, key: `key-${at}`, text }));
  say(
    `${count} keys put in ${putSeconds.toFixed(1)} s, with ${(cpuOf() - cpuBefore).toFixed(0)} s of processor time: ${spaceOf().map(megabytes).join(', ')}`,
  );
  await stopProcesses([children[members - 1]]);
  cpuBefore = cpuOf();
  const deleteSeconds = await sendAll(ports[0], (at) => JSON.stringify({ op: 'delete', bucket, key: `key-${at}` }));
  say(
    `deleted in ${deleteSeconds.toFixed(1)} s, with ${(cpuOf() - cpuBefore).toFixed(0)} s of processor time, while one node was away: ${spaceOf().map(megabytes).join(', ')}`,
  );
  start(members - 1, ports);
  const back = performance.now();
  let left = ['never looked at'];
  for (let told = ''; left.length > 0 && performance.now() - back < Number(flags.minutes) * 60_000; ) {
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    left = await whatIsLeft(ports, empty).catch((error) => [String(error)]);
    const line = left.join('; ');
    if (line !== told && left.length > 0) say(`${((performance.now() - back) / 1000).toFixed(0)} s: ${line}`);
    told = line;
  }
  const seconds = (performance.now() - back) / 1000;
  const after = await listQuickly(ports[0]);
  const space = spaceOf();
  const spaceKinds = kindsOf();
  const costs = children.map((_, at) => costOf(at));
  spaceKinds.forEach((one, at) => {
    const { cpuSeconds, peakBytes } = costs[at];
    say(
      `n${at}: ${kinds(one)}; ${((space[at] / empty[at] - 1) * 100).toFixed(1)} % over empty; ${cpuSeconds.toFixed(0)} s of processor time, ${megabytes(peakBytes)} of memory at most`,
    );
  });
  say(
    `${left.length === 0 ? 'all forgotten' : 'NOT all forgotten'} ${seconds.toFixed(0)} s after the node came back: ${space.map(megabytes).join(', ')}; a listing takes ${(after.seconds * 1000).toFixed(1)} ms and shows ${after.keys} keys`,
  );
  mkdirSync(dirname(flags.out), { recursive: true });
  writeFileSync(
    flags.out,
    `${JSON.stringify({ keys: count, empty: emptyKinds, space: spaceKinds, costs, putSeconds, deleteSeconds, forgottenSeconds: seconds, listing: { before, after }, left }, undefined, 2)}\n`,
  );
  return left.length === 0 && after.keys === 0;
}

let isWell = false;
try {
  isWell = await run();
} finally {
  await stopProcesses(children);
  rmSync(directory, { recursive: true, force: true });
}
process.exitCode = isWell ? 0 : 1;
