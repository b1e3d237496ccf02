import fc from 'fast-check';
import { Context, DottedSet, VersionVector } from '@coterie/vector-clock';
import { describe, expect, it } from 'vitest';
import type { Extension } from '../src/objects/extensions.ts';
import { addressOf } from '../src/store/layout.ts';
import { addressSeed, type CausalObject, decodeObject, emptyObject, encodeObject, equalObjects, hashOf } from '../src/objects/object.ts';
import { makePayload, type PayloadFields } from '../src/objects/payload.ts';
import { noneReplaced, type ReplacedList } from '../src/objects/replaced.ts';
import { decodeCopy, encodeCopy, hashOfRecord } from '../src/replica/stored-copy.ts';
import { bytes } from './world.ts';

const address = addressOf({ bucket: 'cart', bucketBytes: bytes('cart'), generation: 1, key: bytes('alice') });
const seed = addressSeed(address.objectKey);

const time = fc.integer({ min: 0, max: 2 ** 48 - 1 });
const extensions: fc.Arbitrary<Extension[]> = fc
  .uniqueArray(fc.record({ tag: fc.integer({ min: 16, max: 300 }), bytes: fc.uint8Array({ maxLength: 8 }) }), {
    maxLength: 3,
    selector: (extension) => extension.tag,
  })
  .map((list) => list.sort((a, b) => a.tag - b.tag));
const fields: fc.Arbitrary<PayloadFields> = fc.record(
  {
    tombstone: fc.boolean(),
    writtenAt: time,
    expiresAt: time,
    stamp: fc.maxSafeNat(),
    rank: fc.maxSafeNat(),
    operation: fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme-ascii' }),
    contentType: fc.string({ maxLength: 20, unit: 'grapheme-ascii' }),
    extensions,
    value: fc.uint8Array({ maxLength: 600, size: 'max' }),
  },
  { requiredKeys: ['tombstone', 'writtenAt', 'operation', 'contentType', 'extensions', 'value'] },
);

const replaced: fc.Arbitrary<ReplacedList> = fc
  .array(fields, { maxLength: 3 })
  .map((gone) => gone.reduce((list, one, at) => list.note([makePayload(one, seed)], at), noneReplaced));
const object: fc.Arbitrary<CausalObject> = fc
  .record({ type: fc.nat(255), extensions, replaced, writes: fc.array(fc.record({ store: fc.nat(3), fields }), { maxLength: 5 }) })
  .map(({ type, extensions: kept, replaced: list, writes }) => {
    let set = DottedSet.empty<ReturnType<typeof makePayload>>();
    writes.forEach((write, i) => {
      const dot = { incarnation: `000000000000000${write.store}`, epoch: 1 + (i % 2), counter: 10 + i };
      const context = Context.of(VersionVector.empty, [{ ...dot, incarnation: `00000000000000f${write.store}` }]);
      set = set.event({ dot, at: 1_700_000_000_000 + i, value: makePayload(write.fields, seed), context });
    });
    return { type, extensions: kept, replaced: list, set };
  });

