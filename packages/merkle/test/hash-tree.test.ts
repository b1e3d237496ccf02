import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addAt,
  decodeSums,
  encodeSums,
  fanOut,
  HashTree,
  leafCount,
  leafOf,
  leafStart,
  noSums,
  type Sum64,
  sumAt,
  sumsOf,
  totalOf,
  zeroSum,
} from '../src/index.ts';

const word = fc.integer({ min: 0, max: 0xffffffff });
const sum64 = fc.record({ high: word, low: word });
const bigOf = ({ high, low }: Sum64): bigint => (BigInt(high) << 32n) | BigInt(low);
const wrap = (value: bigint): bigint => BigInt.asUintN(64, value);

/** The dumb twin: what every key's hash is, added up when asked. */
class Twin {
  readonly hashes = new Map<string, { readonly leaf: number; readonly hash: Sum64 }>();

  sum(holds: (leaf: number) => boolean): bigint {
    let sum = 0n;
    for (const { leaf, hash } of this.hashes.values()) if (holds(leaf)) sum = wrap(sum + bigOf(hash));
    return sum;
  }
}

function expectEqual(tree: HashTree, twin: Twin): void {
  expect(bigOf(tree.root)).toBe(twin.sum(() => true));
  const groups = noSums(fanOut);
  tree.addGroupsTo(groups);
  for (let group = 0; group < fanOut; group++) {
    expect(bigOf(sumAt(groups, group))).toBe(twin.sum((leaf) => Math.floor(leaf / fanOut) === group));
  }
  for (const leaf of new Set([...twin.hashes.values()].map((key) => key.leaf))) {
    expect(bigOf(tree.leaf(leaf))).toBe(twin.sum((other) => other === leaf));
    const leaves = noSums(fanOut);
    tree.addLeavesTo(leaves, Math.floor(leaf / fanOut));
    expect(sumAt(leaves, leaf % fanOut)).toEqual(tree.leaf(leaf));
  }
}

describe('a tree of sums', () => {
  it('equals its twin, which adds everything up anew', () => {
    // Few leaves, so that keys share them and the table fills, grows and becomes dense.
    const change = fc.record({ key: fc.nat(400), leaf: fc.nat(leafCount - 1), hash: fc.option(sum64, { nil: zeroSum }) });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 300, size: 'max' }), (changes) => {
        const tree = new HashTree();
        const twin = new Twin();
        for (const { key, leaf, hash } of changes) {
          const before = twin.hashes.get(`${leaf}/${key}`)?.hash ?? zeroSum;
          tree.change(leaf, before, hash);
          twin.hashes.set(`${leaf}/${key}`, { leaf, hash });
        }
        expectEqual(tree, twin);
      }),
      { numRuns: 50 },
    );
  });

  it('keeps to itself, however many grow beside it in what others have outgrown', () => {
    const change = fc.record({ which: fc.nat(9), leaf: fc.nat(leafCount - 1), hash: sum64 });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 2000, size: 'max' }), (changes) => {
        const trees = Array.from({ length: 10 }, () => ({ tree: new HashTree(), twin: new Twin() }));
        for (const [number, { which, leaf, hash }] of changes.entries()) {
          trees[which].tree.change(leaf, zeroSum, hash);
          trees[which].twin.hashes.set(`${number}`, { leaf, hash });
        }
        for (const { tree, twin } of trees) expectEqual(tree, twin);
      }),
      { numRuns: 5 },
    );
  });

  it('holds all leaves, and what few leaves take is little', () => {
    const few = new HashTree();
    const all = new HashTree();
    for (let leaf = 0; leaf < leafCount; leaf++) {
      all.set(leaf, { high: leaf, low: 0xffffffff });
      if (leaf % 512 === 0) few.set(leaf, { high: 1, low: leaf });
    }
    for (let leaf = 0; leaf < leafCount; leaf++) {
      expect(all.leaf(leaf)).toEqual({ high: leaf, low: 0xffffffff });
      expect(few.leaf(leaf)).toEqual(leaf % 512 === 0 ? { high: 1, low: leaf } : zeroSum);
    }
    // Side by side, and the root.
    expect(all.bytes).toBe(32_768 + 8);
    expect(few.bytes).toBeLessThan(400);
  });

  it('forgets leaves that came back to nothing', () => {
    const tree = new HashTree();
    for (let leaf = 0; leaf < leafCount; leaf++) {
      tree.set(leaf, { high: 3, low: leaf });
      tree.set(leaf, zeroSum);
    }
    expect(tree.root).toEqual(zeroSum);
    expect(tree.bytes).toBeLessThan(1000);
  });
});

describe('sums', () => {
  it('add and wrap like 64-bit integers, and travel', () => {
    fc.assert(
      fc.property(fc.array(sum64), (list) => {
        const sums = sumsOf(list);
        expect(bigOf(totalOf(sums))).toBe(list.reduce((sum, one) => wrap(sum + bigOf(one)), 0n));
        expect(decodeSums(encodeSums(sums))).toEqual(sums);
      }),
    );
    const row = sumsOf([{ high: 0xffffffff, low: 0xffffffff }]);
    addAt(row, 0, { high: 0, low: 1 });
    expect(sumAt(row, 0)).toEqual(zeroSum);
    expect(() => decodeSums(new Uint8Array(9))).toThrow(expect.objectContaining({ code: 'PROTOCOL' }));
  });
});

describe('leaves', () => {
  it('are stretches of tokens, in order', () => {
    fc.assert(
      fc.property(word, fc.integer({ min: 0, max: 16 }), (high, bits) => {
        const partitions = 2 ** bits;
        const place = leafOf(high, partitions);
        expect(place.partition).toBe(Math.floor(high / (2 ** 32 / partitions)));
        const start = leafStart(place, partitions);
        expect(high).toBeGreaterThanOrEqual(start);
        expect(high).toBeLessThan(leafStart({ ...place, leaf: place.leaf + 1 }, partitions));
      }),
    );
  });
});
