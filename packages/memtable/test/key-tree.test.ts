import { compareBytes } from '@coterie/bytes';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { noPlace } from '../src/key-order.ts';
import { KeyTree } from '../src/key-tree.ts';
import { recordWords } from '../src/layout.ts';
import { Records } from '../src/records.ts';
import { keyOf } from './drive.ts';

const count = 6000;
const cases = process.env['COTERIE_LONG'] ? 300 : 8;

/** Distinct keys in the order in which they are added; enough of them for three levels. */
const orders: Record<string, (seed: number) => string[]> = {
  ascending: () => numbers().map((i) => digits(i)),
  descending: () => numbers().map((i) => digits(count - i)),
  'streams side by side': () => numbers().map((i) => `${['alpha', 'beta', 'b'][i % 3]}/${digits(i)}`),
  'streams running down': () => numbers().map((i) => `${['alpha', 'beta', 'b'][i % 3]}/${digits(count - i)}`),
  'rising, then falling into the gap after': () => numbers().map((i) => (i < 1000 ? `a${digits(i)}` : `b${digits(count - i)}`)),
  shuffled: (seed) =>
    shuffle(
      numbers().map((i) => digits(i)),
      seed,
    ),
  'shuffled, long common prefixes': (seed) =>
    shuffle(
      numbers().map((i) => `${'prefix'.repeat(i % 7)}${digits(i % 100)}${digits(i)}`),
      seed,
    ),
  'prefixes of each other': (seed) =>
    shuffle(
      numbers().map((i) => `${'\x00'.repeat(i % 50)}${'\xff'.repeat(i % 7)}${String.fromCharCode(i & 0xff)}${'\x00'.repeat(i % 11)}`),
      seed,
    ),
  'the common prefix shrinks late': () => [
    ...numbers().map((i) => `${'a'.repeat(40)}${digits((i * 7919) % count)}`),
    ...numbers()
      .slice(0, 40)
      .map((i) => 'a'.repeat(40 - i) + (i % 2 ? 'Z' : 'z') + 'y'.repeat((i * 7) % 30)),
    'b',
    'A',
  ],
};

describe('the tree of keys', () => {
  test.each(Object.keys(orders))('keeps order: %s', (name) => {
    fc.assert(
      fc.property(fc.nat(), (seed) => check([...new Set(orders[name](seed))], seed)),
      { numRuns: name.startsWith('shuffled') ? cases : Math.ceil(cases / 5) },
    );
  });

  test('holds ascending keys, in one stream or several, in full nodes', () => {
    for (const name of ['ascending', 'streams side by side']) {
      const keys = orders[name](0);
      const { tree } = build(keys);
      expect(tree.usedBytes / keys.length, name).toBeLessThan(10.5);
    }
  });

  test('holds keys that descend or come at random in nodes half full or more', () => {
    for (const name of [
      'descending',
      'streams running down',
      'rising, then falling into the gap after',
      'shuffled',
      'shuffled, long common prefixes',
    ]) {
      const keys = orders[name](1);
      const { tree } = build(keys);
      expect(tree.usedBytes / keys.length, name).toBeLessThan(22);
    }
  });
});

function check(keys: string[], seed: number): void {
  const { tree, records } = build(keys);
  const sorted = keys.map(keyOf).sort(compareBytes);
  const list = new Int32Array(keys.length);
  tree.list(list, 0);
  expect(tree.count).toBe(keys.length);
  expect(sorted.findIndex((key, i) => compareBytes(key, keyAt(records, list[i])) !== 0)).toBe(-1);
  const place = noPlace();
  for (const probe of shuffle(keys, seed + 1).slice(0, 200)) {
    for (const bytes of [keyOf(probe), keyOf(`${probe}\x00\x00!`), keyOf(probe.slice(0, -1))]) {
      const at = countBefore(sorted, bytes);
      tree.seek(place, bytes);
      expect(place.key).toBe(list[at] ?? 0);
      tree.seekBefore(place, bytes);
      expect(place.key).toBe(list[at - 1] ?? 0);
    }
  }
}

/** How many of the sorted keys come before `bytes`. */
function countBefore(sorted: Uint8Array[], bytes: Uint8Array): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareBytes(sorted[middle], bytes) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function build(keys: string[]): { tree: KeyTree; records: Records } {
  const records = new Records(new SharedArrayBuffer(4 << 20));
  const tree = new KeyTree(records);
  for (const text of keys) {
    const bytes = keyOf(text);
    const key = records.begin(records.top, 1, bytes.length);
    records.finish(key, 0, 0, records.write(key + recordWords, bytes, 0, bytes.length));
    tree.insert(key);
  }
  return { tree, records };
}

function keyAt(records: Records, key: number): Uint8Array {
  const start = records.keyStartAt(key);
  return records.bytes.subarray(start, start + records.keyLengthAt(key));
}

function numbers(): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

function digits(number: number): string {
  return String(number).padStart(12, '0');
}

function shuffle<T>(items: T[], seed: number): T[] {
  const shuffled = items.slice();
  let state = seed | 1;
  for (let i = shuffled.length - 1; i > 0; i--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const j = state % (i + 1);
    [shuffled[i], shuffled[j]] = [shuffled[j], shuffled[i]];
  }
  return shuffled;
}
