import { readFileSync } from 'node:fs';
import { ByteWriter, crc32 } from '@coterie/bytes';
import { isCoterieError } from '@coterie/env';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeSnapshot, encodeSnapshot, type Snapshot } from '../src/snapshot.ts';
import { id, profileOf, standing } from './arbitraries.ts';

const records = fc.array(
  id.chain((memberId) => fc.record({ id: fc.constant(memberId), standing, profile: profileOf(memberId) })),
  { maxLength: 8 },
);
const snapshot: fc.Arbitrary<Snapshot> = fc.record({
  cluster: fc.constantFrom('', 'c'),
  self: id,
  records,
  forgotten: fc.array(fc.tuple(id, fc.nat(2 ** 48 - 1)), { maxLength: 4 }),
});

describe('the list as a file', () => {
  it('comes back as it was, but for suspicions', () => {
    fc.assert(
      fc.property(snapshot, (saved) => {
        const expected = saved.records.map((one) =>
          one.standing.state === 'suspect' ? { ...one, standing: { ...one.standing, state: 'alive', witnesses: [] } } : one,
        );
        expect(decodeSnapshot(encodeSnapshot(saved))).toEqual({ ...saved, records: expected });
      }),
    );
  });

  it('is CORRUPTION after any flipped bit and any cut', () => {
    fc.assert(
      fc.property(snapshot, fc.nat(), fc.nat(7), (saved, at, bit) => {
        const bytes = encodeSnapshot(saved);
        const cut = bytes.slice(0, at % bytes.length);
        bytes[at % bytes.length] ^= 1 << bit;
        for (const damaged of [bytes, cut]) expect(() => decodeSnapshot(damaged)).toThrow(expect.objectContaining({ code: 'CORRUPTION' }));
      }),
    );
  });

  it('never is anything but CORRUPTION or UNSUPPORTED_FORMAT when made up with a right checksum', () => {
    fc.assert(
      fc.property(snapshot, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 }), (saved, changes) => {
        const bytes = encodeSnapshot(saved);
        for (const [at, value] of changes) bytes[at % (bytes.length - 4)] = value;
        try {
          decodeSnapshot(withChecksum(bytes));
        } catch (error) {
          expect(isCoterieError(error, 'CORRUPTION') || isCoterieError(error, 'UNSUPPORTED_FORMAT')).toBe(true);
        }
        expect(() => decodeSnapshot(withChecksum(Uint8Array.of(0x43, 0x47, 0x53, 0x50, 2, 0, 0, 0, 0)))).toThrow(
          expect.objectContaining({ code: 'UNSUPPORTED_FORMAT' }),
        );
      }),
      { numRuns: 500 },
    );
  });

  it('is the worked example of the format', () => {
    const page = readFileSync(new URL('../../../docs/formats/gossip.md', import.meta.url), 'utf8');
    const example = /```\n(43 47[^`]*)```/.exec(page)?.[1] ?? '';
    const bytes = Buffer.from(example.replaceAll(/ {3,}.*$/gm, '').replaceAll(/\s/g, ''), 'hex');
    const self = '1b52a0e4c7d91f38';
    const profile = { id: self, incarnation: 5, address: 'b:1', zone: '', weight: 1, extensions: new Map() };
    const record = { id: self, standing: { incarnation: 5, state: 'alive' as const, witnesses: [] }, profile };
    const saved: Snapshot = { cluster: 'c', self, records: [record], forgotten: [] };
    expect(Buffer.from(encodeSnapshot(saved)).toString('hex')).toBe(bytes.toString('hex'));
    expect(decodeSnapshot(bytes)).toEqual(saved);
  });
});

function withChecksum(bytes: Uint8Array): Uint8Array {
  const body = bytes.slice(0, -4);
  return new Uint8Array(new ByteWriter(bytes.length).raw(body).u32(crc32(body)).finish());
}
