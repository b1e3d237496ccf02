/** Walks over the live entries of a store on disk, in key order, without changing it. */
import { dumpLog } from '@coterie/commit-log';
import { type Environment, joinPath } from '@coterie/env';
import { maxSequence } from '@coterie/bytes';
import { ArenaPool } from '../arena-pool.ts';
import { LiveTables, LiveVersion } from '../live-version.ts';
import { logDirectoryName } from '../names.ts';
import { StoreState } from '../store-state.ts';
import { emptyVersion, tablesOf } from '../version.ts';
import { Applier } from '../applier.ts';
import { manifestOf, type Offline, offline, openTable } from './offline.ts';

const arenaBytes: number = 16 * 2 ** 20;
const readAheadBytes: number = 256 * 1024;
/** Entries handed out before other work of the process gets a turn. */
const entriesPerTurn = 1000;

/** Calls `visit` for each live entry. @throws CoterieError `LOCKED`, `CORRUPTION`, `UNSUPPORTED_FORMAT`, `DISK_IO` */
export async function dumpStore(
  directory: string,
  environment: Environment,
  visit: (key: Uint8Array, value: Uint8Array) => void,
): Promise<void> {
  await offline(directory, environment, async (store) => {
    const cursor = (await stateOf(store)).view.cursor({ access: 'read', readAheadBytes });
    try {
      cursor.startForward(undefined, maxSequence);
      for (let count = 1; cursor.next(); count++) {
        visit(cursor.keyBytes.slice(0, cursor.keyEnd), cursor.valueBytes.slice(cursor.valueStart, cursor.valueEnd));
        if (count % entriesPerTurn === 0) await environment.timers.turn();
      }
    } finally {
      cursor.release();
    }
  });
}

async function stateOf(store: Offline): Promise<StoreState> {
  const { directory, files, environment } = store;
  const manifest = await manifestOf(store);
  const tables = new LiveTables({ files, log: environment.log, directory });
  for (const meta of tablesOf(manifest?.version ?? emptyVersion)) tables.add(meta, await openTable(store, meta.number));
  const state = new StoreState(directory, new ArenaPool(arenaBytes), new LiveVersion(manifest?.version ?? emptyVersion, tables));
  const applier = new Applier(state);
  await dumpLog(joinPath(directory, logDirectoryName), files, ({ payload, firstSequence }) => {
    if (firstSequence > (manifest?.flushedSequence ?? 0)) applier.replay(payload, 0, payload.length, firstSequence);
  });
  return state;
}
