/** Entries, tables made of them, and the dumb twin that tables are held against. */
import { compareBytes, hash32, maxSequence, type RangeDelete } from '@coterie/bytes';
import fc from 'fast-check';
import { TableBuilder, type TableBuilderOptions, type TableProperties } from '../../src/builder.ts';
import { BlockCache, createLookup, HandleCache, Table, type TableContext, type TableCursor } from '../../src/index.ts';
import { MemoryFiles } from './memory-files.ts';

export interface Entry {
  readonly key: Uint8Array;
  readonly sequence: number;
  readonly type: number;
  readonly value: Uint8Array;
}

const encoder = new TextEncoder();
export const bytes = (text: string): Uint8Array => encoder.encode(text);
export const tableId: Uint8Array = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);

export function compareEntries(a: Entry, b: Entry): number {
  return compareBytes(a.key, b.key) || b.sequence - a.sequence;
}

/** Puts with keys like db_bench's, sequence = number + 1. */
export function numbered(count: number, valueBytes = 100): Entry[] {
  return Array.from({ length: count }, (_, i) => ({
    key: bytes(String(i).padStart(16, '0')),
    sequence: i + 1,
    type: 1,
    value: new Uint8Array(valueBytes).fill(i),
  }));
}

export interface World {
  readonly memory: MemoryFiles;
  readonly context: TableContext;
}

/** Fresh caches over `memory`, by default new and empty. */
export function world(options: { maxOpen?: number; cacheBytes?: number; slotBytes?: number; memory?: MemoryFiles } = {}): World {
  const memory = options.memory ?? new MemoryFiles();
  const handles = new HandleCache(memory.files, { maxOpen: options.maxOpen ?? 4 });
  const blocks = new BlockCache({ bytes: options.cacheBytes ?? 1 << 20, slotBytes: options.slotBytes ?? 4096 });
  return { memory, context: { handles, blocks } };
}

export function write(
  memory: MemoryFiles,
  path: string,
  entries: readonly Entry[],
  options: Partial<TableBuilderOptions> & { ranges?: readonly RangeDelete[] } = {},
): TableProperties {
  const file = memory.openSync(path, 'create');
  const builder = new TableBuilder(file, { tableId, expectedEntries: entries.length, ...options });
  for (const { key, sequence, type, value } of entries) {
    builder.add({
      keyBytes: key,
      keyStart: 0,
      keyEnd: key.length,
      sequence,
      type,
      valueBytes: value,
      valueStart: 0,
      valueEnd: value.length,
    });
  }
  for (const range of options.ranges ?? []) builder.addRangeDelete(range);
  const properties = builder.finish();
  file.closeSync();
  return properties;
}

/** A table in a world of its own. */
export function tableOf(
  entries: readonly Entry[],
  options: Partial<TableBuilderOptions> & { ranges?: readonly RangeDelete[] } = {},
  where: World = world(),
): Table {
  write(where.memory, 't', entries, options);
  return Table.openSync(where.context, 't');
}

export function find(table: Table, key: Uint8Array, sequence: number = maxSequence): Entry | undefined {
  const lookup = createLookup();
  lookup.key = key;
  lookup.keyHash = hash32(key, 0, key.length);
  lookup.maxSequence = sequence;
  if (!table.find(lookup)) return undefined;
  return { key, sequence: lookup.sequence, type: lookup.type, value: lookup.valueBytes.slice(lookup.valueStart, lookup.valueEnd) };
}

export function at(cursor: TableCursor): Entry | undefined {
  if (!cursor.valid) return undefined;
  const { keyBytes, keyStart, keyEnd, sequence, type, valueBytes, valueStart, valueEnd } = cursor;
  return { key: keyBytes.slice(keyStart, keyEnd), sequence, type, value: valueBytes.slice(valueStart, valueEnd) };
}

/** An entry in a line, to compare: expecting long arrays to be equal takes ages. */
export function line(entry: Entry | undefined): string {
  if (entry === undefined) return 'nothing';
  const { key, sequence, type, value } = entry;
  return `${Buffer.from(key).toString('hex')} @${sequence} type ${type}, ${value.length} bytes, hash ${hash32(value, 0, value.length)}`;
}

/** Short keys over few letters, so that they share prefixes, tie, end early and repeat; long ones now and then. */
export const anyKey: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 6, arbitrary: fc.array(fc.constantFrom(0, 0x61, 0x62, 0xff), { maxLength: 7 }).map((letters) => Uint8Array.from(letters)) },
  { weight: 3, arbitrary: fc.nat(3000).map((n) => bytes(String(n).padStart(12, '0'))) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom(120, 127, 128, 300), fc.nat(3))
      .map(([length, last]) => new Uint8Array(length).fill(0x61).fill(0x61 + last, length - 1)),
  },
);

const anySequence = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 1, max: 12 }) },
  { weight: 1, arbitrary: fc.constantFrom(2 ** 31, 2 ** 33, 2 ** 47, maxSequence) },
);

export const anyEntries: fc.Arbitrary<Entry[]> = fc
  .array(
    fc.record({
      key: anyKey,
      sequence: anySequence,
      type: fc.constantFrom(0, 1, 1, 1),
      valueBytes: fc.oneof(fc.nat(40), fc.constantFrom(127, 128, 600, 20_000)),
      fill: fc.nat(255),
    }),
    { maxLength: 120 },
  )
  .map((drafts) => {
    const entries = drafts.map(({ key, sequence, type, valueBytes, fill }) => ({
      key,
      sequence,
      type,
      value: new Uint8Array(type === 0 ? 0 : valueBytes).fill(fill),
    }));
    entries.sort(compareEntries);
    return entries.filter((entry, i) => i === 0 || compareEntries(entries[i - 1], entry) !== 0);
  });

/** Options from sensible to absurd. */
export const anyOptions: fc.Arbitrary<Partial<TableBuilderOptions>> = fc.record({
  blockBytes: fc.constantFrom(1, 20, 64, 300, 4096, 65_536),
  filterBitsPerKey: fc.constantFrom(0, 1, 10, 23),
  compression: fc.constantFrom('none' as const, 'deflate' as const),
});

/** Caches and handles from roomy to none. */
export const anyWorld: fc.Arbitrary<{ maxOpen: number; cacheBytes: number; slotBytes: number }> = fc.record({
  maxOpen: fc.constantFrom(1, 2, 8),
  cacheBytes: fc.constantFrom(0, 1, 600, 5000, 40_000, 1 << 20),
  slotBytes: fc.constantFrom(1, 512, 4096),
});
