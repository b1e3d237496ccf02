import type { ServerResponse } from 'node:http';
import type { Timers } from '@coterie/env';
import { expect, test } from 'vitest';
import { httpDate } from '../src/http/http-date.ts';
import { Outbox } from '../src/http/outbox.ts';

/** Timers whose turn ends when the test says so. */
class HeldTurn implements Timers {
  turns = 0;
  private end: () => void = () => {};

  after(): { cancel(): void } {
    throw new Error('no timer is wanted here');
  }

  turn(): Promise<void> {
    this.turns++;
    return new Promise((resolve) => {
      this.end = resolve;
    });
  }

  async endTurn(): Promise<void> {
    this.end();
    await Promise.resolve();
  }
}

function responses(sent: string[]): (name: string, destroyed?: true) => ServerResponse {
  return (name, destroyed) =>
    ({ destroyed: destroyed === true, end: (body?: string) => sent.push(`${name} ${body ?? '-'}`) }) as unknown as ServerResponse;
}

test('answers of a turn leave at its end, in their order, and those whose client is gone do not', async () => {
  const sent: string[] = [];
  const response = responses(sent);
  const timers = new HeldTurn();
  const outbox = new Outbox(timers);
  outbox.put(response('first'), 'body');
  outbox.put(response('gone', true), 'lost');
  outbox.put(response('second'), undefined);
  expect(sent).toEqual([]);
  await timers.endTurn();
  expect(sent).toEqual(['first body', 'second -']);
  expect(timers.turns).toBe(1);
});

test('an answer that comes while a turn is sent waits for the next', async () => {
  const sent: string[] = [];
  const response = responses(sent);
  const timers = new HeldTurn();
  const outbox = new Outbox(timers);
  const again = { destroyed: false, end: () => outbox.put(response('later'), 'x') } as unknown as ServerResponse;
  outbox.put(again, undefined);
  await timers.endTurn();
  expect([sent, timers.turns]).toEqual([[], 2]);
  await timers.endTurn();
  expect(sent).toEqual(['later x']);
});

test.each([-1, 0, 999, 1000, 1_700_000_000_000, 1_700_001_024_000, 1_700_000_000_999])('the date of %d, asked twice', (milliseconds) => {
  const expected = new Date(Math.floor(milliseconds / 1000) * 1000).toUTCString();
  expect([httpDate(milliseconds), httpDate(milliseconds)]).toEqual([expected, expected]);
});