describe('objects', () => {
  it('have the same hash decoded and encoded, and damage to a header shows', () => {
    fc.assert(
      fc.property(object, fc.nat(), (original, place) => {
        const record = encodeCopy({ object: original, own: undefined }, seed);
        expect(hashOfRecord(record, seed)).toEqual(hashOf(decodeCopy(record, seed).object));
        const payloads = original.set.siblings.reduce((sum, { value }) => sum + value.bytes.length, 0);
        const spoilt = record.slice();
        spoilt[1 + (place % (record.length - 1 - payloads))] ^= 1;
        expect(() => hashOfRecord(spoilt, seed)).toThrow(
          expect.objectContaining({ code: expect.stringMatching(/CORRUPTION|UNSUPPORTED_FORMAT/) }),
        );
      }),
    );
    expect(() => hashOfRecord(new Uint8Array(), seed)).toThrow(expect.objectContaining({ code: 'CORRUPTION' }));
  });

  it('decode to what was encoded, byte for byte the same again', () => {
    fc.assert(
      fc.property(object, fc.nat(3), (before, start) => {
        const encoded = encodeObject(before, seed);
        const shifted = new Uint8Array(start + encoded.length);
        shifted.set(encoded, start);
        const after = decodeObject(shifted, start, seed);
        expect(after.type).toBe(before.type);
        expect(after.extensions).toEqual(before.extensions);
        expect(after.replaced.entries).toEqual(before.replaced.entries);
        expect(equalObjects(after, before)).toBe(true);
        expect(after.set.clock.entries).toEqual(before.set.clock.entries);
        expect(after.set.siblings).toEqual(before.set.siblings);
        expect(after.set.equals(before.set)).toBe(true);
        expect(encodeObject(after, seed)).toEqual(encoded);
      }),
      { numRuns: 60 },
    );
  });

  it('fail for every flipped bit and every cut, never answer wrongly', () => {
    fc.assert(
      fc.property(object, fc.nat(), fc.nat(7), (before, at, bit) => {
        const encoded = encodeObject(before, seed);
        const damaged = encoded.slice();
        damaged[at % encoded.length] ^= 1 << bit;
        const bad = { code: expect.stringMatching(/^(CORRUPTION|UNSUPPORTED_FORMAT)$/) };
        expect(() => decodeObject(damaged, 0, seed)).toThrow(expect.objectContaining(bad));
        expect(() => decodeObject(encoded.slice(0, at % encoded.length), 0, seed)).toThrow(expect.objectContaining(bad));
      }),
      { numRuns: 100 },
    );
  });

  it('fail under another key, bucket or generation', () => {
    const encoded = encodeObject(emptyObject, seed);
    for (const other of [{ bucket: 'cars' }, { generation: 2 }, { key: bytes('alicf') }]) {
      const parts = { bucket: 'cart', generation: 1, key: bytes('alice'), ...other };
      const elsewhere = addressOf({ ...parts, bucketBytes: bytes(parts.bucket) });
      expect(() => decodeObject(encoded, 0, addressSeed(elsewhere.objectKey))).toThrow(expect.objectContaining({ code: 'CORRUPTION' }));
    }
  });

  it('keep their bytes: the worked example of docs/formats/object.md', () => {
    const clock = VersionVector.of([
      { incarnation: '9f02c41b6d3e8a75', epoch: 17, counter: 23, at: 1_700_000_000_000 },
      { incarnation: 'c0ffee0000000001', epoch: 4, counter: 9, at: 1_700_000_000_500 },
    ]);
    const plain = { tombstone: false, contentType: 'text/plain', extensions: [] };
    const milk = makePayload({ ...plain, writtenAt: 1_700_000_000_000, operation: 'op-1', value: bytes('milk') }, seed);
    const gone = makePayload(
      {
        ...plain,
        contentType: '',
        tombstone: true,
        writtenAt: 1_700_000_000_400,
        stamp: 1_700_000_000_400_000,
        operation: 'op-2',
        value: bytes(''),
      },
      seed,
    );
    const example: CausalObject = {
      type: 0,
      extensions: [{ tag: 7, bytes: Uint8Array.of(0xab) }],
      replaced: noneReplaced,
      set: DottedSet.of(clock, [
        { dot: { incarnation: '9f02c41b6d3e8a75', epoch: 17, counter: 23 }, value: milk },
        { dot: { incarnation: 'c0ffee0000000001', epoch: 4, counter: 8 }, value: gone },
      ]),
    };
    expect(Buffer.from(address.objectKey).toString('hex')).toBe('1012fac3e5fcfc3bad046361727400000001616c696365');
    expect(Buffer.from(encodeObject(example, seed)).toString('hex')).toBe(
      'ad92060b010034010701ab029f02c41b6d3e8a75110680d095ffbc31c0ffee00000000010405f4d395ffbc310200001b17973bdc010115138d9eba000068e5cf8b01046f702d310a746578742f706c61696e6d696c6b059069e5cf8b01805a2418240a0600046f702d3200',
    );
  });
});

describe('what an object knows of replaced writes', () => {
  it('keeps its bytes: the second example of docs/formats/object.md', () => {
    const clock = VersionVector.of([{ incarnation: '9f02c41b6d3e8a75', epoch: 17, counter: 23, at: 1_700_000_000_000 }]);
    const cloud = [{ incarnation: 'c0ffee0000000001', epoch: 4, counter: 12 }];
    const gone = makePayload(
      { tombstone: false, writtenAt: 1_700_000_000_000, operation: 'op-1', contentType: '', extensions: [], value: bytes('') },
      seed,
    );
    const example: CausalObject = {
      type: 0,
      extensions: [],
      replaced: noneReplaced.note([gone], 1),
      set: DottedSet.of(clock, [], cloud),
    };
    expect(Buffer.from(encodeObject(example, seed)).toString('hex')).toBe(
      'cd7abb1401003002010f0180d095ffbc31be2c8567a52e98f3020ac0ffee00000000010408019f02c41b6d3e8a75110680d095ffbc3100',
    );
  });

  it('leaves out a dot that the clock covers by now, as a member that does not know clouds writes it', () => {
    const dot = { incarnation: '9f02c41b6d3e8a75', epoch: 17, counter: 20 };
    const unknowing = encodeObject({ ...emptyObject, set: DottedSet.of(VersionVector.empty, [], [dot]) }, seed);
    const { set } = decodeObject(unknowing, 0, seed);
    expect(set.cloud).toEqual([dot]);
    expect(DottedSet.of(VersionVector.of([{ ...dot, at: 0 }]), [], set.cloud).cloud).toEqual([]);
  });
});

describe('stored copies', () => {
  it('remember the epoch that the store opened, and only that', () => {
    fc.assert(
      fc.property(object, fc.nat(5), (kept, pick) => {
        const entry = kept.set.clock.entries.at(pick);
        const own = entry === undefined ? undefined : { incarnation: entry.incarnation, epoch: entry.epoch };
        expect(decodeCopy(encodeCopy({ object: kept, own }, seed), seed).own).toEqual(own);
      }),
    );
    const gone = { incarnation: '00000000000000ff', epoch: 9 };
    expect(decodeCopy(encodeCopy({ object: emptyObject, own: gone }, seed), seed).own).toBeUndefined();
  });
});
