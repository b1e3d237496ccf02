import { CoterieError } from '@coterie/env';
import { describe, expect, it } from 'vitest';
import { Pursuit } from '../src/coordinator/pursuit.ts';
import { failureOf, reachedBy, type Reply, thresholdOf } from '../src/coordinator/quorum.ts';

describe('what an operation has to reach', () => {
  it.each([
    [1, 1],
    [2, 2],
    [3, 2],
    [4, 3],
    [5, 3],
  ])('is, of %d copies, %d for a majority', (copies, majority) => {
    expect(thresholdOf({ total: 'majority', primary: 0 }, copies, ['w', 'pw'])).toEqual({ total: majority, primary: 0 });
  });

  it('is as much as the larger number asks, and never more than there are copies', () => {
    expect(thresholdOf({ total: 1, primary: 3 }, 3, ['w', 'pw'])).toEqual({ total: 3, primary: 3 });
    expect(() => thresholdOf({ total: 1, primary: 4 }, 3, ['w', 'pw'])).toThrow(/pw=4 cannot be met: 3 stores/);
    expect(() => thresholdOf({ total: 0, primary: 0 }, 3, ['r', 'pr'])).toThrow(/r must be/);
  });
});

describe('what a reply says', () => {
  it('counts primaries, fallbacks and synced stores apart', () => {
    const pursuit = new Pursuit({
      sets: [['a', 'b', 'c']],
      thresholds: [{ total: 3, primary: 0 }],
      fallbacks: ['d'],
      standing: (id) => (id === 'c' ? 'down' : 'up'),
    });
    pursuit.start();
    pursuit.add({ store: 'a', ok: true, synced: true });
    pursuit.add({ store: 'b', ok: true, synced: false });
    pursuit.add({ store: 'd', standsFor: 'c', ok: true, synced: true });
    expect(reachedBy(pursuit)).toEqual({ primaries: 2, fallbacks: 1, synced: 2 });
  });

  it("is the only store's error, and names each store when there are several", () => {
    const failed: Reply = { store: 'a', ok: false, error: new Error('its own') };
    const threshold = { total: 2, primary: 1 };
    expect(failureOf([failed], threshold, true)).toBe(failed.error);
    expect(failureOf([{ store: 'a', ok: false, recovering: true }], threshold, false)).toMatchObject({
      code: 'QUORUM_NOT_MET',
      message: expect.stringContaining('a: cannot vouch for what it lacks'),
    });
    const several = failureOf([failed, { store: 'b', ok: true }], threshold, true);
    expect(several).toMatchObject({ code: 'QUORUM_NOT_MET', details: { mayHaveTakenEffect: true, needed: 2 } });
    expect(String(several)).toMatch(/1 stores answered well and 2 were needed, 1 of them primaries \(a: its own\)/);
  });

  it('sends the asker elsewhere where others take this node for no member: it may have left and not heard so', () => {
    const barred = { store: 'b', ok: false, error: new CoterieError('UNAUTHORIZED', 'a is not a member of this cluster') };
    const replies: Reply[] = [{ store: 'a', ok: true }, barred];
    expect(failureOf(replies, { total: 2, primary: 2 }, true)).toMatchObject({ code: 'NOT_READY', details: { mayHaveTakenEffect: true } });
    expect(failureOf([barred], { total: 1, primary: 0 }, false)).toMatchObject({
      code: 'NOT_READY',
      details: { mayHaveTakenEffect: false },
    });
  });
});
