/** SQLite, through better-sqlite3: printed for orientation, not judged. Synchronous only. */
import { join } from 'node:path';
import Database from 'better-sqlite3';

export const name = 'sqlite';
export const title = 'SQLite';
export const packages = ['better-sqlite3'];
export const judged = false;
export const notes =
  'one table (k blob primary key, v blob) without rowid, journal_mode WAL, cache_size 256 MiB, wal_autocheckpoint 16 MiB; not durable: synchronous OFF; durable: FULL';

export async function open(directory, { durable, cacheBytes, writeBufferBytes }) {
  const db = new Database(join(directory, 'store.db'));
  db.pragma('journal_mode = WAL');
  db.pragma(`synchronous = ${durable ? 'FULL' : 'OFF'}`);
  db.pragma(`cache_size = ${-cacheBytes / 1024}`);
  db.pragma(`wal_autocheckpoint = ${writeBufferBytes / 4096}`);
  db.exec('CREATE TABLE IF NOT EXISTS store (k BLOB PRIMARY KEY, v BLOB) WITHOUT ROWID');
  const insert = db.prepare('INSERT INTO store VALUES (?, ?) ON CONFLICT (k) DO UPDATE SET v = excluded.v');
  const select = db.prepare('SELECT v FROM store WHERE k = ?').pluck();
  const ascend = db.prepare('SELECT k, v FROM store WHERE k >= ? ORDER BY k LIMIT ?').raw();
  const putSync = (key, value) => void insert.run(key, value);
  return {
    putSync,
    putBatchSync: db.transaction((keys, values) => {
      for (let i = 0; i < keys.length; i++) insert.run(keys[i], values[i]);
    }),
    getSync: (key) => select.get(key),
    getManySync: (keys) => keys.map((key) => select.get(key)),
    scanSync(from, limit, visit) {
      let count = 0;
      for (const [key, value] of ascend.iterate(from, limit)) {
        visit(key, value);
        count++;
      }
      return count;
    },
    settle: async () => void db.pragma('wal_checkpoint(TRUNCATE)'),
    close: async () => void db.close(),
  };
}
