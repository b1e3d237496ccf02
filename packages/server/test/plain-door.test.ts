/**
 * Requests that are read without node:http. Its parser is the twin: whatever is taken for plain must be to node:http the same
 * request, down to each header; and a connection goes over to it at any point without a byte lost or an answer out of order.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parsePlainHead } from '../src/http/plain-request.ts';
import { PlainResponse, type PlainWay } from '../src/http/plain-response.ts';
import { type Door, RawClient, openDoor } from './double/door.ts';

const numRuns = process.env['COTERIE_LONG'] === undefined ? 300 : 5000;

describe('a head', () => {
  const usual = [
    'Host: localhost',
    'Content-Length: 4',
    'Content-Type: text/plain',
    'coterie-context: abc',
    'Connection: Keep-Alive',
    'X-Empty:',
  ];

  test('of the usual kind is taken, names in lower case and values without the space around them', () => {
    const head = parsePlainHead(['PUT /v1/kv/a/b?w=2 HTTP/1.1', ...usual, 'X:\t two words \t'].join('\r\n'));
    expect(head).toEqual({
      method: 'PUT',
      url: '/v1/kv/a/b?w=2',
      headers: {
        host: 'localhost',
        'content-length': '4',
        'content-type': 'text/plain',
        'coterie-context': 'abc',
        connection: 'Keep-Alive',
        'x-empty': '',
        x: 'two words',
      },
      bodyBytes: 4,
    });
    expect(Object.getPrototypeOf(head?.headers)).toBeNull();
  });

  test.each([
    ['another method', 'PATCH / HTTP/1.1'],
    ['another version', 'GET / HTTP/1.0'],
    ['an absolute target', 'GET http://localhost/ HTTP/1.1'],
    ['two spaces', 'GET  / HTTP/1.1'],
    ['a space in the target', 'GET /a b HTTP/1.1'],
    ['a byte past ASCII in the target', 'GET /\xe4 HTTP/1.1'],
    ['a space before the colon', 'GET / HTTP/1.1\r\nHost : a'],
    ['a folded line', 'GET / HTTP/1.1\r\nX: a\r\n b'],
    ['a bare line feed', 'GET / HTTP/1.1\r\nX: a\nY: b'],
    ['a bare carriage return', 'GET / HTTP/1.1\r\nX: a\rb'],
    ['a null byte', 'GET / HTTP/1.1\r\nX: a\0b'],
    ['a byte past ASCII in a value', 'GET / HTTP/1.1\r\nX: \xe4'],
    ['a header without a name', 'GET / HTTP/1.1\r\n: a'],
    ['a header twice', 'GET / HTTP/1.1\r\nX: a\r\nx: a'],
    ['a body in chunks', 'PUT / HTTP/1.1\r\nTransfer-Encoding: chunked'],
    ['an expectation', 'PUT / HTTP/1.1\r\nExpect: 100-continue'],
    ['an upgrade', 'GET / HTTP/1.1\r\nUpgrade: h2c'],
    ['the end of the connection', 'GET / HTTP/1.1\r\nConnection: close'],
    ['several wishes for the connection', 'GET / HTTP/1.1\r\nConnection: keep-alive, upgrade'],
    ['a length with a sign', 'PUT / HTTP/1.1\r\nContent-Length: +4'],
    ['two lengths in one', 'PUT / HTTP/1.1\r\nContent-Length: 4, 4'],
    ['an empty length', 'PUT / HTTP/1.1\r\nContent-Length:'],
    ['a hexadecimal length', 'PUT / HTTP/1.1\r\nContent-Length: 0x4'],
    ['a long body', 'PUT / HTTP/1.1\r\nContent-Length: 65537'],
  ])('with %s is left to node:http', (_, text) => {
    expect(parsePlainHead(text)).toBeUndefined();
  });
});

describe('beside node:http', () => {
  let twin: Server;
  let port: number;
  let heard: ((request: IncomingMessage, body: Buffer) => void) | undefined;
  beforeEach(async () => {
    twin = createServer({ requireHostHeader: false }, (request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        response.end();
        heard?.(request, Buffer.concat(parts));
      });
    });
    twin.listen(0, '127.0.0.1');
    await once(twin, 'listening');
    ({ port } = twin.address() as AddressInfo);
  });
  afterEach(() => twin.close());

  /** What the twin makes of these bytes; undefined when it takes them for no request, or for none yet. */
  async function asHeard(bytes: Buffer): Promise<{ request: IncomingMessage; body: Buffer } | undefined> {
    const socket = connect(port, '127.0.0.1');
    const told = new Promise<{ request: IncomingMessage; body: Buffer } | undefined>((resolve) => {
      heard = (request, body) => resolve({ request, body });
      socket.on('error', () => resolve(undefined));
      socket.on('close', () => resolve(undefined));
      socket.resume();
    });
    socket.end(bytes);
    const outcome = await told;
    socket.destroy();
    return outcome;
  }

  const name = fc.constantFrom(
    'Host',
    'X',
    'content-length',
    'Content-Type',
    'Connection',
    'Transfer-Encoding',
    '__proto__',
    'constructor',
    'a b',
    'é',
  );
  const value = fc.oneof(
    fc.constantFrom('', ' ', 'localhost', '4', '04', '0', '12', 'keep-alive', 'close', 'chunked', 'a\tb', ' a ', 'é', 'a\0', '\x7f'),
    fc.string({ maxLength: 12 }),
  );
  const colon = fc.constantFrom(': ', ':', ' : ', ':\t', '');
  const line = fc.tuple(name, colon, value).map((parts) => parts.join(''));
  const start = fc.constantFrom(
    'GET / HTTP/1.1',
    'PUT /v1/kv/a/b?w=2 HTTP/1.1',
    'POST /x#y HTTP/1.1',
    'GET /"<>\\^`{|} HTTP/1.1',
    'GET / HTTP/1.0',
    'GET  / HTTP/1.1',
  );

  test('what is taken for plain is the same request there', async () => {
    let taken = 0;
    await fc.assert(
      fc.asyncProperty(start, fc.array(line, { maxLength: 5 }), async (first, lines) => {
        const text = [first, ...lines].join('\r\n');
        const head = parsePlainHead(text);
        if (head === undefined) return;
        taken++;
        const body = Buffer.alloc(head.bodyBytes, 'x');
        const twins = await asHeard(Buffer.concat([Buffer.from(`${text}\r\n\r\n`, 'latin1'), body]));
        expect(twins, JSON.stringify(text)).toBeDefined();
        const { request, body: theirs } = twins as { request: IncomingMessage; body: Buffer };
        const { rawHeaders: raw } = request;
        const theirHeaders = raw.flatMap((one, i) => (i % 2 === 0 ? [[one.toLowerCase(), raw[i + 1]]] : []));
        expect([head.method, head.url, Object.entries(head.headers)]).toEqual([request.method, request.url, theirHeaders]);
        expect(theirs).toEqual(body);
      }),
      { numRuns: 5 * numRuns },
    );
    expect(taken).toBeGreaterThan(numRuns / 10);
  }, 120_000);
});

