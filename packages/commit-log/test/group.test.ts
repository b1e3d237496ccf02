/** The layout of groups against the reader of frames: what is placed in any sizes, at any offset of a block, is read back. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blockBytes, claimFrameBytes, frameKind, headerBytes, putClaim, recordBytesBound } from '../src/format.ts';
import { Group, groupRecordsMax } from '../src/group.ts';
import { LaidOutSegment, number } from './laid-out-segment.ts';

const size = fc.oneof(fc.nat(300), fc.nat(5000), fc.integer({ min: blockBytes - 60, max: blockBytes + 60 }), fc.nat(120_000));
const record = fc.record({ bytes: size, sequences: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 40_000 })) });

describe('a group', () => {
  it('delivers and stores what was placed, whatever the sizes', () => {
    const groups = fc.array(fc.array(record, { minLength: 1, maxLength: 6 }), { maxLength: 4 });
    fc.assert(
      fc.property(groups, fc.integer({ min: 1, max: 3 }), (plan, blocks) => {
        const segment = new LaidOutSegment();
        const group = new Group();
        for (const records of plan) segment.add(group, records);
        const { parser, replay } = segment.read(blocks * blockBytes);
        expect(replay.entries).toEqual(segment.delivered.entries);
        expect(parser.nextSequence).toBe(segment.sequence);
        expect(parser.state).toBe('reading');
      }),
      { numRuns: 25 },
    );
  });

  it('is right at every distance from the end of a block', () => {
    for (let gap = 0; gap < 120; gap += gap < 70 ? 1 : 7) {
      const segment = new LaidOutSegment();
      const group = new Group();
      segment.add(group, [{ bytes: blockBytes - headerBytes - 22 - 9 - gap, sequences: 1 }]);
      segment.add(group, [
        { bytes: 50, sequences: 1 },
        { bytes: 0, sequences: 200 },
        { bytes: 35_000, sequences: 1 },
      ]);
      const { replay } = segment.read(blockBytes);
      expect(replay.entries).toHaveLength(4);
    }
  });

  it('never takes more room than the bound it was asked for', () => {
    fc.assert(
      fc.property(fc.nat(blockBytes * 2), size, (base, bytes) => {
        const group = new Group();
        group.makeRoom(bytes);
        group.begin(number, base, 2 ** 31);
        group.wantClaim();
        group.place(bytes, 2 ** 47);
        group.complete(1);
        expect(group.used).toBeLessThanOrEqual(recordBytesBound(bytes));
      }),
    );
  });

  it('forgets a record that was placed and not completed', () => {
    const group = new Group();
    group.begin(number, headerBytes, 1 << 20);
    group.place(10, 1);
    group.place(20, 1);
    expect(group.complete(1)).toBe(true);
    expect(group.complete(2)).toBe(false);
    expect(group.records).toBe(1);
    expect(groupRecordsMax).toBeGreaterThan(1);
  });
});

describe('the reader of frames', () => {
  it('stops at a claim that speaks of another sequence', () => {
    for (const [nextSequence, state] of [
      [2, 'reading'],
      [3, 'stopped'],
    ] as const) {
      const segment = new LaidOutSegment();
      segment.add(new Group(), [{ bytes: 10, sequences: 1 }]);
      const position = { number, offset: segment.end };
      const claim = new Uint8Array(claimFrameBytes);
      putClaim(claim, 0, { kind: frameKind.claim, position, nextSequence, synced: position });
      segment.bytes.set(claim, segment.end);
      segment.end += claimFrameBytes;
      expect(segment.read(blockBytes).parser.state).toBe(state);
    }
  });
});
