import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Extensions } from '../src/extensions.ts';
import { makePayload, type Payload } from '../src/payload.ts';
import { isReplaced, mergeReplaced, noteReplaced, replacedIn, replacedMax, replacedTag } from '../src/replaced.ts';
import { bytes } from './world.ts';

const hourMs = 3_600_000;
const uuid = '123e4567-e89b-42d3-a456-426614174000';

function written(operation: string, writtenAt = 0): Payload {
  const fields = { tombstone: false, writtenAt, operation, contentType: '', extensions: [], value: bytes('') };
  return makePayload(fields, 0);
}

function noted(operations: readonly string[], before: Extensions = []): Extensions {
  return operations.reduce((extensions, operation) => noteReplaced(extensions, [written(operation)], 0), before);
}

function listOf(extensions: Extensions): Uint8Array {
  return extensions.find(({ tag }) => tag === replacedTag)?.bytes ?? new Uint8Array();
}

describe('the operations that were replaced', () => {
  it('are the newest few, whichever way copies meet', () => {
    const operations = fc.array(fc.integer({ min: 0, max: 15 }).map(String), { maxLength: 20 });
    fc.assert(
      fc.property(operations, operations, operations, (...parts) => {
        const [a, b, c] = parts.map((part) => listOf(noted(part)));
        expect(mergeReplaced(a, b)).toEqual(mergeReplaced(b, a));
        expect(mergeReplaced(mergeReplaced(a, b), c)).toEqual(mergeReplaced(a, mergeReplaced(b, c)));
        expect(mergeReplaced(a, a)).toEqual(a);
        const both = replacedIn([{ tag: replacedTag, bytes: mergeReplaced(a, b) }]);
        expect(both.length).toBeLessThanOrEqual(replacedMax);
        const [last] = parts[0].slice(-1);
        if (last !== undefined && parts[0].indexOf(last) === parts[0].length - 1)
          expect(isReplaced(replacedIn(noted(parts[0])), last, 0)).toBe(true);
      }),
    );
  });

  it('make room for newer ones', () => {
    const list = replacedIn(noted(Array.from({ length: replacedMax + 1 }, (_, at) => `o${at}`)));
    expect(list).toHaveLength(replacedMax);
    expect(isReplaced(list, 'o0', 0)).toBe(false);
    expect(isReplaced(list, 'o1', 0)).toBe(true);
  });

  it('do not hold what nobody can ask for again', () => {
    const own = written(' 0123456789abcdef');
    const long = written('long ago');
    expect(noteReplaced([], [own], 0)).toEqual([]);
    expect(noteReplaced([], [long], 49 * hourMs)).toEqual([]);
    expect(isReplaced(replacedIn(noted(['o'])), own.operation, 0)).toBe(false);
  });

  it('hold an id that its client may use again for as long as operations are remembered, and a unique one for ever', () => {
    const list = replacedIn(noted(['mine', uuid]));
    expect(isReplaced(list, 'mine', 600_000)).toBe(true);
    expect(isReplaced(list, 'mine', hourMs)).toBe(false);
    expect(isReplaced(list, uuid, 1000 * hourMs)).toBe(true);
  });

  it('lie among other extensions, in order, and are refused when out of order or too many', () => {
    const extensions = noted(
      ['o'],
      [
        { tag: 0, bytes: bytes('x') },
        { tag: 7, bytes: bytes('y') },
      ],
    );
    expect(extensions.map(({ tag }) => tag)).toEqual([0, replacedTag, 7]);
    const one = listOf(extensions);
    const twice = new Uint8Array([...one, ...one]);
    expect(() => replacedIn([{ tag: replacedTag, bytes: twice }])).toThrow(expect.objectContaining({ code: 'CORRUPTION' }));
    expect(() => replacedIn([{ tag: replacedTag, bytes: one.slice(1) }])).toThrow(expect.objectContaining({ code: 'CORRUPTION' }));
  });
});
