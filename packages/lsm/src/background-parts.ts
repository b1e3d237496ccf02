/** What flushes, compactions and quarantine work with, and how one tells the others that something ended. */
import type { HandleCache } from '@coterie/sstable';
import type { LiveTables } from './live-version.ts';
import type { Settings } from './options.ts';
import type { Reserve } from './reserve.ts';
import type { Snapshots } from './snapshots.ts';
import type { StoreState } from './store-state.ts';
import type { VersionSet } from './version-set.ts';

/** What background work is made of. */
export interface BackgroundParts {
  readonly directory: string;
  readonly settings: Settings;
  readonly state: StoreState;
  readonly versions: VersionSet;
  readonly tables: LiveTables;
  readonly handles: HandleCache;
  readonly snapshots: Snapshots;
  readonly reserve: Reserve;
  /** Records up to this sequence are in tables. */
  readonly flushed: (sequence: number) => void;
  /** Room may have appeared, or never will. */
  readonly changed: () => void;
}

/** What a kind of work tells the others. */
export interface Work {
  /** Something ended: look for more to do. */
  readonly next: () => void;
}
