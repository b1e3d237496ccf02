import { describe, expect, it } from 'vitest';
import { checkBounded, checkIdle, type Sighting } from '../../../src/cluster/checkers/bounded.ts';

const sighting = (name: string, now: number, most: number): Sighting => ({ node: 'n1', name, now, most, atMs: 1500 });

describe('P8: nothing holds more than it may', () => {
  it('passes what is at its limit', () => {
    expect(checkBounded([sighting('hints', 6, 6), sighting('operations', 0, 4)])).toEqual([]);
  });

  it('rejects what is past it', () => {
    const found = checkBounded([sighting('hints', 7, 6), sighting('operations', 4, 4)]);
    expect(found).toEqual([{ rule: 'P8', sentence: 'n1 held 7 hints at 1.500 s, and 6 is the most' }]);
  });

  it('rejects what requests left behind, and not what a node keeps by itself', () => {
    expect(checkIdle([sighting('operations', 0, 4), sighting('gossipMembers', 5, 100), sighting('rpcInFlight', 1, 100)])).toEqual([]);
    expect(checkIdle([sighting('operations', 1, 4)])).toEqual([{ rule: 'P8', sentence: 'n1 holds 1 operations at rest' }]);
    expect(checkIdle([sighting('operationBytes', 9, 64), sighting('waitersOfOneKey', 1, 2)])).toHaveLength(2);
  });
});
