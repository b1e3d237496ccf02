/** Coterie's own engine. */
import { openStore } from '@coterie/lsm';

export const name = 'coterie';
export const title = 'Coterie';
export const packages = ['@coterie/lsm'];
export const judged = false;
export const notes = 'cacheBytes 256 MiB, writeBufferBytes 16 MiB, compression none';

export async function open(directory, { durable, cacheBytes, writeBufferBytes }) {
  const store = await openStore(directory, { durable, cacheBytes, writeBufferBytes, compression: 'none' });
  return {
    put: (key, value) => store.put(key, value),
    putSync: (key, value) => store.putSync(key, value),
    putBatch: (keys, values) => store.putBatch(pairs(keys, values)),
    putBatchSync: (keys, values) => store.putBatchSync(pairs(keys, values)),
    get: (key) => store.get(key),
    getSync: (key) => store.getSync(key),
    getMany: (keys) => store.getMany(keys),
    getManySync: (keys) => store.getManySync(keys),
    scanSync: (from, limit, visit) => store.scanSync(from, limit, visit),
    async scan(from, limit, visit) {
      let count = 0;
      for await (const [key, value] of store.range({ gte: from, limit })) {
        visit(key, value);
        count++;
      }
      return count;
    },
    settle: () => store.settle(),
    close: () => store.close(),
  };
}

function pairs(keys, values) {
  return keys.map((key, i) => [key, values[i]]);
}
