/**
 * RocksDB (current), through @nxtedition/rocksdb. Its writes run on the main thread in every form; the asynchronous one
 * calls back in the next tick. The synchronous forms start with an underscore and are what its own users call. It offers
 * no manual compaction: settling waits until the engine has none pending.
 */
import { RocksLevel } from '@nxtedition/rocksdb';

export const name = 'nxtedition-rocksdb';
export const title = 'RocksDB (@nxtedition)';
export const packages = ['@nxtedition/rocksdb'];
export const judged = true;
export const notes =
  "cacheSize 256 MiB, memtableMemoryBudget 64 MiB with compaction 'level' (a write buffer of 16 MiB), compression and walCompression false; durable: { sync: true }";

const buffers = { keyEncoding: 'buffer', valueEncoding: 'buffer' };

export async function open(directory, { durable, cacheBytes, writeBufferBytes }) {
  const db = new RocksLevel(directory, {
    ...buffers,
    createIfMissing: true,
    compaction: 'level',
    memtableMemoryBudget: writeBufferBytes * 4,
    cacheSize: cacheBytes,
    compression: false,
    walCompression: false,
    parallelism: 2,
  });
  await db.open();
  const write = { sync: durable };
  const writeSync = (keys, values) => {
    const batch = db._chainedBatch();
    for (let i = 0; i < keys.length; i++) batch._put(keys[i], values[i]);
    batch._writeSync(write);
    batch._closeSync();
  };
  const getManySync = (keys) => db._getManySync(keys, buffers);
  return {
    // Its put() drops the `sync` option (the batch inside is written without options), so a durable put is a batch of one.
    put: durable ? (key, value) => db.batch([{ type: 'put', key, value }], write) : (key, value) => db.put(key, value),
    putSync: (key, value) => writeSync([key], [value]),
    putBatch(keys, values) {
      const batch = db._chainedBatch();
      for (let i = 0; i < keys.length; i++) batch._put(keys[i], values[i]);
      return batch._write(write);
    },
    putBatchSync: writeSync,
    get: (key) => db.getMany([key]).then((values) => values[0]),
    getSync: (key) => getManySync([key])[0],
    getMany: (keys) => db.getMany(keys),
    getManySync,
    scanSync: (from, limit, visit) => scanSync(db, from, limit, visit),
    scan: (from, limit, visit) => scan(db, from, limit, visit),
    settle: () => settle(db),
    close: () => db.close(),
  };
}

function iterate(db, from, limit) {
  return db._iterator({ ...buffers, keys: true, values: true, reverse: false, gte: from, limit, highWaterMarkBytes: 256 * 1024 });
}

function visitRows(rows, visit) {
  for (let i = 0; i < rows.length; i += 2) visit(rows[i], rows[i + 1]);
  return rows.length / 2;
}

function scanSync(db, from, limit, visit) {
  const iterator = iterate(db, from, limit);
  let count = 0;
  for (;;) {
    const { rows, finished } = iterator._nextvSync(Math.min(limit - count, 1000), {});
    count += visitRows(rows, visit);
    if (finished || rows.length === 0 || count >= limit) break;
  }
  iterator._closeSync();
  return count;
}

async function scan(db, from, limit, visit) {
  const iterator = iterate(db, from, limit);
  let count = 0;
  for (;;) {
    const { rows, finished } = await iterator._nextvAsync(Math.min(limit - count, 1000), {});
    count += visitRows(rows, visit);
    if (finished || rows.length === 0 || count >= limit) break;
  }
  await iterator._closeAsync();
  return count;
}

async function settle(db) {
  const busy = () =>
    [
      'rocksdb.compaction-pending',
      'rocksdb.num-running-compactions',
      'rocksdb.mem-table-flush-pending',
      'rocksdb.num-running-flushes',
    ].some((property) => Number(db.getProperty(property)) > 0);
  for (let quiet = 0; quiet < 5; quiet = busy() ? 0 : quiet + 1) await new Promise((resolve) => setTimeout(resolve, 20));
}
