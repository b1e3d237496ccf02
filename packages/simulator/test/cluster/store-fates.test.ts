import { describe, expect, it } from 'vitest';
import {
  type Counted,
  mayBeLostFrom,
  mayBeMissedFrom,
  type StoreFate,
  unannouncedLoss,
  type WriteFate,
} from '../../src/cluster/store-fates.ts';

const primary = (store: string): Counted => ({ store, isPrimary: true });
const standIn = (store: string, standsFor: string): Counted => ({ store, isPrimary: false, standsFor });
const ruined = (member: string, atMs: number, savedMs = -Infinity): StoreFate => ({
  kind: 'ruined',
  member,
  atMs,
  savedMs,
  isHidden: false,
});
const whole = (member: string, atMs: number): StoreFate => ({ kind: 'whole', member, atMs });
const removed = (member: string, atMs: number, beside: readonly string[] = []): StoreFate => ({
  kind: 'removed',
  member,
  atMs,
  statement: { beside },
});
const ring = (atMs: number, ...owners: readonly string[]): StoreFate => ({ kind: 'ring', atMs, owners: [owners] });

/** Acknowledged at 110 by these. */
function write(...stores: readonly Counted[]): WriteFate {
  return { partition: 0, begunMs: 100, acknowledgements: [{ atMs: 110, stores }] };
}

const two = write(primary('a'), primary('b'));
const never = Infinity;

describe('a write', () => {
  it.each<readonly [string, readonly StoreFate[], number]>([
    ['is safe while one store has it', [ruined('a', 200)], never],
    ['may be lost when both are ruined', [ruined('a', 200), ruined('b', 300)], 300],
    ['is safe where the first is whole again before', [ruined('a', 200), whole('a', 250), ruined('b', 300)], never],
    ['is not had back from nobody', [ruined('a', 200), ruined('b', 200), whole('a', 300), whole('b', 300)], 200],
    ['is safe from what befell stores before it began', [ruined('a', 50), ruined('b', 60)], never],
    ['may be lost on its way', [ruined('a', 105), ruined('b', 106)], 106],
    ['is not with who was whole again before it came', [ruined('c', 40), whole('c', 50), ruined('a', 200), ruined('b', 300)], 300],
    ['is in a backup that was begun later', [ruined('a', 200, 120), ruined('b', 300)], never],
    ['is in no backup that was begun before', [ruined('a', 200, 105), ruined('b', 300)], 300],
    ['goes with who is removed', [ruined('a', 200), removed('b', 300)], 300],
  ])('%s', (_what, fates, lostMs) => {
    expect(mayBeLostFrom(two, [ring(0, 'a', 'b', 'c'), ...fates])).toBe(lostMs);
  });

  it('that nobody acknowledged is not lost', () => {
    expect(mayBeLostFrom({ partition: 0, begunMs: 100, acknowledgements: [] }, [ruined('a', 200)])).toBe(never);
  });

  it('moves with its partition, and is not with former owners', () => {
    const moved = [ring(0, 'a', 'b', 'c'), ring(200, 'c', 'd', 'e')];
    expect(mayBeLostFrom(two, [...moved, ruined('a', 300), ruined('b', 300)])).toBe(never);
    expect(mayBeLostFrom(two, [...moved, ruined('d', 300), ruined('e', 300)])).toBe(300);
    // c owned it before as well, and may have missed it.
    expect(mayBeLostFrom(two, [...moved, ruined('d', 300), ruined('c', 310), ruined('e', 320)])).toBe(320);
  });

  it('may be missed at owners where all that acknowledged it are ruined, though a stand-in keeps it', () => {
    const kept = write(primary('a'), primary('b'), standIn('f', 'c'));
    const both = [ring(0, 'a', 'b', 'c'), ruined('a', 200), ruined('b', 210), whole('a', 300), whole('b', 310)];
    expect(mayBeLostFrom(kept, both)).toBe(never);
    expect(mayBeMissedFrom(kept, both)).toBe(210);
    expect(mayBeMissedFrom(kept, [ring(0, 'a', 'b', 'c'), ruined('a', 200), whole('a', 205), ruined('b', 210)])).toBe(never);
  });

  it('that a stand-in keeps is safe until that one, or whom it stands for, is ruined', () => {
    const kept = write(primary('a'), standIn('f', 'b'));
    const now = ring(0, 'a', 'b', 'c');
    expect(mayBeLostFrom(kept, [now, ruined('a', 200), ruined('c', 200)])).toBe(never);
    expect(mayBeLostFrom(kept, [now, ruined('a', 200), ruined('f', 300)])).toBe(300);
    expect(mayBeLostFrom(kept, [now, ruined('a', 200), ruined('b', 300)])).toBe(300);
    // Nobody whom a could ask had it.
    expect(mayBeLostFrom(kept, [now, ruined('a', 200), whole('a', 250), ruined('f', 300)])).toBe(300);
  });

  it('that was acknowledged twice is with all who acknowledged it', () => {
    const twice = { ...two, acknowledgements: [...two.acknowledgements, { atMs: 150, stores: [primary('c')] }] };
    expect(mayBeLostFrom(twice, [ring(0, 'a', 'b', 'c'), ruined('a', 200), ruined('b', 200)])).toBe(never);
  });
});

describe('a removal', () => {
  const now = ring(0, 'a', 'b', 'c');

  it('takes what the member alone acknowledged, as is always said', () => {
    expect(unannouncedLoss(write(primary('a')), [now, removed('a', 200)])).toBeUndefined();
  });

  it('takes what is shared with members that do not vouch, where it was said of them', () => {
    expect(unannouncedLoss(two, [now, ruined('b', 150), removed('a', 200, ['b'])])).toBeUndefined();
    expect(unannouncedLoss(two, [now, ruined('b', 150), removed('a', 200)])).toBe('a');
    expect(unannouncedLoss(two, [now, ruined('b', 150), removed('a', 200, ['c'])])).toBe('a');
    // It does not know that its file is damaged.
    expect(unannouncedLoss(two, [now, { ...ruined('b', 150), isHidden: true } as StoreFate, removed('a', 200)])).toBeUndefined();
  });

  it('is not to blame for what a ruin takes afterwards', () => {
    expect(unannouncedLoss(two, [now, removed('a', 150), ruined('b', 200)])).toBeUndefined();
  });
});
