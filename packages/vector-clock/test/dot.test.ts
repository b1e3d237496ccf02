import { ByteReader, ByteWriter } from '@coterie/bytes';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { readIncarnation, writeIncarnation } from '../src/dot.ts';

const word = fc.oneof(fc.constantFrom(0, 1, 0x100, 0xffffffff), fc.integer({ min: 0, max: 0xffffffff }));
const incarnation = fc.tuple(word, word).map((words) => words.map((bits) => bits.toString(16).padStart(8, '0')).join(''));

test('incarnations are read as they were written, also when they share a place among the recent ones', () => {
  fc.assert(
    fc.property(fc.array(incarnation, { minLength: 1, maxLength: 50 }), (texts) => {
      const writer = new ByteWriter();
      for (const text of [...texts, ...texts]) writeIncarnation(writer, text);
      const reader = new ByteReader(writer.finish());
      for (const text of [...texts, ...texts]) expect(readIncarnation(reader)).toBe(text);
    }),
  );
});
