/**
 * LMDB. Reads are synchronous by design, single and ranged; only multi-get has an asynchronous form. Its cache is the
 * system's page cache through a memory map, so neither a cache size nor a write buffer can be set, and nothing is ever
 * compacted.
 */
import { open as openLmdb } from 'lmdb';

export const name = 'lmdb';
export const title = 'LMDB';
export const packages = ['lmdb'];
export const judged = true;
export const notes =
  "keyEncoding and encoding 'binary', compression off, cache and write buffer not applicable (memory map); " +
  'not durable: noSync; durable: overlappingSync false, so that the promise resolves after the commit is flushed';

export function open(directory, { durable }) {
  return openWith(directory, { durable, useWritemap: false });
}

/** Opens with or without a writable memory map. */
export async function openWith(directory, { durable, useWritemap }) {
  const db = openLmdb({
    path: directory,
    noSubdir: false,
    keyEncoding: 'binary',
    encoding: 'binary',
    compression: false,
    cache: false,
    mapSize: 8 * 2 ** 30,
    overlappingSync: false,
    noSync: !durable,
    useWritemap,
  });
  const scanSync = (from, limit, visit) => {
    let count = 0;
    for (const { key, value } of db.getRange({ start: from, limit })) {
      visit(key, value);
      count++;
    }
    return count;
  };
  const putAll = (keys, values) => {
    for (let i = 0; i < keys.length; i++) db.putSync(keys[i], values[i]);
  };
  return {
    put: (key, value) => db.put(key, value),
    putSync: (key, value) => db.putSync(key, value),
    putBatch: (keys, values) =>
      db.batch(() => {
        for (let i = 0; i < keys.length; i++) db.put(keys[i], values[i]);
      }),
    putBatchSync: (keys, values) => db.transactionSync(() => putAll(keys, values)),
    getSync: (key) => db.getBinary(key),
    getMany: (keys) => db.getMany(keys),
    getManySync: (keys) => keys.map((key) => db.getBinary(key)),
    scanSync,
    settle: async () => {},
    close: () => db.close(),
  };
}
