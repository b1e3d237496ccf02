/** Commands that were told several members: which of them they ask, and when they go on to the next. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { ask, endpointOf } from '../src/command/client.ts';
import { CommandFailure } from '../src/command/failure.ts';

const open: Server[] = [];
afterEach(() => {
  for (const server of open.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

/** A member that says it is ready, and then does this with every request; `asked`: their methods. */
async function member(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    if (request.url === '/readyz') response.end('ready');
    else {
      asked.push(`${request.method} ${request.headers['coterie-operation'] ?? ''}`.trim());
      answer(request, response);
    }
  });
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

const dies = (request: IncomingMessage): void => void request.socket.destroy();
const stops = (_request: IncomingMessage, response: ServerResponse): void =>
  void response
    .writeHead(503, { 'content-type': 'application/problem+json' })
    .end('{"code":"NOT_READY","detail":"it is stopping","retryable":true}');
const answers = (_request: IncomingMessage, response: ServerResponse): void => void response.writeHead(204).end();
const refuses = (_request: IncomingMessage, response: ServerResponse): void =>
  void response.writeHead(409, { 'content-type': 'application/problem+json' }).end('{"code":"REMOTE","detail":"no","retryable":false}');

const get = { method: 'GET', path: '/v1/kv/b/k', expect: [204] };
const put = { method: 'PUT', path: '/v1/kv/b/k', expect: [204] };
const putOnce = { ...put, headers: { 'coterie-operation': 'one' } };

describe('a request to several members', () => {
  test('goes on when the first dies in the middle of it, or is stopping', async () => {
    for (const first of [await member(dies), await member(stops)]) {
      const second = await member(answers);
      const endpoint = await endpointOf(`${first.url},${second.url}`);
      expect((await ask(endpoint, get)).status).toBe(204);
      expect((await ask(endpoint, putOnce)).status).toBe(204);
      expect([first.asked, second.asked]).toEqual([
        ['GET', 'PUT one'],
        ['GET', 'PUT one'],
      ]);
    }
  });

  test('does not go on with a write that might then happen twice, nor past a refusal', async () => {
    const second = await member(answers);
    const dying = await endpointOf(`${(await member(dies)).url},${second.url}`);
    await expect(ask(dying, put)).rejects.toThrow(/may have taken effect/);
    const refusing = await endpointOf(`${(await member(refuses)).url},${second.url}`);
    await expect(ask(refusing, get)).rejects.toThrow(/409 REMOTE: no/);
    expect(second.asked).toEqual([]);
  });

  test('fails with what the last one said', async () => {
    const endpoint = await endpointOf(`${(await member(dies)).url},${(await member(stops)).url}`);
    await expect(ask(endpoint, get)).rejects.toThrow(CommandFailure);
    await expect(ask(endpoint, get)).rejects.toThrow(/503 NOT_READY: it is stopping/);
  });
});
