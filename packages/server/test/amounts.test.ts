import { expect, test } from 'vitest';
import { parseBytes, parseDuration, showBytes, showDuration } from '../src/amounts.ts';

test.each([
  ['500ms', 500],
  ['30s', 30_000],
  ['5m', 300_000],
  ['2h', 7_200_000],
  ['7d', 604_800_000],
  ['0s', 0],
])('%s is %d ms', (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

test.each(['', '30', 's', '1.5s', '-1s', '1 s', '1w', '999999999999999d', '30S'])('%j is no duration', (text) => {
  expect(parseDuration(text)).toBeUndefined();
});

test('sizes', () => {
  expect([parseBytes('512'), parseBytes('64KiB'), parseBytes('1MiB'), parseBytes('2GiB')]).toEqual([512, 65_536, 1_048_576, 2_147_483_648]);
  for (const text of ['', '1KB', '-1', '1.5MiB', '1 MiB', 'MiB']) expect(parseBytes(text)).toBeUndefined();
});

test('amounts for people', () => {
  expect([0, 1023, 1024, 1_500_000, 5 * 1024 ** 4].map(showBytes)).toEqual(['0 B', '1023 B', '1.00 KiB', '1.43 MiB', '5.00 TiB']);
  expect([0, 999, 61_000, 3_700_000, 90_000_000].map(showDuration)).toEqual(['0 ms', '999 ms', '1 min 1 s', '1 h 1 min', '1 d 1 h']);
});
