import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { NodeConnection } from '../src/network-connection.ts';

/** A socket that keeps what is written to it. */
class KeptSocket extends EventEmitter {
  readonly remoteAddress = '127.0.0.1';
  readonly remotePort = 1;
  readonly writableLength = 0;
  readonly written: string[] = [];

  write(bytes: Uint8Array): void {
    this.written.push(Buffer.from(bytes).toString());
  }

  resume(): void {}
  cork(): void {}
  uncork(): void {}
}

function connection(): { socket: KeptSocket; made: NodeConnection } {
  const socket = new KeptSocket();
  return { socket, made: new NodeConnection(socket as unknown as Socket) };
}

test('what is sent in one turn, in whatever callback of it, is one write in its order', async () => {
  const { socket, made } = connection();
  const send = (text: string): void => void made.send(Buffer.from(text));
  send('a');
  process.nextTick(() => {
    send('b');
    void Promise.resolve().then(() => send('c'));
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(socket.written).toEqual(['abc']);
});

test('what was sent can be handed over before the turn ends, and the rest follows', async () => {
  const { socket, made } = connection();
  made.flush();
  made.send(Buffer.from('a'));
  made.send(Buffer.from('b'));
  made.flush();
  expect(socket.written).toEqual(['ab']);
  made.send(Buffer.from('c'));
  expect(socket.written).toEqual(['ab']);
  await new Promise((resolve) => setImmediate(resolve));
  expect(socket.written).toEqual(['ab', 'c']);
});

test('what arrives is a plain array, whose slice is a copy', () => {
  const { socket, made } = connection();
  const heard: Uint8Array[] = [];
  made.start({ data: (bytes) => heard.push(bytes), drain: () => {}, closed: () => {} });
  const chunk = Buffer.from('xhello').subarray(1);
  socket.emit('data', chunk);
  const copy = heard[0].slice();
  chunk.fill(0);
  expect([Buffer.isBuffer(heard[0]), Buffer.from(copy).toString()]).toEqual([false, 'hello']);
});
