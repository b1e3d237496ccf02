import { isCoterieError } from '@coterie/env';
import { describe, expect, it } from 'vitest';
import { decodeFooter, encodeFooter, footerBytes } from '../src/footer.ts';
import { Sealer, writeU32 } from '../src/format.ts';
import { salvage, Table } from '../src/index.ts';
import { at, bytes, type Entry, find, line, numbered, world, type World, write } from './support/tables.ts';

const ranges = [{ from: bytes('b'), to: bytes('d'), sequence: 9 }];

/** Opens, verifies and reads everything in table `t`; what it says must be right or an error that names the place. */
function readAll(where: World, entries: readonly Entry[]): void {
  const table = Table.openSync(where.context, 't');
  expect(table.rangeDeletes).toEqual(ranges);
  for (const entry of entries) same(find(table, entry.key), entry);
  const cursor = table.cursor({ access: 'read', fillCache: false });
  let i = 0;
  for (cursor.seekToFirst(); cursor.valid; cursor.next()) same(at(cursor), entries[i++]);
  expect(i).toBe(entries.length);
  for (const _ of table.verify());
}

/** Plain, as it is asked a million times. */
function same(found: Entry | undefined, entry: Entry): void {
  if (line(found) !== line(entry)) throw new Error(`${line(found)} instead of ${line(entry)}`);
}

function problemOf(run: () => void): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}

function expectCorruption(error: unknown, fileBytes: number): void {
  if (!isCoterieError(error, 'CORRUPTION')) throw error ?? new Error('not noticed');
  expect(error.details.file).toBe('t');
  expect(error.details.offset).toBeGreaterThanOrEqual(0);
  expect(error.details.offset).toBeLessThanOrEqual(fileBytes);
}

describe('damage', () => {
  it('of any byte of a table is noticed', () => {
    for (const compression of ['none', 'deflate'] as const) {
      const entries = numbered(24, 12);
      const { memory } = world();
      const { fileBytes } = write(memory, 't', entries, { ranges, blockBytes: 256, compression });
      for (let offset = 0; offset < fileBytes; offset++) {
        memory.flip('t', offset, 1 << (offset % 8));
        const error = problemOf(() => readAll(world({ memory }), entries));
        memory.flip('t', offset, 1 << (offset % 8));
        expectCorruption(error, fileBytes);
      }
    }
  });

  it('is noticed when the file is cut or grows', () => {
    const entries = numbered(24, 12);
    const { memory } = world();
    const { fileBytes } = write(memory, 't', entries, { ranges });
    const whole = memory.contents.get('t') as Uint8Array;
    for (let length = 0; length < fileBytes; length += 7) {
      memory.contents.set('t', whole.slice(0, length));
      expectCorruption(
        problemOf(() => readAll(world({ memory }), entries)),
        fileBytes,
      );
    }
    const longer = new Uint8Array(fileBytes + 1);
    longer.set(whole);
    memory.contents.set('t', longer);
    expectCorruption(
      problemOf(() => readAll(world({ memory }), entries)),
      fileBytes + 1,
    );
  });

  it('is a block in the place of another, of the same table or of one like it', () => {
    const entries = Array.from({ length: 60 }, (_, i) => ({ ...numbered(1)[0], key: Uint8Array.of(i, 1, 2, 3), sequence: 1 }));
    const { memory } = world();
    write(memory, 't', entries, { ranges, blockBytes: 1000 });
    write(memory, 'u', entries, { ranges, blockBytes: 1000, tableId: Uint8Array.of(8, 7, 6, 5, 4, 3, 2, 1) });
    const { context } = world({ memory });
    const { offsets } = Table.openSync(context, 't').index;
    const [first, second, third] = offsets;
    expect(second - first).toBe(third - second);
    const whole = (memory.contents.get('t') as Uint8Array).slice();
    for (const donor of [whole.slice(second, third), (memory.contents.get('u') as Uint8Array).slice(first, second)]) {
      const changed = whole.slice();
      changed.set(donor, first);
      memory.contents.set('t', changed);
      const error = problemOf(() => readAll(world({ memory }), entries));
      expect(error).toMatchObject({ code: 'CORRUPTION', details: { file: 't', offset: first } });
    }
    memory.contents.set('linked', whole);
    expect(line(find(Table.openSync(context, 'linked'), entries[7].key))).toBe(line(entries[7]));
  });

  it('of some blocks leaves the others to be salvaged', () => {
    const entries = numbered(200);
    const { memory, context } = world();
    write(memory, 't', entries);
    const table = Table.openSync(context, 't');
    const { offsets } = table.index;
    memory.flip('t', offsets[1] + 50);
    const saved: number[] = [];
    const lost: number[] = [];
    const visiting = salvage(table, {
      entry: ({ keyBytes, keyStart, keyEnd, sequence, type, valueBytes, valueStart, valueEnd }) => {
        const entry = { key: keyBytes.slice(keyStart, keyEnd), sequence, type, value: valueBytes.slice(valueStart, valueEnd) };
        same(entry, entries[sequence - 1]);
        saved.push(sequence);
      },
      lost: ({ offset, bytes: length }) => {
        expect(length).toBe(offsets[2] - offsets[1]);
        lost.push(offset);
      },
    });
    while (visiting.next().done !== true);
    expect(lost).toEqual([offsets[1]]);
    expect(saved.length).toBeGreaterThan(100);
    expect(saved.length).toBeLessThan(200);
  });

  it('is told from a codec of a later version', () => {
    const { memory, context } = world();
    const { tableId: id } = write(memory, 't', numbered(3));
    const end = Table.openSync(context, 't').index.offsets[1];
    const file = memory.contents.get('t') as Uint8Array;
    file[end - 5] = 2;
    writeU32(file, end - 4, new Sealer(id).seal(file.subarray(0, end - 4), 0));
    expect(() => find(Table.openSync(context, 't'), numbered(3)[0].key)).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED_FORMAT', details: { file: 't', offset: 0 } }),
    );
  });

  it('is told from a newer format', () => {
    const footer = { tableId: new Uint8Array(8), dataBytes: 0, sections: { filter: 0, index: 0, rangeDeletes: 0, properties: 0 } };
    const end = encodeFooter(footer, 0);
    expect(decodeFooter(end, footerBytes, 't')).toEqual(footer);
    const newer = end.slice();
    writeU32(newer, footerBytes - 16, 2);
    expect(() => decodeFooter(newer, footerBytes, 't')).toThrow(expect.objectContaining({ code: 'CORRUPTION' }));
    writeU32(newer, footerBytes - 12, new Sealer(new Uint8Array(8)).seal(newer.subarray(0, footerBytes - 12), 0));
    expect(() => decodeFooter(newer, footerBytes, 't')).toThrow(expect.objectContaining({ code: 'UNSUPPORTED_FORMAT' }));
  });
});
