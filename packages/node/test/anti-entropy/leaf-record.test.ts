/** The worked example of docs/formats/trees.md, and what is no record. */
import { leafOf, leafStart } from '@coterie/merkle';
import { describe, expect, it } from 'vitest';
import { decodeLeaf, encodeSum, leafKey, markKey, markOf } from '../../src/anti-entropy/leaf-record.ts';
import { addressOf } from '../../src/store/layout.ts';
import { bytes } from '../world.ts';

const hex = (value: Uint8Array): string => Buffer.from(value).toString('hex');

describe('the record of a leaf', () => {
  const { token } = addressOf({ bucket: 'cart', bucketBytes: bytes('cart'), generation: 1, key: bytes('alice') });
  const place = leafOf(token.high, 1024);
  const key = leafKey(leafStart(place, 1024), { nameBytes: bytes('cart'), generation: 1 });
  const sum = { high: 0x01020304, low: 0xfffefdfc };

  it('has the bytes of the worked example', () => {
    expect(place).toEqual({ partition: 75, leaf: 3760 });
    expect(hex(key)).toBe('2812fac000046361727400000001');
    expect(hex(encodeSum(sum))).toBe('01020304fffefdfc');
    expect([hex(markKey), hex(markOf(1024))]).toEqual(['017472656573', '0116']);
  });

  it('is read as it was written, and refused when it is none', () => {
    expect(decodeLeaf(key, encodeSum(sum))).toEqual({ high: 0x12fac000, bucket: 'cart', generation: 1, sum });
    expect(() => decodeLeaf(key.subarray(1), encodeSum(sum))).toThrow(expect.objectContaining({ code: 'CORRUPTION' }));
    expect(() => decodeLeaf(key, bytes('short'))).toThrow(expect.objectContaining({ code: 'CORRUPTION' }));
  });
});
