/** The buffer that tables are composed in: whatever is copied into it is what the file gets, at every length and place. */
import type { FileHandle } from '@coterie/env';
import { describe, expect, test } from 'vitest';
import { TableOutput } from '../src/output.ts';
import { MemoryFiles } from './support/memory-files.ts';

function openFile(): { file: FileHandle; written: () => Uint8Array } {
  const file = new MemoryFiles().openSync('/table', 'create');
  const written = (): Uint8Array => {
    const bytes = new Uint8Array(file.sizeSync());
    file.readSync(bytes, 0, bytes.length, 0);
    return bytes;
  };
  return { file, written };
}

type Below = (limit: number) => number;

/** Numbers below a limit, from a seed: a linear congruential generator will do. */
function belows(seed: number): Below {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

/** Random bytes, every other run of eight all ones or a signalling not-a-number: bits that only a plain copy keeps. */
function awkward(below: Below, length: number): Uint8Array {
  const bytes = Uint8Array.from({ length }, () => below(256));
  for (let at = 0; at + 8 <= length; at += 16) bytes.set(below(2) === 0 ? [1, 0, 0, 0, 0, 0, 0xf0, 0x7f] : new Array(8).fill(0xff), at);
  return bytes;
}

describe('a table output', () => {
  test.each(['of its own', 'inside a larger one', 'shared'])('copies ranges of every length from every offset (buffer %s)', (kind) => {
    const below = belows(2);
    const { file, written } = openFile();
    const output = new TableOutput(file);
    const content = awkward(below, 2048);
    const buffer = kind === 'shared' ? new SharedArrayBuffer(4096) : new ArrayBuffer(kind === 'of its own' ? 2048 : 4096);
    const source = new Uint8Array(buffer, kind === 'of its own' ? 0 : 1001, 2048);
    source.set(content);
    const other = awkward(below, 64);
    const expected: number[] = [];
    for (let length = 0; length <= 600; length++) {
      const start = below(2048 - length);
      output.copy(source, start, start + length);
      expected.push(...content.subarray(start, start + length));
      if (length % 7 === 0) {
        output.copy(other, 3, 40);
        expected.push(...other.subarray(3, 40));
      }
    }
    output.finish();
    expect(written()).toEqual(Uint8Array.from(expected));
  });

  test('grows under a copy and goes on', () => {
    const { file, written } = openFile();
    const output = new TableOutput(file);
    const source = awkward(belows(3), 300_000);
    for (let at = 0; at < source.length; at += 100) output.copy(source, at, at + 100);
    for (let at = 0; at < source.length; at += 100_000) output.copy(source, at, at + 100_000);
    output.finish();
    expect(Buffer.compare(written(), Buffer.concat([source, source]))).toBe(0);
  });
});
