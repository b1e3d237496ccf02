import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { allocate } from '../src/allocate.ts';

test('arrays begin as zeros and share no byte, whatever their lengths', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.nat(300), fc.nat(5000)), { minLength: 1, maxLength: 200 }), (lengths) => {
      const arrays = lengths.map((length) => allocate(length));
      arrays.forEach((array, index) => {
        expect([array.length, array.every((byte) => byte === 0)]).toEqual([lengths[index], true]);
        array.fill(1 + (index % 255));
      });
      for (const [index, array] of arrays.entries()) expect(array.every((byte) => byte === 1 + (index % 255))).toBe(true);
    }),
  );
});

test('a large array has memory of its own', () => {
  expect(allocate(4097).buffer.byteLength).toBe(4097);
});
