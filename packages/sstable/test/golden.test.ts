/**
 * Files of each released version, read for ever. `COTERIE_WRITE_GOLDEN=1` writes those of this version anew, which is
 * right only before its release.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Table } from '../src/index.ts';
import { MemoryFiles } from './support/memory-files.ts';
import { at, bytes, compareEntries, type Entry, find, line, numbered, tableId, world, write } from './support/tables.ts';

const golden = (name: string): URL => new URL(`./golden/${name}`, import.meta.url);

/** Numbers, versions of one key over several blocks, a deletion, a long value, far sequences. */
const entries: Entry[] = [
  ...numbered(150, 30),
  ...Array.from({ length: 40 }, (_, i) => ({ key: bytes('versions'), sequence: 500 - i, type: 1, value: bytes(`of one key, ${i}`) })),
  { key: bytes('deleted'), sequence: 600, type: 0, value: new Uint8Array(0) },
  { key: bytes('long'), sequence: 2 ** 40, type: 1, value: new Uint8Array(3000).fill(0x6c) },
].sort(compareEntries);
const ranges = [{ from: bytes('a'), to: bytes('b'), sequence: 700 }];
const options = { blockBytes: 512, ranges };

function written(compression: 'none' | 'deflate'): Uint8Array {
  const memory = new MemoryFiles();
  write(memory, 't', entries, { ...options, compression });
  return memory.contents.get('t') as Uint8Array;
}

describe('golden files', () => {
  for (const [name, compression] of [
    ['v1.table', 'none'],
    ['v1-deflate.table', 'deflate'],
  ] as const) {
    it(`${name} is read`, () => {
      if (process.env['COTERIE_WRITE_GOLDEN'] !== undefined) writeFileSync(golden(name), written(compression));
      const memory = new MemoryFiles();
      memory.contents.set('t', new Uint8Array(readFileSync(golden(name))));
      const table = Table.openSync(world({ memory }).context, 't');
      expect(table.rangeDeletes).toEqual(ranges);
      expect(table.index.anyContinued).toBe(true);
      for (const entry of entries) expect(line(find(table, entry.key, entry.sequence))).toBe(line(entry));
      const cursor = table.cursor({ access: 'read' });
      for (const [i, entry] of entries.entries()) {
        if (i === 0) cursor.seekToFirst();
        else cursor.next();
        expect(line(at(cursor))).toBe(line(entry));
      }
      cursor.release();
      for (const slice of table.verify()) expect(slice).toBeUndefined();
    });
  }

  it('are what the builder writes', () => {
    // Not the deflated one: each version of zlib may compress in its own way.
    expect(Buffer.from(written('none')).equals(readFileSync(golden('v1.table')))).toBe(true);
  });

  it('the format document shows the bytes of its example', () => {
    const page = readFileSync(new URL('../../../docs/formats/sstable.md', import.meta.url), 'utf8');
    const dump = [...page.matchAll(/^[0-9a-f]{4} {2}((?:[0-9a-f]{2} ?)+)$/gm)].map(([, hex]) => hex).join(' ');
    const memory = new MemoryFiles();
    const put = (key: string, sequence: number, value: string): Entry => ({ key: bytes(key), sequence, type: 1, value: bytes(value) });
    const example = [put('apple', 5, 'red'), { ...put('apricot', 3, ''), type: 0 }, put('banana', 4, 'yellow')];
    write(memory, 't', example, { tableId, blockBytes: 64, ranges: [{ from: bytes('b'), to: bytes('c'), sequence: 2 }] });
    expect(dump).toBe(
      Buffer.from(memory.contents.get('t') as Uint8Array)
        .toString('hex')
        .replace(/..(?=.)/g, '$& '),
    );
  });
});
