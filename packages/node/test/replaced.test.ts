import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fieldsOf, makePayload, type Payload } from '../src/objects/payload.ts';
import { nextRank, noneReplaced, rankFor, ReplacedList, replacedMax, stillAsked } from '../src/objects/replaced.ts';
import { bytes } from './world.ts';

const hourMs = 3_600_000;
const uuid = '123e4567-e89b-42d3-a456-426614174000';

function written(operation: string, writtenAt = 0): Payload {
  const fields = { tombstone: false, writtenAt, operation, contentType: '', extensions: [], value: bytes('') };
  return makePayload(fields, 0);
}

/** One after the other, each noted above all before it. */
function noted(operations: readonly string[]): ReplacedList {
  return operations.reduce(
    (list, operation) => list.note([written(operation)], nextRank({ replaced: list, set: { siblings: [] } })),
    noneReplaced,
  );
}

describe('the operations that were replaced', () => {
  /** Few ranks and times, so that entries meet; ids that are timed and ids that are not. */
  const entry = fc.record({ id: fc.nat(15), rank: fc.nat(20), writtenAt: fc.nat(3), isTimed: fc.boolean() });
  const list = fc.array(entry, { maxLength: 20, size: 'max' }).map((entries) =>
    entries.reduce((all, { id, rank, writtenAt, isTimed }) => {
      const operation = isTimed ? `000000000000-${id.toString(16).padStart(16, '0')}` : `${id}`;
      return all.note([written(operation, writtenAt)], rank);
    }, noneReplaced),
  );

  it('are the newest few, whichever way lists meet', () => {
    fc.assert(
      fc.property(list, list, list, (a, b, c) => {
        expect(a.join(b).bytes).toEqual(b.join(a).bytes);
        expect(a.join(b).join(c).bytes).toEqual(a.join(b.join(c)).bytes);
        expect(a.join(a)).toBe(a);
        expect(a.join(b).join(b)).toEqual(a.join(b));
        expect(a.join(b).entries.length).toBeLessThanOrEqual(replacedMax);
        const read = ReplacedList.of(a.join(b).bytes);
        expect(read.entries).toEqual(a.join(b).entries);
        expect(read.join(c).bytes).toEqual(a.join(b).join(c).bytes);
      }),
    );
  });

  it('make room for newer ones', () => {
    const full = noted(Array.from({ length: replacedMax + 1 }, (_, at) => `o${at}`));
    expect(full.entries).toHaveLength(replacedMax);
    expect(full.has('o0', 0)).toBe(false);
    expect(full.has('o1', 0)).toBe(true);
  });

  it('are newest by rank, whatever the clocks said', () => {
    const ahead = noneReplaced.note([written('ahead', hourMs)], 1);
    const full = ahead.join(
      noneReplaced.note(
        Array.from({ length: replacedMax }, (_, at) => written(`o${at}`)),
        2,
      ),
    );
    expect(full.has('ahead', hourMs)).toBe(false);
  });

  it('do not hold what nobody can ask for again', () => {
    const own = written(' 0123456789abcdef');
    const long = written('long ago');
    expect(noneReplaced.note([own], 1)).toBe(noneReplaced);
    expect(stillAsked([long, own], 49 * hourMs)).toEqual([]);
    expect(stillAsked([long], 47 * hourMs)).toEqual([long]);
    expect(noted(['o']).has(own.operation, 0)).toBe(false);
  });

  it('hold an id that its client may use again for as long as operations are remembered, and a unique one for ever', () => {
    const both = noted(['mine', uuid]);
    expect(both.has('mine', 600_000)).toBe(true);
    expect(both.has('mine', hourMs)).toBe(false);
    expect(both.has(uuid, 1000 * hourMs)).toBe(true);
  });

  it('are noted with the rank of what replaced them, or with their own', () => {
    const copy = { replaced: noted(['a', 'b']), set: { siblings: [] } };
    const third = makePayload({ ...fieldsOf(written('c')), rank: rankFor('c', copy) }, 0);
    expect(third.rank).toBe(3);
    expect(rankFor(' 0123456789abcdef', copy)).toBeUndefined();
    expect(copy.replaced.note([third]).entries.map(({ rank }) => rank)).toEqual([3, 2, 1]);
    const dot = { incarnation: '00000000000000aa', epoch: 1, counter: 1 };
    expect(nextRank({ ...copy, set: { siblings: [{ dot, value: third }] } })).toBe(4);
  });

  it('are refused when out of order, doubled, or too many', () => {
    const one = noted(['o']).bytes;
    const high = noneReplaced.note([written('o')], 9).bytes;
    const damaged = expect.objectContaining({ code: 'CORRUPTION' });
    for (const wrong of [[one, one], [one, high], [high, one], [one.slice(1)]]) {
      expect(() => ReplacedList.of(Buffer.concat(wrong)).entries).toThrow(damaged);
    }
    const many = Array.from({ length: replacedMax + 1 }, (_, at) => noneReplaced.note([written(`o${at}`)], 20 - at).bytes);
    expect(() => ReplacedList.of(Buffer.concat(many)).entries).toThrow(damaged);
    expect(ReplacedList.of(Buffer.concat(many.slice(1))).entries).toHaveLength(replacedMax);
  });
});
