/**
 * Opens a table file: reads the footer and the sections, which stay in memory, and checks them. Two reads: the end of
 * the file, then all sections at once.
 */
import type { RangeDelete } from '@coterie/bytes';
import { isCoterieError } from '@coterie/env';
import type { BlockCache } from './block-cache.ts';
import { BlockIndex } from './block-index.ts';
import { Filter } from './filter.ts';
import { decodeFooter, type Footer, footerBytesMax, storedSectionBytes } from './footer.ts';
import { corruption, readU32, Sealer } from './format.ts';
import type { HandleCache } from './handle-cache.ts';
import { boundsOf, decodeProperties, decodeRangeDeletes, type TableProperties } from './properties.ts';

/** What tables share. */
export interface TableContext {
  readonly handles: HandleCache;
  readonly blocks: BlockCache;
}

/** A table's parts in memory. */
export interface TableParts {
  readonly path: string;
  readonly properties: TableProperties;
  readonly rangeDeletes: readonly RangeDelete[];
  readonly filter: Filter;
  readonly index: BlockIndex;
  readonly sealer: Sealer;
  readonly memoryBytes: number;
}

/** Reads the parts of the table at `path`. @throws CoterieError `CORRUPTION`, `UNSUPPORTED_FORMAT`, `DISK_IO` */
export async function readParts({ handles }: TableContext, path: string): Promise<TableParts> {
  const file = await handles.acquire(path);
  try {
    const fileBytes = await file.handle.size();
    const end = new Uint8Array(Math.min(fileBytes, footerBytesMax));
    checkLength(await file.handle.read(end, 0, end.length, fileBytes - end.length), end.length, path);
    const footer = decodeFooter(end, fileBytes, path);
    const sections = new Uint8Array(sectionsBytes(footer));
    checkLength(await file.handle.read(sections, 0, sections.length, footer.dataBytes), sections.length, path);
    return decodeParts({ path, fileBytes, footer, sections });
  } finally {
    handles.release(file);
  }
}

/** The sync form of `readParts`. */
export function readPartsSync({ handles }: TableContext, path: string): TableParts {
  const file = handles.acquireSync(path);
  try {
    const fileBytes = file.handle.sizeSync();
    const end = new Uint8Array(Math.min(fileBytes, footerBytesMax));
    checkLength(file.handle.readSync(end, 0, end.length, fileBytes - end.length), end.length, path);
    const footer = decodeFooter(end, fileBytes, path);
    const sections = new Uint8Array(sectionsBytes(footer));
    checkLength(file.handle.readSync(sections, 0, sections.length, footer.dataBytes), sections.length, path);
    return decodeParts({ path, fileBytes, footer, sections });
  } finally {
    handles.release(file);
  }
}

interface RawParts {
  readonly path: string;
  readonly fileBytes: number;
  readonly footer: Footer;
  readonly sections: Uint8Array;
}

function decodeParts({ path, fileBytes, footer, sections }: RawParts): TableParts {
  const { tableId, dataBytes } = footer;
  const sealer = new Sealer(tableId);
  const lengths = footer.sections;
  let at = 0;
  function next<T>(length: number, decode: (payload: Uint8Array) => T): T {
    const payload = sections.subarray(at, at + length);
    const offset = dataBytes + at;
    at += storedSectionBytes(length);
    if (length > 0 && sealer.seal(payload, offset) !== readU32(sections, at - 4))
      throw corruption(path, offset, 'section checksum differs');
    try {
      return decode(payload);
    } catch (error) {
      throw isCoterieError(error, 'CORRUPTION') ? corruption(path, offset, error.message) : error;
    }
  }
  // The filter stays, so it gets bytes of its own: a view would keep all sections.
  const filter = next(lengths.filter, (payload) => new Filter(payload.slice()));
  const index = next(lengths.index, (payload) => new BlockIndex(payload));
  const rangeDeletes = next(lengths.rangeDeletes, decodeRangeDeletes);
  const stored = next(lengths.properties, decodeProperties);
  if (index.offsets[index.blocks] !== dataBytes) throw corruption(path, dataBytes, 'the index does not cover the data');
  const sizes = { fileBytes, blockCount: index.blocks, filterBytes: lengths.filter, indexBytes: lengths.index };
  const properties = { ...stored, ...sizes, ...boundsOf(stored, rangeDeletes), tableId, rangeDeletes: rangeDeletes.length };
  const memoryBytes = lengths.filter + index.memoryBytes + index.blocks * 4 + lengths.rangeDeletes;
  return { path, properties, rangeDeletes, filter, index, sealer, memoryBytes };
}

function sectionsBytes({ sections }: Footer): number {
  const { filter, index, rangeDeletes, properties } = sections;
  return [filter, index, rangeDeletes, properties].reduce((sum, length) => sum + storedSectionBytes(length), 0);
}

function checkLength(got: number, wanted: number, path: string): void {
  if (got !== wanted) throw corruption(path, got, 'the file ends too early');
}
