import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Writable } from 'node:stream';
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

test('a small body of bytes is sent as text that stands for the same bytes, a large one as it is', async () => {
  const sent: [body: unknown, encoding: unknown][] = [];
  const timers = new HeldTurn();
  const outbox = new Outbox(timers);
  const response = {
    destroyed: false,
    end: (body: unknown, encoding: unknown) => sent.push([body, encoding]),
  } as unknown as ServerResponse;
  const whole = Uint8Array.from({ length: 258 }, (_, i) => i);
  const large = new Uint8Array(4097);
  outbox.put(response, whole.subarray(1, 257));
  outbox.put(response, large);
  await timers.endTurn();
  expect(sent[0][1]).toBe('latin1');
  expect(Uint8Array.from(Buffer.from(sent[0][0] as string, 'latin1'))).toEqual(Uint8Array.from(whole.subarray(1, 257)));
  expect(sent[1]).toEqual([large, undefined]);
});

test.each([
  ['bytes', Uint8Array.of(0x61, 0xff, 0x00), Uint8Array.of(0x61, 0xff, 0x00)],
  ['text', 'ä', new TextEncoder().encode('ä')],
])('head and %s of a real response leave in one piece', async (_, body, raw) => {
  const lists: Uint8Array[][] = [];
  const socket = new Writable({
    decodeStrings: true,
    write: (piece: Uint8Array, _encoding, done) => (lists.push([piece]), done()),
    writev: (pieces: { chunk: Uint8Array }[], done) => (lists.push(pieces.map(({ chunk }) => chunk)), done()),
  });
  const response = new ServerResponse({ method: 'GET', httpVersionMajor: 1, httpVersionMinor: 1 } as IncomingMessage);
  response.assignSocket(socket as Socket);
  const timers = new HeldTurn();
  const outbox = new Outbox(timers);
  response.writeHead(200, ['Content-Length', String(raw.length)]);
  outbox.put(response, body);
  await timers.endTurn();
  expect(lists.length).toBe(1);
  expect(lists[0]?.length).toBe(1);
  const sent = Buffer.from(lists[0]?.[0] ?? []);
  const end = sent.indexOf('\r\n\r\n') + 4;
  expect(sent.subarray(0, end).toString()).toMatch(/^HTTP\/1.1 200 OK\r\nContent-Length: /);
  expect(Uint8Array.from(sent.subarray(end))).toEqual(raw);
});

test.each([-1, 0, 999, 1000, 1_700_000_000_000, 1_700_001_024_000, 1_700_000_000_999])('the date of %d, asked twice', (milliseconds) => {
  const expected = new Date(Math.floor(milliseconds / 1000) * 1000).toUTCString();
  expect([httpDate(milliseconds), httpDate(milliseconds)]).toEqual([expected, expected]);
});
