import { expect, test } from 'vitest';
import { type LogOptions, createLog } from '../src/logging/logger.ts';
import { textLine } from '../src/logging/text-form.ts';

function written(options: Omit<LogOptions, 'write'>): string[] {
  const lines: string[] = [];
  const log = createLog({ ...options, write: (line) => lines.push(line) });
  log.debug('starting');
  log.info('ready', { http: 'http://127.0.0.1:7070', port: 7070 });
  log.warn('this is "odd"', { reason: 'a = b', fine: false });
  log.error('bug', { detail: 'x', stack: 'TypeError: x\n  at y' });
  return lines;
}

test('JSON: one object a line, with level, time and fields', () => {
  const lines = written({ format: 'json', level: 'info' });
  expect(lines.map((line) => JSON.parse(line) as object)).toEqual([
    { level: 'info', time: expect.stringMatching(/^\d{4}-.*Z$/), msg: 'ready', http: 'http://127.0.0.1:7070', port: 7070 },
    { level: 'warn', time: expect.any(String), msg: 'this is "odd"', reason: 'a = b', fine: false },
    { level: 'error', time: expect.any(String), msg: 'bug', detail: 'x', stack: 'TypeError: x\n  at y' },
  ]);
  for (const line of lines) expect(line.indexOf('\n')).toBe(line.length - 1);
});

test('text: one line for people, a stack below it', () => {
  const lines = written({ format: 'text', level: 'debug' });
  expect(lines.map((line) => line.replace(/^\d\d:\d\d:\d\d/, 'TIME'))).toEqual([
    'TIME debug  starting\n',
    'TIME info   ready  http=http://127.0.0.1:7070 port=7070\n',
    'TIME warn   this is "odd"  reason="a = b" fine=false\n',
    'TIME error  bug  detail=x\n    TypeError: x\n      at y\n',
  ]);
});

test('a level hides what is less, and silent hides all', () => {
  expect(written({ format: 'json', level: 'error' })).toHaveLength(1);
  expect(written({ format: 'json', level: 'silent' })).toEqual([]);
});

test('a line feed in a field stays inside its line; what is not JSON is passed on', () => {
  const line = textLine('{"level":"warn","time":"2026-11-21T05:00:00.000Z","msg":"m","detail":"a\\nb"}', 'plain');
  expect(line.split('\n')).toHaveLength(2);
  expect(textLine('not json\n', 'plain')).toBe('not json\n');
});
