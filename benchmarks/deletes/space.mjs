/** What a node's data directory takes on disk, in allocated bytes, by kind of file. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Kinds by where a file lies, the first that fits. */
const kinds = [
  ['reserve', /(^|\/)RESERVE$/],
  ['log', /(^|\/)log\//],
  ['tables', /\.sst$/],
  ['manifest', /(^|\/)(MANIFEST|CURRENT)/],
];

/** Allocated bytes of each kind. */
export function spaceByKind(directory) {
  const space = { reserve: 0, log: 0, tables: 0, manifest: 0, rest: 0 };
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath ?? entry.path, entry.name);
    const kind = entry.isDirectory() ? 'rest' : (kinds.find(([, pattern]) => pattern.test(path))?.[0] ?? 'rest');
    try {
      space[kind] += statSync(path).blocks * 512;
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
    }
  }
  return space;
}

/** All kinds together. */
export function addedUp(space) {
  return Object.values(space).reduce((sum, bytes) => sum + bytes, 0);
}
