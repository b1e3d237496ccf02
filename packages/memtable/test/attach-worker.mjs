/** Attaches to a frozen arena in another thread and tells all that it reads there. */
import { parentPort, workerData } from 'node:worker_threads';
import { hash32 } from '@coterie/bytes';
import { Memtable } from '@coterie/memtable';

const table = Memtable.attach(workerData);
const cursor = table.cursor();
const forward = [];
const backward = [];
const text = (bytes, start, end) => Buffer.from(bytes.slice(start, end)).toString('latin1');
const show = () =>
  `${text(cursor.keyBytes, cursor.keyStart, cursor.keyEnd)}@${cursor.sequence}:${cursor.type}=${text(cursor.valueBytes, cursor.valueStart, cursor.valueEnd)}`;
for (cursor.seekToFirst(); cursor.valid; cursor.next()) forward.push(show());
for (cursor.seekToLast(); cursor.valid; cursor.previous()) backward.push(show());
const key = Buffer.from('key0500');
cursor.seek(key);
parentPort.postMessage({
  forward,
  backward,
  sought: show(),
  found: table.sequenceAt(table.find(key, hash32(key, 0, key.length), 2 ** 48 - 1)),
  rangeDeletes: table.rangeDeletes,
  counts: [table.entries, table.firstSequence, table.lastSequence, table.usedBytes],
});
