import { describe, expect, it } from 'vitest';
import type { Ring } from '../../src/index.ts';
import { ringDifference } from '../../src/plan/moves.ts';

function ringOf(ids: string, ...words: string[]): Ring {
  const members = Array.from(ids, (id) => ({ id, name: id }));
  return { epoch: 1, partitions: words.length, members, replicas: words.map((word) => Array.from(word, (id) => ids.indexOf(id))) };
}

describe('the way from one ring to another', () => {
  it('names who copies, who gives up, and which lists only change their order', () => {
    const today = ringOf('abc', 'abc', 'a', 'ab', 'abc', 'abc', 'ab');
    const target = ringOf('dabe', 'adb', 'ab', 'a', 'bad', 'ade', 'ab');
    expect(ringDifference(today, target)).toEqual({
      moves: [
        { partition: 0, position: 1, from: 'c', to: 'd' },
        { partition: 1, position: 1, to: 'b' },
        { partition: 3, position: 2, from: 'c', to: 'd' },
        { partition: 4, position: 1, from: 'b', to: 'd' },
        { partition: 4, position: 2, from: 'c', to: 'e' },
      ],
      releases: [{ partition: 2, from: 'b' }],
      changed: [0, 1, 2, 3, 4],
    });
    expect(ringDifference(ringOf('ab', 'ab'), ringOf('ab', 'ba'))).toEqual({ moves: [], releases: [], changed: [0] });
  });
});
