import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatToken, partitionOf, slotOf, slotTokenOf, tokenOf } from '../src/index.ts';

const utf8 = new TextEncoder();
const slot = (key: string): number => slotOf(utf8.encode(key));

/** CRC-16/XMODEM a bit at a time, as the specification describes it. */
function slowCrc16(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      const carry = ((crc >> 15) ^ (byte >> bit)) & 1;
      crc = ((crc << 1) & 0xffff) ^ (carry * 0x1021);
    }
  }
  return crc;
}

describe('Redis slots', () => {
  it('are CRC16/XMODEM modulo 16,384', () => {
    // The check value of the specification.
    expect(slot('123456789')).toBe(0x31c3 % 16_384);
    expect(slot('')).toBe(0);
    // From the documentation of CLUSTER KEYSLOT.
    expect(slot('somekey')).toBe(11_058);
    expect(slot('foo{hash_tag}')).toBe(2515);
    expect(slot('foo')).toBe(12_182);
    expect(slot('bar')).toBe(5061);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60, size: 'max' }), (key) => {
        fc.pre(!key.includes(0x7b));
        expect(slotOf(key)).toBe(slowCrc16(key) % 16_384);
      }),
    );
  });

  it.each([
    ['{user1000}.following', 'user1000'],
    ['{user1000}.followers', 'user1000'],
    ['foo{{bar}}zap', '{bar'],
    ['foo{bar}{zap}', 'bar'],
    ['{a}{}', 'a'],
    ['}{a}', 'a'],
  ])('of %s are those of its hash tag %s', (key, tag) => {
    expect(slot(key)).toBe(slowCrc16(utf8.encode(tag)) % 16_384);
  });

  it.each(['foo{}{bar}', '{}', 'foo{bar', 'foo}bar{', '{'])('of %s are those of the whole key', (key) => {
    expect(slot(key)).toBe(slowCrc16(utf8.encode(key)) % 16_384);
  });
});

describe('slot tokens', () => {
  it.each([
    ['cart', '{user1000}.following', '35cdd73000cfac6c'],
    ['cart', 'foo', 'be5a17a8afbe311a'],
    ['', '', '000072bbedcd774b'],
  ])('keep their vectors: bucket %j, key %j', (bucket, key, token) => {
    expect(formatToken(slotTokenOf(utf8.encode(bucket), utf8.encode(key)))).toBe(token);
  });

  it('begin with the slot, and go on as the usual token does', () => {
    const bytes = fc.uint8Array({ maxLength: 40 });
    fc.assert(
      fc.property(bytes, bytes, fc.integer({ min: 6, max: 14 }), (bucket, key, bits) => {
        const token = slotTokenOf(bucket, key);
        const usual = tokenOf(bucket, key);
        expect(token.high >>> 18).toBe(slotOf(key));
        expect(token.high & 0x3ffff).toBe(usual.high & 0x3ffff);
        expect(token.low).toBe(usual.low);
        // A partition is a run of slots.
        expect(partitionOf(token, 2 ** bits)).toBe(slotOf(key) >> (14 - bits));
      }),
    );
  });
});
