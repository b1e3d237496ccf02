/**
 * The engines, ours first. Each adapter exports `name`, `title`, `packages` (for versions), `judged`, `notes` (the options
 * it is opened with) and `open(directory, settings)`, which resolves to an object with some of these forms:
 *
 * | form | meaning |
 * |---|---|
 * | `put(key, value)` `putSync` | done when handed to the system; in a store opened with `durable: true`, when on disk |
 * | `putBatch(keys, values)` `putBatchSync` | all or nothing |
 * | `get(key)` `getSync` `getMany(keys)` `getManySync` | the caller's own copy, or `undefined` |
 * | `scan(from, limit, visit)` `scanSync` | `visit(key, value)` with own copies, ascending from `from`; the count |
 * | `settle()` | all compaction that the engine offers is done |
 * | `close()` | |
 *
 * A form that an engine does not have is left out: it is then not in that row.
 * Settings: `{ durable, cacheBytes, writeBufferBytes }`.
 */
const modules = ['coterie', 'classic-level', 'lmdb', 'rocksdb', 'nxtedition-rocksdb', 'lmdb-writemap', 'sqlite'];

/** Names of all engines, ours first. */
export const engineNames = modules;

/** The adapter of an engine. @throws when its package is not installed */
export async function loadEngine(name) {
  if (!modules.includes(name)) throw new Error(`no engine called ${name}; there are ${modules.join(', ')}`);
  return import(`./${name}.mjs`);
}
