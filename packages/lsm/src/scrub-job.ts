/** Reads a whole table back from the disk and holds every part against its checksums and the others. Runs as a job, and changes nothing. */
import type { JobEnvironment } from '@coterie/env';
import { BlockCache, HandleCache } from '@coterie/sstable';
import { openStubbornly } from './open-table.ts';

/** What a check works on. */
export interface ScrubInput {
  readonly path: string;
}

/** Checks one table; returns its bytes. @throws CoterieError `CORRUPTION` with file and offset, `DISK_IO` */
export function* checkTable(environment: JobEnvironment, { path }: ScrubInput): Generator<void, number, void> {
  const handles = new HandleCache(environment.files, { maxOpen: 2 });
  try {
    const table = yield* openStubbornly({ handles, blocks: new BlockCache({ bytes: 0, slotBytes: 4096 }) }, path);
    const { bytes } = yield* table.verify();
    return bytes;
  } finally {
    handles.close();
  }
}
