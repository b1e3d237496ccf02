import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { addEntry, forward, keyOf, memtableOf } from './drive.ts';

interface Report {
  forward: string[];
  backward: string[];
  sought: string;
  found: number;
  rangeDeletes: object[];
  counts: number[];
}

test('a worker thread reads a frozen memtable: entries both ways, finds, range deletes, counts', async () => {
  const table = memtableOf(1 << 20);
  let sequence = 2 ** 40;
  const range = { from: keyOf('key0'), to: keyOf('key1'), sequence };
  table.addRangeDelete(range);
  for (let i = 0; i < 3000; i++) {
    const key = keyOf(`key${String((i * 701) % 1500).padStart(4, '0')}`);
    addEntry(table, { key, sequence: ++sequence, type: i % 5 === 0 ? 0 : 1, value: keyOf(`value ${i}`) });
  }
  table.freeze();
  const worker = new Worker(new URL('./attach-worker.mjs', import.meta.url), { workerData: table.arena });
  const report = await new Promise<Report>((resolve, reject) => worker.once('message', resolve).once('error', reject));
  await worker.terminate();
  const expected = forward(table).map((entry) => `${latin1(entry.key)}@${entry.sequence}:${entry.type}=${latin1(entry.value)}`);
  expect(expected).toHaveLength(3000);
  expect(report.forward).toEqual(expected);
  expect(report.backward).toEqual(expected.toReversed());
  expect(report.sought).toBe(expected.find((line) => line.startsWith('key0500@')));
  expect(report.sought).toContain(`@${report.found}:`);
  expect(report.rangeDeletes).toEqual([range]);
  expect(report.counts).toEqual([3000, 2 ** 40, sequence, table.usedBytes]);
});

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}
