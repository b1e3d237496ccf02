import { expect, describe, it } from 'vitest';
import { Patience } from '../src/coordinator/patience.ts';

/** A clock that is set by hand, and the timers that were asked for. */
function handSet() {
  const world = { nowMs: 0, timers: [] as { atMs: number; run: () => void }[] };
  const clock = { now: () => world.nowMs, monotonic: () => world.nowMs };
  const after = (delayMs: number, run: () => void) => {
    world.timers.push({ atMs: world.nowMs + delayMs, run });
    return { cancel: () => undefined };
  };
  const passTo = (nowMs: number): void => {
    for (;;) {
      const due = world.timers.findIndex(({ atMs }) => atMs <= nowMs);
      if (due < 0) break;
      const [timer] = world.timers.splice(due, 1);
      world.nowMs = timer.atMs;
      timer.run();
    }
    world.nowMs = nowMs;
  };
  return { world, passTo, patience: new Patience({ clock, timers: { after, turn: () => Promise.resolve() } }, 100) };
}

describe('patience', () => {
  it('ends for each at its own time, with one timer at a time', () => {
    const { world, passTo, patience } = handSet();
    const ended: string[] = [];
    const note = (name: string) => () => void ended.push(`${name} at ${world.nowMs}`);
    patience.begin(note('a'));
    passTo(30);
    patience.begin(note('b'));
    patience.begin(note('c'));
    expect(world.timers).toHaveLength(1);
    passTo(1000);
    expect(ended.toSorted()).toEqual(['a at 100', 'b at 130', 'c at 130']);
    expect(world.timers).toHaveLength(0);
  });

  it('does not end for who need not wait any more, and goes on for the others', () => {
    const { world, passTo, patience } = handSet();
    const ended: string[] = [];
    const first = patience.begin(() => void ended.push('first'));
    passTo(50);
    patience.begin(() => void ended.push(`second at ${world.nowMs}`));
    patience.end(first);
    passTo(1000);
    expect(ended).toEqual(['second at 150']);
  });

  it('begins anew after a rest, and from within its own end', () => {
    const { world, passTo, patience } = handSet();
    const ended: number[] = [];
    patience.begin(() => {
      ended.push(world.nowMs);
      patience.begin(() => void ended.push(world.nowMs));
    });
    passTo(1000);
    patience.begin(() => void ended.push(world.nowMs));
    passTo(2000);
    expect(ended).toEqual([100, 200, 1100]);
  });
});
