import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packLists, packMoves, unpackLists, unpackMoves } from '../src/cluster/packed-lists.ts';

const holders = fc.uniqueArray(fc.nat(10_000), { maxLength: 64 });

describe('packed lists', () => {
  it('are read as they were written', () => {
    const isKept = (lists: number[][]): void => {
      expect(unpackLists(packLists(lists))).toEqual(lists);
    };
    fc.assert(fc.property(fc.array(holders, { maxLength: 200 }), isKept));
    const moves = fc.uniqueArray(fc.tuple(fc.nat(65_535), holders), { selector: ([partition]) => partition, maxLength: 200 });
    fc.assert(
      fc.property(moves, (some) => {
        const inOrder = [...some].sort(([a], [b]) => a - b);
        expect(unpackMoves(packMoves(some))).toEqual(inOrder);
      }),
    );
  });

  it('take less than half of what numbers take in a cluster of a hundred', () => {
    const lists = Array.from({ length: 1024 }, (_, at) => [at % 100, (at + 33) % 100, (at + 66) % 100]);
    expect(packLists(lists).length).toBeLessThan(JSON.stringify(lists).length * 0.6);
    const moves = lists.map((list, at) => [at, list] as const);
    expect(packMoves(moves).length).toBeLessThan(JSON.stringify(moves).length * 0.5);
  });

  it('are drawn as their bytes are', () => {
    expect(packLists([[0, 200], []])).toBe(Buffer.from([2, 0, 0xc8, 0x01, 0]).toString('base64'));
    expect(
      packMoves([
        [5, [1]],
        [2, [0, 3]],
      ]),
    ).toBe(Buffer.from([3, 2, 0, 3, 3, 1, 1]).toString('base64'));
  });

  it('are refused in a typed way when they are something else', () => {
    for (const read of [unpackLists, unpackMoves]) {
      fc.assert(
        fc.property(fc.base64String(), (text) => {
          try {
            read(text);
          } catch (error) {
            expect(error).toMatchObject({ name: 'CoterieError' });
          }
        }),
      );
    }
    expect(() => unpackLists(Buffer.from([65]).toString('base64'))).toThrow(/do not add up/);
    expect(() => unpackMoves(Buffer.from([0, 0]).toString('base64'))).toThrow(/do not add up/);
  });
});
