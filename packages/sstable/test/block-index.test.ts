import { compareBytes } from '@coterie/bytes';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BlockIndex } from '../src/block-index.ts';
import { IndexWriter } from '../src/index-writer.ts';
import { anyKey, bytes } from './support/tables.ts';

interface Block {
  readonly first: Uint8Array;
  readonly last: Uint8Array;
}

function common(a: Uint8Array, b: Uint8Array): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
}

function indexOf(blocks: readonly Block[]): BlockIndex {
  const writer = new IndexWriter();
  blocks.forEach(({ first }, i) => {
    writer.begin(first, i === 0 ? 0 : common(blocks[i - 1].last, first));
    writer.end(100 + i);
  });
  return new BlockIndex(writer.finish());
}

/** Runs of sorted keys cut into blocks of a few; keys repeat, so that some blocks are continued. */
const anyBlocks: fc.Arbitrary<Block[]> = fc
  .tuple(fc.array(anyKey, { minLength: 1, maxLength: 400 }), fc.integer({ min: 1, max: 3 }), fc.constantFrom('', 'a long common prefix '))
  .map(([keys, perBlock, prefix]) => {
    const sorted = keys.map((key) => Uint8Array.from([...bytes(prefix), ...key])).sort(compareBytes);
    const blocks: Block[] = [];
    for (let i = 0; i < sorted.length; i += perBlock)
      blocks.push({ first: sorted[i], last: sorted[Math.min(i + perBlock, sorted.length) - 1] });
    return blocks;
  });

/** The block to begin a search for `key` in: the last one that begins at or before it, and before all with equal keys. */
function expected(blocks: readonly Block[], key: Uint8Array): number {
  let block = Math.max(
    0,
    blocks.findLastIndex(({ first }) => compareBytes(first, key) <= 0),
  );
  while (block > 0 && compareBytes(blocks[block].first, key) === 0 && compareBytes(blocks[block - 1].last, key) === 0) block--;
  return block;
}

function check(blocks: readonly Block[], key: Uint8Array): void {
  const found = indexOf(blocks).firstBlockOf(key);
  const block = expected(blocks, key);
  // Separators may lie below first keys: a key between two blocks may be sent to the later one.
  if (found !== block) {
    expect(found).toBe(block + 1);
    expect(compareBytes(blocks[block].last, key)).toBeLessThan(0);
  }
}

describe('an index', () => {
  it('names the block that can hold a key', () => {
    fc.assert(
      fc.property(anyBlocks, anyKey, fc.constantFrom('', 'a long common prefix '), (blocks, key, prefix) =>
        check(blocks, Uint8Array.from([...bytes(prefix), ...key])),
      ),
      { numRuns: 1000 },
    );
  });

  it('names the block that holds a key', () => {
    fc.assert(
      fc.property(anyBlocks, (blocks) => {
        const index = indexOf(blocks);
        for (const { first, last } of blocks) {
          expect(index.firstBlockOf(first)).toBe(expected(blocks, first));
          expect(index.firstBlockOf(last)).toBe(expected(blocks, last));
        }
      }),
      { numRuns: 200 },
    );
  });

  it('searches many blocks, level by level', () => {
    for (const keyOf of [
      (n: number) => String(n).padStart(16, '0'),
      (n: number) => `user:${n % 2 === 0 ? 'a' : 'b'}/the same for all of them/${String(n).padStart(7, '0')}`,
    ]) {
      const keys = Array.from({ length: 20_000 }, (_, n) => bytes(keyOf(n))).sort(compareBytes);
      const blocks: Block[] = [];
      for (let i = 0; i < keys.length; i += 2) blocks.push({ first: keys[i], last: keys[i + 1] });
      const index = indexOf(blocks);
      keys.forEach((key, i) => {
        if (index.blockOf(key) !== i >> 1) throw new Error(`key ${i} sent to block ${index.blockOf(key)}`);
      });
      expect(index.blockOf(bytes(''))).toBe(0);
      expect(index.blockOf(Uint8Array.of(0xff))).toBe(blocks.length - 1);
    }
  });

  it('keeps separators as short as they can be', () => {
    const index = indexOf([
      { first: bytes('apple'), last: bytes('banana') },
      { first: bytes('blueberry'), last: bytes('cherry') },
      { first: bytes('cherrypick'), last: bytes('date') },
      { first: bytes('date'), last: bytes('elder') },
    ]);
    expect([1, 2, 3].map((block) => new TextDecoder().decode(index.separator(block)))).toEqual(['bl', 'cherryp', 'date']);
    expect([1, 2, 3].map((block) => index.isContinued(block))).toEqual([false, false, true]);
    expect([...index.offsets]).toEqual([0, 100, 201, 303, 406]);
  });

  it('refuses sections that make no sense', () => {
    for (const section of [
      [],
      [5, 0],
      [1, 0, 3, 0],
      [1, 0, 100, 0, 9],
      [2, 0, 100, 0, 100, 4, 1],
      [3, 0, 100, 0, 100, 4, 5, 5, 100, 2, 4],
      [2, 0, 100, 0, 100, 0],
    ]) {
      expect(() => new BlockIndex(Uint8Array.from(section))).toThrow(expect.objectContaining({ code: 'CORRUPTION' }));
    }
  });
});