describe('a connection', () => {
  let door: Door;
  beforeEach(async () => {
    door = await openDoor();
  });
  afterEach(() => door.server.destroy());

  const put = (key: string): string => `PUT /v1/kv/a/${key} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nmilk`;
  const chunked = (key: string): string =>
    `PUT /v1/kv/a/${key} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nmilk\r\n0\r\n\r\n`;
  const get = (key: string): string => `GET /v1/kv/a/${key} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
  const statuses = (heard: string): string[] => [...heard.matchAll(/HTTP\/1.1 (\d+)/g)].map(([, status]) => status as string);

  test('goes over to node:http behind answers that are under way, and what follows is answered there', async () => {
    let open: () => void = () => {};
    door.node.gate = new Promise((resolve) => (open = resolve));
    const client = new RawClient(door);
    client.send(get('none') + chunked('b') + put('c'));
    while (door.node.gets.length === 0) await door.server.service.timers.turn();
    for (let i = 0; i < 5; i++) await door.server.service.timers.turn();
    expect(door.node.puts).toHaveLength(0);
    open();
    await client.until(/404[^]*204[^]*204[^]*\r\n\r\n$/);
    client.send(get('b') + get('c'));
    await client.until(/milk[^]*milk$/);
    expect(statuses(client.heard)).toEqual(['404', '204', '204', '200', '200']);
    client.close();
  });

  test('whose requests come in pieces is answered, the last piece soon or late', async () => {
    const client = new RawClient(door);
    const text = put('a');
    for (let cut = 1; cut < text.length; cut += 9) {
      client.heard = '';
      client.send(text.slice(0, cut));
      await door.server.service.timers.turn();
      client.send(text.slice(cut));
      await client.until(/204[^]*\r\n\r\n$/);
    }
    const late = new RawClient(door);
    late.send(put('b').slice(0, -2));
    // Waited for in vain, it is node:http's, which begins to read the body.
    while (door.server.service.transfers.count === 0) await door.server.service.timers.turn();
    late.send('lk');
    await late.until(/204/);
    expect(door.node.puts.every(({ value }) => Buffer.from(value).toString() === 'milk')).toBe(true);
    client.close();
    late.close();
  });

  test('on which many requests come at once is answered in order, whoever of them is ready first', async () => {
    const client = new RawClient(door);
    const keys = Array.from({ length: 200 }, (_, i) => `k${i}`);
    const bodies = (): number => client.heard.split('NOT_FOUND').length + client.heard.split('OVERLOADED').length - 2;
    client.send(keys.map(get).join(''));
    while (bodies() < keys.length) await door.server.service.timers.turn();
    expect(statuses(client.heard)).toHaveLength(keys.length);
    expect(door.server.service.meters.inFlight).toBe(0);
    client.close();
  });

  test('that ends in the middle of a request is told so', async () => {
    const client = new RawClient(door);
    client.send('GET /livez HTTP/1.1\r\nHost: loc');
    client.socket.end();
    await client.ended;
    expect(client.heard).toMatch(/^HTTP\/1.1 400 /);
  });
});

test('a connection on which nothing is asked is ended with 408', async () => {
  const door = await openDoor({ flags: { 'headers-timeout': '50ms' } });
  const client = new RawClient(door);
  await client.ended;
  expect(client.heard).toMatch(/^HTTP\/1.1 408 [^]*"code":"TIMEOUT"/);
  await door.server.destroy();
});

describe('an answer', () => {
  /** A connection of which the test is in front or not. */
  class Way implements PlainWay {
    readonly socket = { writableNeedDrain: false } as Socket;
    isInFront = true;
    sent = '';

    closingLines(isLast: boolean): string {
      return isLast ? 'Connection: close\r\n' : 'Date: now\r\n';
    }

    ready(response: PlainResponse): void {
      if (!this.isInFront) return;
      for (const piece of response.take()) this.sent += typeof piece === 'string' ? piece : Buffer.from(piece).toString('latin1');
    }
  }

  test.each([
    ['with a short body', 200, ['A', 'b'], 'body', false, 'HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 4\r\nDate: now\r\n\r\nbody'],
    ['with a body past ASCII', 200, [], 'é', false, 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nDate: now\r\n\r\n\xc3\xa9'],
    ['without a body', 204, [], undefined, false, 'HTTP/1.1 204 No Content\r\nDate: now\r\n\r\n'],
    ['with an empty body', 200, [], undefined, false, 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nDate: now\r\n\r\n'],
    ['to HEAD', 200, ['Content-Length', '4'], undefined, true, 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\nDate: now\r\n\r\n'],
    ['that says nothing is new', 304, [], undefined, false, 'HTTP/1.1 304 Not Modified\r\nDate: now\r\n\r\n'],
    ['that is the last', 204, ['Connection', 'close'], undefined, false, 'HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n'],
  ] as const)('%s', (_, status, headers, body, isHead, sent) => {
    const way = new Way();
    const response = new PlainResponse(way, isHead);
    response.writeHead(status, headers);
    expect(response.headersSent).toBe(true);
    response.end(body);
    response.end('more');
    expect(way.sent).toBe(sent);
  });

  test.each([
    ['bytes', Uint8Array.of(0x61, 0xff, 0x00), Uint8Array.of(0x61, 0xff, 0x00)],
    ['text', 'ä', new TextEncoder().encode('ä')],
  ])('with a short body of %s leaves in one piece with its head, a long one behind it', (_, body, raw) => {
    const pieces: (Uint8Array | string)[] = [];
    const way = new Way();
    way.ready = (response) => void pieces.push(...response.take());
    const short = new PlainResponse(way, false);
    short.writeHead(200, []);
    short.end(body);
    expect(pieces).toHaveLength(1);
    const sent = Buffer.from(pieces[0] as string, 'latin1');
    expect(Uint8Array.from(sent.subarray(sent.indexOf('\r\n\r\n') + 4))).toEqual(raw);
    const long = new PlainResponse(way, false);
    long.writeHead(200, []);
    const large = new Uint8Array(4097);
    long.end(large);
    expect(pieces.slice(2)).toEqual([large]);
  });

  test('in pieces goes in chunks, an empty one for nothing, and to HEAD none', () => {
    const way = new Way();
    const response = new PlainResponse(way, false);
    response.writeHead(200, []);
    expect([response.write('one'), response.write(''), response.write(Buffer.from('twotwotwotwo'))]).toEqual([true, true, true]);
    response.end();
    expect(way.sent).toBe('HTTP/1.1 200 OK\r\nDate: now\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\nc\r\ntwotwotwotwo\r\n0\r\n\r\n');
    way.sent = '';
    const toHead = new PlainResponse(way, true);
    toHead.writeHead(200, []);
    toHead.write('one');
    toHead.end();
    expect(way.sent).toBe('HTTP/1.1 200 OK\r\nDate: now\r\n\r\n');
  });

  test('that is not in front keeps what it has, and asks to be waited for', () => {
    const way = new Way();
    way.isInFront = false;
    const response = new PlainResponse(way, false);
    let drained = 0;
    response.on('drain', () => drained++);
    response.writeHead(200, []);
    expect(response.write('one')).toBe(false);
    expect(way.sent).toBe('');
    response.drained();
    expect(drained).toBe(1);
    way.isInFront = true;
    way.ready(response);
    expect(way.sent).toContain('3\r\none\r\n');
  });

  test('has no header that would end its line', () => {
    const response = new PlainResponse(new Way(), false);
    expect(() => response.writeHead(200, ['X', 'a\r\nY: b'])).toThrow(/the value of X/);
    expect(response.headersSent).toBe(false);
  });

  test('tells once that it is over, those who still want to know', () => {
    const response = new PlainResponse(new Way(), false);
    const told: string[] = [];
    const first = (): void => void told.push('first');
    response
      .on('close', first)
      .on('close', () => told.push('second'))
      .off('close', first);
    response.closed();
    response.closed();
    expect([told, response.destroyed, response.write('x')]).toEqual([['second'], true, false]);
  });
});
