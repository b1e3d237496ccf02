import { crc32 } from '@coterie/bytes';
import { isCoterieError } from '@coterie/env';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRing, decodeRing, encodeRing, type Ring, withMember, withReplicas } from '../src/index.ts';
import { clusterDrafts, ringFrom } from './arbitrary-ring.ts';

/** The worked example of docs/formats/ring.md. */
function exampleRing(): Ring {
  let ring = createRing({ partitions: 64, members: [{ id: 'a1', name: 'one' }] });
  ring = withMember(ring, { id: 'b2', name: 'two', weight: 4, zone: 'dc1/r7', address: 'h:7072' });
  return withReplicas(ring, [
    { partition: 0, members: ['b2', 'a1'] },
    { partition: 1, members: ['a1', 'b2'] },
    { partition: 2, members: ['b2', 'a1'] },
  ]);
}

const exampleHex =
  '01' +
  '03' +
  '06' +
  '02' +
  '026131' +
  '036f6e65' +
  '00' +
  '00' +
  '00' +
  '026232' +
  '0374776f' +
  '04' +
  '066463312f7237' +
  '06683a37303732';
const exampleListsHex = '00020100' + '01020001' + '00' + '020100' + '02'.repeat(60);
const exampleChecksumHex = 'd35201f7';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

/** The bytes with a checksum that fits. */
function sealed(body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(body.length + 4);
  bytes.set(body);
  new DataView(bytes.buffer).setUint32(body.length, crc32(body), true);
  return bytes;
}

function codeOf(bytes: Uint8Array): string | undefined {
  try {
    decodeRing(bytes);
    return undefined;
  } catch (error) {
    if (!isCoterieError(error)) throw error;
    return error.code;
  }
}

describe('an encoded ring', () => {
  it('has the bytes of the worked example', () => {
    expect(hex(encodeRing(exampleRing()))).toBe(exampleHex + exampleListsHex + exampleChecksumHex);
    expect(decodeRing(bytesOf(exampleHex + exampleListsHex + exampleChecksumHex))).toEqual(exampleRing());
  });

  it('is decoded to the same ring, whatever the ring', () => {
    fc.assert(
      fc.property(clusterDrafts({ membersMax: 30, partitionBitsMax: 8 }), (draft) => {
        const ring = ringFrom(draft);
        const bytes = encodeRing(ring);
        expect(decodeRing(bytes)).toEqual(ring);
        expect(encodeRing(decodeRing(bytes))).toEqual(bytes);
      }),
      { numRuns: 40 },
    );
  });

  it('takes a byte or two for each partition', () => {
    const members = Array.from({ length: 20 }, (_, zone) => ({ weight: 1, zone }));
    const ring = ringFrom({ partitions: 4096, n: 3, zones: 3, members });
    expect(encodeRing(ring).length).toBeLessThan(2.5 * 4096);
  });

  it('is refused when cut short, or when any byte is another', () => {
    const bytes = encodeRing(exampleRing());
    for (let length = 0; length < bytes.length; length++) expect(codeOf(bytes.slice(0, length))).toBe('CORRUPTION');
    for (let at = 0; at < bytes.length; at++) {
      const spoilt = bytes.slice();
      spoilt[at] ^= 0x41;
      expect(codeOf(spoilt)).toBe(at === 0 ? 'UNSUPPORTED_FORMAT' : 'CORRUPTION');
    }
  });

  it.each([
    ['bytes after the end', exampleHex + exampleListsHex + '00'],
    ['an impossible Q', '010305'],
    ['a huge Q', '010311'],
    ['no members', '01030600' + exampleListsHex],
    ['more members than bytes', '010306ffff03' + exampleListsHex],
    ['one id twice', exampleHex.replace('026232', '026131') + exampleListsHex],
    ['an empty id', '01030601' + '00' + '036f6e65' + '000000' + '000100' + '00'.repeat(63)],
    ['an impossible weight', exampleHex.replace('04066463', '8110066463') + exampleListsHex],
    ['an impossible zone', exampleHex.replace('066463312f7237', '06642f2f312f37') + exampleListsHex],
    ['a list too early', exampleHex + exampleListsHex.replace('00020100', '01020100')],
    ['one list twice', exampleHex + exampleListsHex.replace('01020001', '01020100')],
    ['an empty list', exampleHex + exampleListsHex.replace('00020100', '0000')],
    ['a member twice in a list', exampleHex + exampleListsHex.replace('00020100', '00020101')],
    ['a member that is not there', exampleHex + exampleListsHex.replace('00020100', '00020200')],
    ['too few partitions', exampleHex + exampleListsHex.slice(0, -2)],
    ['a name that is not UTF-8', exampleHex.replace('036f6e65', '03ff6e65') + exampleListsHex],
  ])('is refused with %s, even under a checksum that fits', (_, body) => {
    expect(codeOf(sealed(bytesOf(exampleHex + exampleListsHex)))).toBeUndefined();
    expect(codeOf(sealed(bytesOf(body)))).toBe('CORRUPTION');
  });

  it('is never garbage: random bytes under a fitting checksum are refused or make a ring that is written the same', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 30 }), fc.nat(70), (noise, at) => {
        const body = bytesOf(exampleHex + exampleListsHex);
        body.set(noise, at + 1);
        const bytes = sealed(body);
        const code = codeOf(bytes);
        if (code === undefined) expect(encodeRing(decodeRing(bytes)).length).toBeGreaterThan(0);
        else expect(code).toBe('CORRUPTION');
      }),
      { numRuns: 300 },
    );
  });
});
