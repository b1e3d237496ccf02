/** RocksDB 6, through level's own `rocksdb`: asynchronous forms only, on the thread pool. */
import { promisify } from 'node:util';
import rocksdb from 'rocksdb';

export const name = 'rocksdb';
export const title = 'RocksDB (rocksdb)';
export const packages = ['rocksdb'];
export const judged = true;
export const notes = 'cacheSize 256 MiB, writeBufferSize 16 MiB, compression false; durable: { sync: true }';

export async function open(directory, { durable, cacheBytes, writeBufferBytes }) {
  const db = rocksdb(directory);
  await promisify(db.open.bind(db))({ compression: false, cacheSize: cacheBytes, writeBufferSize: writeBufferBytes });
  const write = { sync: durable };
  return {
    put: (key, value) => settled((done) => db.put(key, value, write, done)),
    putBatch(keys, values) {
      const batch = db.batch(); // chained: faster than an array of operations
      for (let i = 0; i < keys.length; i++) batch.put(keys[i], values[i]);
      return settled((done) => batch.write(write, done));
    },
    get: (key) =>
      new Promise((resolve, reject) => {
        db.get(key, (error, value) => {
          if (error === null || error === undefined) resolve(value);
          else if (/notfound/i.test(error.message)) resolve(undefined);
          else reject(error);
        });
      }),
    getMany: (keys) => settled((done) => db.getMany(keys, done)),
    scan: (from, limit, visit) => scan(db, from, limit, visit),
    settle: () => settled((done) => db.compactRange(Buffer.from([0]), Buffer.from([255]), done)),
    close: () => settled((done) => db.close(done)),
  };
}

function settled(start) {
  return new Promise((resolve, reject) => {
    start((error, value) => {
      if (error) reject(error);
      else resolve(value);
    });
  });
}

/** The binding reads ahead in blocks of `highWaterMark` and answers most `next` calls from them, in the same turn. */
function scan(db, from, limit, visit) {
  const iterator = db.iterator({ gte: from, limit, highWaterMark: 256 * 1024 });
  let count = 0;
  return new Promise((resolve, reject) => {
    const step = (error, key, value) => {
      if (error) {
        iterator.end(() => reject(error));
      } else if (key === undefined) {
        iterator.end((failed) => (failed ? reject(failed) : resolve(count)));
      } else {
        visit(key, value);
        count++;
        iterator.next(step);
      }
    };
    iterator.next(step);
  });
}
