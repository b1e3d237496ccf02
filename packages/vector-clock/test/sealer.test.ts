import { createHmac } from 'node:crypto';
import { ByteReader, ByteWriter } from '@coterie/bytes';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Context, ContextSealer, notesMax, VersionVector } from '../src/index.ts';
import { incarnation } from './oracle.ts';

const clusterKey = Uint8Array.from({ length: 32 }, (_, i) => i);
const sealer = new ContextSealer(clusterKey);
const binding = { bucket: 'cart', generation: 1, key: new TextEncoder().encode('alice') };
const refused = expect.objectContaining({ code: 'INVALID_ARGUMENT' });

const vector: fc.Arbitrary<VersionVector> = fc
  .array(fc.record({ n: fc.nat(20), epoch: fc.integer({ min: 1, max: 2 ** 30 }), more: fc.nat(2 ** 20), at: fc.nat() }), { maxLength: 12 })
  .map((list) =>
    VersionVector.of(list.map(({ n, epoch, more, at }) => ({ incarnation: incarnation(n), epoch, counter: epoch + more, at }))),
  );

describe('version vector codec', () => {
  it('decodes what it encodes, canonically', () => {
    fc.assert(
      fc.property(vector, (clock) => {
        const writer = new ByteWriter();
        clock.encode(writer);
        expect(VersionVector.decode(new ByteReader(writer.finish())).entries).toEqual(clock.entries);
      }),
    );
  });

  it('answers random bytes with a vector or CORRUPTION', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          VersionVector.decode(new ByteReader(bytes));
        } catch (error) {
          expect(error).toMatchObject({ code: 'CORRUPTION' });
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('context tokens', () => {
  it('open to what was sealed', () => {
    fc.assert(
      fc.property(vector, (clock) => {
        const dots = clock.entries
          .slice(0, 16)
          .map((entry) => ({ incarnation: entry.incarnation, epoch: entry.epoch, counter: entry.counter + 2 }));
        const opened = sealer.open(sealer.seal(Context.of(clock, dots), binding), binding);
        expect(opened.clock.entries).toEqual(clock.entries);
        expect(opened.dots).toEqual(dots);
      }),
    );
  });

  it('carry notes, under the same tag, and are as without where there are none', () => {
    const clock = VersionVector.of([{ incarnation: incarnation(1), epoch: 7, counter: 9, at: 1_700_000_000_000 }]);
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), (notes) => {
        const token = sealer.seal(Context.of(clock).withNotes(notes), binding);
        const opened = sealer.open(token, binding);
        expect(opened.notes).toEqual(notes);
        expect(opened.clock.entries).toEqual(clock.entries);
        expect(Buffer.from(token, 'base64url')[0]).toBe(2);
      }),
    );
    expect(sealer.seal(Context.of(clock).withNotes(new Uint8Array()), binding)).toBe(sealer.seal(Context.of(clock), binding));
    expect(() => Context.empty.withNotes(new Uint8Array(notesMax + 1))).toThrow(refused);
    const changed = Buffer.from(sealer.seal(Context.of(clock).withNotes(Uint8Array.of(1, 2, 3)), binding), 'base64url');
    changed[0] = 1;
    expect(() => sealer.open(changed.toString('base64url'), binding)).toThrow(refused);
  });

  it('are refused for another bucket, generation, key or cluster', () => {
    const token = sealer.seal(Context.empty, binding);
    for (const other of [{ bucket: 'car' }, { generation: 2 }, { key: new TextEncoder().encode('alicf') }, { key: new Uint8Array() }]) {
      expect(() => sealer.open(token, { ...binding, ...other })).toThrow(refused);
    }
    expect(() => new ContextSealer(new Uint8Array(32)).open(token, binding)).toThrow(refused);
  });

  it('are refused with any bit or character changed', () => {
    const clock = VersionVector.of([{ incarnation: incarnation(1), epoch: 7, counter: 9, at: 1_700_000_000_000 }]);
    const token = sealer.seal(Context.of(clock), binding);
    const bytes = Buffer.from(token, 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = Uint8Array.from(bytes);
      changed[bit >> 3] ^= 1 << (bit & 7);
      expect(() => sealer.open(Buffer.from(changed).toString('base64url'), binding)).toThrow(refused);
    }
    for (const odd of [`${token}=`, ` ${token}`, token.slice(0, -1), `${token}A`, token.toLowerCase(), '', 'AA', '€'.repeat(40)]) {
      expect(() => sealer.open(odd, binding)).toThrow(refused);
    }
  });

  it('never throw anything but INVALID_ARGUMENT for arbitrary text', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (text) => {
        expect(() => sealer.open(text, binding)).toThrow(refused);
      }),
    );
    expect(() => sealer.open('A'.repeat(70_000), binding)).toThrow(refused);
  });

  it('carry an HMAC-SHA256 as everybody else computes it', () => {
    const clock = VersionVector.of([{ incarnation: '9f02c41b6d3e8a75', epoch: 17, counter: 23, at: 1_700_000_000_000 }]);
    const bytes = Buffer.from(sealer.seal(Context.of(clock), binding), 'base64url');
    const body = bytes.subarray(0, bytes.length - 16);
    const writer = new ByteWriter().u8(1).string(binding.bucket).u53(binding.generation).byteString(binding.key).raw(body);
    expect(bytes.subarray(-16)).toEqual(createHmac('sha256', clusterKey).update(writer.finish()).digest().subarray(0, 16));
  });

  it('keep their bytes: the worked example of docs/formats/context.md', () => {
    const clock = VersionVector.of([{ incarnation: '9f02c41b6d3e8a75', epoch: 17, counter: 23, at: 1_700_000_000_000 }]);
    const dots = [{ incarnation: '9f02c41b6d3e8a75', epoch: 17, counter: 29 }];
    expect(sealer.seal(Context.of(clock, dots), binding)).toBe('AQGfAsQbbT6KdREGgNCV_7wxAZ8CxBttPop1EQzLk0OZs2F-Xxstlr_QxZad');
    expect(sealer.seal(Context.of(clock, dots).withNotes(Buffer.from('0100ae3a91ab78377838', 'hex')), binding)).toBe(
      'AgGfAsQbbT6KdREGgNCV_7wxAZ8CxBttPop1EQwKAQCuOpGreDd4OP67wN5aYUakhQaeu2aDnVY',
    );
  });
});
