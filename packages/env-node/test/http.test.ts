import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createSocketServer, type Socket } from 'node:net';
import type { HttpRequest, HttpTransport } from '@coterie/env';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createNodeHttp } from '../src/http.ts';

let server: Server;
let origin = '';
let transport: HttpTransport;
let answer: (request: IncomingMessage, response: ServerResponse) => void;

beforeEach(async () => {
  server = createServer((request, response) => answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  transport = createNodeHttp();
});

afterEach(() => {
  transport.close();
  server.closeAllConnections();
  server.close();
});

function asking(over: Partial<HttpRequest> = {}): HttpRequest {
  return { method: 'GET', origin, path: '/', headers: {}, timeoutMs: 20_000, answerBytesMax: 1000, ...over };
}

describe('the transport over node:http', () => {
  it('sends path, headers and body as they are, and brings the whole answer', async () => {
    answer = (request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        response.writeHead(418, { 'X-Seen': `${request.method} ${request.url} ${request.headers['coterie-context']}` });
        response.write(Buffer.concat(parts));
        setImmediate(() => response.end('!'));
      });
    };
    const body = new TextEncoder().encode('milk');
    const heard = await transport.request(asking({ method: 'PUT', path: '/a/../%2e/..?w=1', headers: { 'coterie-context': 'c' }, body }));
    expect([heard.status, heard.headers['x-seen']]).toEqual([418, 'PUT /a/../%2e/..?w=1 c']);
    expect(heard.body).toEqual(new TextEncoder().encode('milk!'));
  });

  it('keeps a connection from one request to the next', async () => {
    const ports = new Set<number | undefined>();
    answer = (request, response) => {
      ports.add(request.socket.remotePort);
      response.end();
    };
    for (let i = 0; i < 3; i++) expect((await transport.request(asking())).body).toEqual(new Uint8Array());
    expect(ports.size).toBe(1);
  });

  it('says that a refused connection sent nothing', async () => {
    server.close();
    await expect(transport.request(asking())).rejects.toMatchObject({
      code: 'CONNECTION_LOST',
      details: { sent: false, osCode: 'ECONNREFUSED' },
      message: `${origin}: nothing listens there`,
    });
  });

  it('says that a connection which broke may have carried it, and whether it had served before', async () => {
    let heard = 0;
    answer = (request, response) => {
      if (++heard === 2) request.socket.destroy();
      else response.end();
    };
    await transport.request(asking());
    await expect(transport.request(asking())).rejects.toMatchObject({ code: 'CONNECTION_LOST', details: { sent: true, reused: true } });
  });

  it('gives up after its time, and on an answer that stops half way', async () => {
    answer = () => {};
    await expect(transport.request(asking({ timeoutMs: 20 }))).rejects.toMatchObject({ code: 'TIMEOUT', details: { sent: true } });
    answer = (_request, response) => {
      response.writeHead(200, { 'Content-Length': '10' });
      response.write('half', () => response.destroy());
    };
    await expect(transport.request(asking())).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
  });

  it.each(['declared', 'chunked'])('refuses an answer that is too large: %s', async (how) => {
    answer = (_request, response) => {
      if (how === 'declared') response.writeHead(200, { 'Content-Length': '1001' });
      response.end('x'.repeat(1001));
    };
    await expect(transport.request(asking())).rejects.toMatchObject({ code: 'TOO_LARGE' });
    await expect(transport.request(asking({ answerBytesMax: 1001 }))).resolves.toMatchObject({ status: 200 });
  });

  it('is given up by a signal, before and during a request', async () => {
    const early = AbortSignal.abort('no longer wanted');
    await expect(transport.request(asking({ signal: early }))).rejects.toMatchObject({
      code: 'CLOSED',
      cause: 'no longer wanted',
      details: { sent: false },
    });
    const late = new AbortController();
    answer = () => late.abort();
    await expect(transport.request(asking({ signal: late.signal }))).rejects.toMatchObject({ code: 'CLOSED', details: { sent: true } });
  });

  it('ends what is under way when it is closed', async () => {
    answer = () => transport.close();
    await expect(transport.request(asking())).rejects.toMatchObject({ code: 'CLOSED' });
    await expect(transport.request(asking())).rejects.toMatchObject({ code: 'CLOSED', details: { sent: false } });
  });

  it('calls what is no HTTP a lost connection', async () => {
    const sockets: Socket[] = [];
    const other = createSocketServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => socket.destroy());
      socket.end('SSH-2.0-something\r\n');
    });
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const elsewhere = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
    await expect(transport.request(asking({ origin: elsewhere }))).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    for (const socket of sockets) socket.destroy();
    other.close();
  });
});
