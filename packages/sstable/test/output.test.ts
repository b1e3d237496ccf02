/** The buffer that tables are composed in: whatever is copied into it is what the file gets, at every length and place. */
import type { FileHandle } from '@coterie/env';
import { createSimulation, SeededRandom } from '@coterie/simulator';
import { describe, expect, test } from 'vitest';
import { TableOutput } from '../src/output.ts';

function openFile(): { file: FileHandle; written: () => Uint8Array } {
  const { files } = createSimulation({ seed: 1 }).environment;
  const file = files.openSync('/table', 'create');
  const written = (): Uint8Array => {
    const bytes = new Uint8Array(file.sizeSync());
    file.readSync(bytes, 0, bytes.length, 0);
    return bytes;
  };
  return { file, written };
}

/** Random bytes, every other run of eight all ones or a signalling not-a-number: bits that only a plain copy keeps. */
function awkward(random: SeededRandom, length: number): Uint8Array {
  const bytes = Uint8Array.from({ length }, () => random.below(256));
  for (let at = 0; at + 8 <= length; at += 16) bytes.set(random.chance(0.5) ? [1, 0, 0, 0, 0, 0, 0xf0, 0x7f] : new Array(8).fill(0xff), at);
  return bytes;
}

describe('a table output', () => {
  test.each(['of its own', 'inside a larger one', 'shared'])('copies ranges of every length from every offset (buffer %s)', (kind) => {
    const random = new SeededRandom(2);
    const { file, written } = openFile();
    const output = new TableOutput(file);
    const content = awkward(random, 2048);
    const buffer = kind === 'shared' ? new SharedArrayBuffer(4096) : new ArrayBuffer(kind === 'of its own' ? 2048 : 4096);
    const source = new Uint8Array(buffer, kind === 'of its own' ? 0 : 1001, 2048);
    source.set(content);
    const other = awkward(random, 64);
    const expected: number[] = [];
    for (let length = 0; length <= 600; length++) {
      const start = random.below(2048 - length);
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
    const source = awkward(new SeededRandom(3), 300_000);
    for (let at = 0; at < source.length; at += 100) output.copy(source, at, at + 100);
    for (let at = 0; at < source.length; at += 100_000) output.copy(source, at, at + 100_000);
    output.finish();
    expect(Buffer.compare(written(), Buffer.concat([source, source]))).toBe(0);
  });
});
