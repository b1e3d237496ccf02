/**
 * What a killed node reads before its copies are compared again: its sums lie beside the objects, in the same batches, so
 * nothing is counted anew. Three nodes are filled; one is ended by `kill -9`, started again, and watched until it has compared
 * what it holds with both others. A compaction that was due has nothing to do with that, and is taken off. Ends with 1 when it read more than its log and a
 * tenth of its tables, or had to count any leaf.
 *
 * `node anti-entropy/after-kill.mjs [--keys 300000] [--value-bytes 1000] [--directory DIR]`
 */
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startCoterie } from '../cluster/coterie-cluster.mjs';
import { waitFor } from '../cluster/processes.mjs';
import { spaceByKind } from '../deletes/space.mjs';

const batchLines = 500;
const batchesAtOnce = 4;
/** What may be read of the tables: filters, indexes and the records of sums. Node's own code is in it, some 10 MB. */
const readMost = 0.1;

const { values: flags } = parseArgs({
  options: {
    keys: { type: 'string', default: '300000' },
    'value-bytes': { type: 'string', default: '1000' },
    directory: { type: 'string', default: tmpdir() },
  },
});
const count = Number(flags.keys);
const text = 'v'.repeat(Number(flags['value-bytes']));
const directory = mkdtempSync(join(flags.directory, 'coterie-after-kill-'));
const cluster = await startCoterie(directory);
const { children, targets } = cluster;
const say = (line) => process.stdout.write(`${line}\n`);
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

async function ask(at, path, init) {
  const answer = await fetch(`http://${targets[at].host}:${targets[at].port}${path}`, init);
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer;
}

const comparingAt = async (at) => (await (await ask(at, '/v1/status')).json()).node.comparing;
/** Bytes that a process has read so far, from files of whatever kind, the page cache included. */
const readBy = ({ pid }) => Number(/^rchar: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, 'latin1'))[1]);

async function fill() {
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const first = next;
      next = Math.min(count, next + batchLines);
      const lines = Array.from({ length: next - first }, (_, at) =>
        JSON.stringify({ op: 'put', bucket: 'b', key: `key-${first + at}`, text }),
      );
      const headers = { 'content-type': 'application/x-ndjson' };
      const answer = await (
        await ask(first % targets.length, '/v1/batch', { method: 'POST', headers, body: `${lines.join('\n')}\n` })
      ).text();
      const refused = answer
        .trimEnd()
        .split('\n')
        .find((line) => JSON.parse(line).status !== 204);
      if (refused !== undefined) throw new Error(`a put was refused: ${refused}`);
    }
  };
  await Promise.all(Array.from({ length: batchesAtOnce }, worker));
}

async function run() {
  await fill();
  children[2].kill('SIGKILL');
  await once(children[2], 'exit');
  const { tables, log } = spaceByKind(cluster.dataOf(2));
  say(`${count} keys put; n2 has ${megabytes(tables)} of tables and ${megabytes(log)} of log, and was killed`);
  const begun = performance.now();
  await cluster.startAgain(2);
  const [readyRead, readyMs] = [readBy(children[2]), performance.now() - begun];
  say(`up again, and sees both others, after ${(readyMs / 1000).toFixed(1)} s, having read ${megabytes(readyRead)}`);
  const { partitions } = await (await ask(2, '/v1/cluster')).json();
  // With each of the others every partition is compared once, by whoever of the two begins.
  await waitFor('n2 compared', async () => (await comparingAt(2)).partitions >= 2 * partitions);
  const { comparing, store } = (await (await ask(2, '/v1/status')).json()).node;
  const read = readBy(children[2]) - store.compactedBytes;
  const ofTables = (read - log) / tables;
  say(`compared with both others after ${((performance.now() - begun) / 1000).toFixed(1)} s, having read ${megabytes(read)}:`);
  say(`its log, and ${(100 * ofTables).toFixed(1)} % of what its tables have (at most ${100 * readMost} % wanted)`);
  say(
    `beside ${megabytes(store.compactedBytes)} for compactions; ${comparing.differing} keys differed, ${comparing.mended} leaves had to be counted`,
  );
  return ofTables <= readMost && comparing.mended === 0;
}

try {
  process.exitCode = (await run()) ? 0 : 1;
} finally {
  await cluster.stop();
  rmSync(directory, { recursive: true, force: true });
}
