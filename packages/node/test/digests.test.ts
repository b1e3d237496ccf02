import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeDigests, Digests, digestsMax, encodeDigests } from '../src/coordinator/digests.ts';
import { bytes } from './world.ts';

const word = fc.nat(2 ** 32 - 1);

describe('digests', () => {
  it('come back as they were sent, unknown ones as unknown', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.record({ high: word, low: word }), { nil: undefined })), (hashes) => {
        expect(decodeDigests(encodeDigests(hashes), hashes.length)).toEqual(hashes);
        expect(() => decodeDigests(encodeDigests(hashes), hashes.length + 1)).toThrow(expect.objectContaining({ code: 'PROTOCOL' }));
      }),
    );
  });
});

/** Questions whose turns end when the test says so. */
function asking() {
  const asked: (readonly [string, number])[] = [];
  let endTurn = (): void => undefined;
  const turn = (): Promise<void> => new Promise((resolve) => (endTurn = resolve));
  const watch = <T>(_: string, answer: Promise<T>): Promise<T | undefined> => answer.catch(() => undefined);
  const digests = new Digests({
    timers: { turn },
    late: { watch },
    ask: (member, keys) => {
      asked.push([member, keys.length]);
      if (member === 'broken') return Promise.reject(new Error('no'));
      return Promise.resolve(keys.map((key) => (key.length > 1 ? undefined : { high: key[0] ?? 0, low: 0 })));
    },
  });
  return { digests, asked, endTurn: (): void => endTurn() };
}

describe('questions for digests', () => {
  it('go at once while nothing is under way; then those of one turn travel together, each with its own answer', async () => {
    const { digests, asked, endTurn } = asking();
    const answers = ['m', 'k', 'l', 'long'].map((key) => digests.ask('b', bytes(key)));
    const other = digests.ask('broken', bytes('k'));
    expect(asked).toEqual([['b', 1]]);
    endTurn();
    expect(await Promise.all(answers)).toEqual([{ high: 109, low: 0 }, { high: 107, low: 0 }, { high: 108, low: 0 }, undefined]);
    expect(await other).toBeUndefined();
    expect(asked).toEqual([
      ['b', 1],
      ['b', 3],
      ['broken', 1],
    ]);
    expect(digests.turn).toBe(2);
    expect(await digests.ask('b', bytes('n'))).toEqual({ high: 110, low: 0 });
    expect(asked.length).toBe(4);
  });

  it('are as long as a message may be, and no longer', async () => {
    const { digests, asked, endTurn } = asking();
    const answers = Array.from({ length: 1 + digestsMax + 2 }, () => digests.ask('b', bytes('k')));
    expect(asked).toEqual([
      ['b', 1],
      ['b', digestsMax],
    ]);
    endTurn();
    expect(new Set((await Promise.all(answers)).map((hash) => hash?.high))).toEqual(new Set([107]));
    expect(asked.at(-1)).toEqual(['b', 2]);
  });
});
