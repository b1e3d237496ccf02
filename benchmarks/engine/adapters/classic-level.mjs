/** LevelDB, through classic-level. It has no synchronous writes, multi-get or scans. */
import { ClassicLevel } from 'classic-level';

export const name = 'classic-level';
export const title = 'LevelDB';
export const packages = ['classic-level'];
export const judged = true;
export const notes =
  "cacheSize 256 MiB, writeBufferSize 16 MiB, compression false, maxOpenFiles 1000, keys and values as 'buffer'; durable: { sync: true }";

export async function open(directory, { durable, cacheBytes, writeBufferBytes }) {
  const db = new ClassicLevel(directory, {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    compression: false,
    cacheSize: cacheBytes,
    writeBufferSize: writeBufferBytes,
    maxOpenFiles: 1000,
  });
  await db.open();
  const write = { sync: durable };
  return {
    put: (key, value) => db.put(key, value, write),
    putBatch(keys, values) {
      const batch = db.batch(); // chained: a third faster than an array of operations
      for (let i = 0; i < keys.length; i++) batch.put(keys[i], values[i]);
      return batch.write(write);
    },
    get: (key) => db.get(key),
    getSync: (key) => db.getSync(key),
    getMany: (keys) => db.getMany(keys),
    getManySync: (keys) => keys.map((key) => db.getSync(key)),
    async scan(from, limit, visit) {
      const iterator = db.iterator({ gte: from, limit, highWaterMarkBytes: 256 * 1024 });
      let count = 0;
      for (;;) {
        const entries = await iterator.nextv(Math.min(limit - count, 1000));
        if (entries.length === 0) break;
        for (const [key, value] of entries) visit(key, value);
        count += entries.length;
        if (count >= limit) break;
      }
      await iterator.close();
      return count;
    },
    settle: () => db.compactRange(Buffer.from([0]), Buffer.from([255])),
    close: () => db.close(),
  };
}
