import { describe, expect, it } from 'vitest';
import { checkHazards, noHazards } from '../src/hazards.ts';

describe('hazards', () => {
  it('are none unless they are asked for by name', () => {
    expect(checkHazards()).toEqual(noHazards);
    expect(Object.values(noHazards).filter(Boolean)).toEqual([]);
    expect(checkHazards({ sharedKeyTurn: true })).toEqual({ ...noHazards, sharedKeyTurn: true });
  });

  it('are refused under any other name', () => {
    expect(() => checkHazards({ noLocks: true } as object)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });
});
