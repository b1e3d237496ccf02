import { expect, test } from 'vitest';
import { TransferWatch } from '../src/http/transfers.ts';
import { ManualTime } from './double/door.ts';

const limits = { bytesMax: 1000, bytesPerSecondMin: 100, graceMs: 5000 };

function watched(): { time: ManualTime; watch: TransferWatch } {
  const time = new ManualTime();
  return { time, watch: new TransferWatch({ clock: time, timers: time }, limits) };
}

test('bytes are reserved until the transfer ends, once', () => {
  const { watch } = watched();
  const owner = { moved: () => 0, stalled: () => {} };
  const first = watch.begin(600, owner);
  expect(watch.begin(600, owner)).toBeUndefined();
  expect(first?.grow(400)).toBe(true);
  expect(first?.grow(1)).toBe(false);
  first?.end();
  first?.end();
  expect(watch.reserved).toBe(0);
  expect(watch.count).toBe(0);
});

test('a transfer below the minimum is ended after its grace, one above it goes on', () => {
  const { time, watch } = watched();
  const stalled: string[] = [];
  let moved = 0;
  watch.begin(1, { moved: () => 5, stalled: () => stalled.push('slow') });
  const steady = watch.begin(1, { moved: () => moved, stalled: () => stalled.push('steady') });
  for (let second = 0; second < 60; second++) {
    moved += 100;
    time.advance(1000);
    if (second < 4) expect(stalled).toEqual([]);
  }
  expect(stalled).toEqual(['slow']);
  expect(watch.stalls).toBe(1);
  steady?.end();
});

test('with nothing under way no timer runs', () => {
  const { time, watch } = watched();
  watch.begin(1, { moved: () => 0, stalled: () => {} })?.end();
  time.advance(5000);
  expect(time.monotonic()).toBe(5000);
  expect(watch.stalls).toBe(0);
});
