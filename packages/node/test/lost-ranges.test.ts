/** What damage means for a node: which stretches of the ring it does not vouch for, and the record that remembers them. */
import { createSimulation } from '@coterie/simulator';
import { describe, expect, it } from 'vitest';
import { bothLost, isIn, lostIn, nothingLost, readLostRanges, writeLostRanges } from '../src/store/lost-ranges.ts';
import type { LostStretch } from '../src/store/store.ts';
import { MemoryDisk } from './memory-store.ts';

const stretch = (lower: readonly number[], upper: readonly number[]): LostStretch => {
  return { lower: Uint8Array.from(lower), upper: Uint8Array.from(upper), upperExclusive: true };
};

describe('a lost stretch of keys', () => {
  it('is a range of tokens where it touches objects', () => {
    const { ranges, index } = lostIn([stretch([0x10, 0x40, 0, 0, 0, 9], [0x10, 0x80, 0, 0, 1])]);
    expect(ranges).toEqual([[0x40000000, 0x80000002]]);
    expect(index).toBe(false);
    expect([0, 1, 2, 3].filter((partition) => isIn(ranges, partition, 4))).toEqual([1, 2]);
  });

  it('is the whole ring where it goes over all objects, and the index too where it goes as far', () => {
    expect(lostIn([stretch([0x01], [0x30])])).toEqual({ ranges: [[0, 2 ** 32]], index: true });
  });

  it('is no token where it ends before the objects, or begins behind them', () => {
    expect(lostIn([stretch([0x01], [0x10]), stretch([0x20, 1], [0x20, 9])])).toEqual({ ranges: [], index: true });
  });

  it('is joined with what overlaps', () => {
    const lost = bothLost(
      { ranges: [[5, 9]], index: false },
      {
        ranges: [
          [0, 2],
          [8, 20],
        ],
        index: true,
      },
    );
    expect(lost).toEqual({
      ranges: [
        [0, 2],
        [5, 20],
      ],
      index: true,
    });
  });
});

it('the record says what was written, and goes when nothing is lost', async () => {
  const simulation = createSimulation({ seed: 1 });
  const { environment } = simulation;
  const store = await new MemoryDisk().open('/', { environment, durable: true });
  await simulation.run(async () => {
    expect(await readLostRanges(store)).toEqual(nothingLost);
    await writeLostRanges(store, { ranges: [[1, 2]], index: true });
    expect(await readLostRanges(store)).toEqual({ ranges: [[1, 2]], index: true });
    await writeLostRanges(store, nothingLost);
    expect(await readLostRanges(store)).toEqual(nothingLost);
  });
});
