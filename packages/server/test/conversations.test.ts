/** Golden conversations: exactly what goes over the wire, where HTTP is easy to get wrong. `Date` is left out. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Door, RawClient, openDoor } from './double/door.ts';

let door: Door;
beforeEach(async () => {
  door = await openDoor({ flags: { 'header-bytes-max': '2KiB', 'pipeline-max': '4' } });
});
afterEach(() => door.server.destroy());

const alive = 'Connection: keep-alive\nKeep-Alive: timeout=75\n';
const stored = (context: number): string =>
  `HTTP/1.1 204 No Content\nCoterie-Context: ${context}\nETag: "${context.toString(16)}"\nCoterie-Reached: primaries=1, fallbacks=0, synced=1\nCoterie-Epoch: 1\n${alive}\n`;

function problem(status: string, of: { code: string; title: string; detail: string; more?: string; headers?: string }): string {
  const number = Number(status.slice(0, 3));
  const type = `urn:coterie:problem:${of.code.toLowerCase().replaceAll('_', '-')}`;
  const body = `{"type":"${type}","title":"${of.title}","status":${number},"code":"${of.code}","detail":"${of.detail}","retryable":false${of.more ?? ''}}\n`;
  return `HTTP/1.1 ${status}\nContent-Type: application/problem+json\n${of.headers ?? `Cache-Control: no-store\nContent-Length: ${body.length}\n${alive}`}\n${body}`;
}

function closing(status: string, of: { code: string; title: string; detail: string }): string {
  const whole = problem(status, { ...of, headers: '' });
  const length = whole.slice(whole.indexOf('\n\n') + 2).length;
  return problem(status, { ...of, headers: `Connection: close\nContent-Length: ${length}\n` });
}

async function heardUntilEnd(...sent: string[]): Promise<string> {
  const client = new RawClient(door);
  for (const part of sent) client.send(part);
  await client.ended;
  return client.said;
}

test('a put, then a get, on one connection', async () => {
  const client = new RawClient(door);
  client.send('PUT /v1/kv/cart/alice HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nmilk');
  await client.until(/\r\n\r\n$/);
  client.send('GET /v1/kv/cart/alice HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await client.until(/milk$/);
  expect(client.said).toBe(
    `${stored(1)}HTTP/1.1 200 OK\nETag: "1"\nCoterie-Context: 1\nCoterie-Reached: primaries=1, fallbacks=0, synced=0\nCoterie-Epoch: 1\nCache-Control: no-cache\nContent-Type: text/plain\nLast-Modified: Tue, 14 Nov 2023 22:13:20 GMT\nX-Content-Type-Options: nosniff\nContent-Security-Policy: sandbox\nContent-Length: 4\n${alive}\nmilk`,
  );
  client.close();
});

test('requests sent without waiting are answered in order', async () => {
  const client = new RawClient(door);
  const put = (key: string): string => `PUT /v1/kv/cart/${key} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx`;
  client.send(put('a') + put('b') + put('c'));
  await client.until(/Coterie-Context: 3\r\n.*\r\n\r\n$/s);
  expect(client.said).toBe(stored(1) + stored(2) + stored(3));
  client.close();
});

test('too many at once on one connection are refused, in order, and the others answered', async () => {
  let open: () => void = () => {};
  door.node.gate = new Promise((resolve) => (open = resolve));
  const client = new RawClient(door);
  client.send('GET /v1/kv/cart/a HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(6));
  while (door.node.gets.length < 4 || door.server.service.meters.inFlight > 4) await door.server.service.timers.turn();
  open();
  await client.until(/(OVERLOADED.*){2}\n$/s);
  expect([...client.heard.matchAll(/HTTP\/1.1 (\d+)/g)].map((match) => match[1])).toEqual(['404', '404', '404', '404', '503', '503']);
  client.close();
});

test('100 Continue comes before a body that will be taken', async () => {
  const client = new RawClient(door);
  client.send('PUT /v1/kv/cart/alice HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n');
  await client.until(/100 Continue\r\n\r\n$/);
  client.send('milk');
  await client.until(/204.*\r\n\r\n$/s);
  expect(client.said).toBe(`HTTP/1.1 100 Continue\n\n${stored(1)}`);
  client.close();
});

test('no 100 Continue for a body that is too large, and the connection ends', async () => {
  const body =
    '{"type":"urn:coterie:problem:too-large","title":"Too large","status":413,"code":"TOO_LARGE","detail":"the body is larger than the 1048576 bytes allowed here","retryable":false,"mayHaveTakenEffect":false}\n';
  expect(
    await heardUntilEnd('PUT /v1/kv/cart/alice HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000000\r\nExpect: 100-continue\r\n\r\n'),
  ).toBe(
    `HTTP/1.1 413 Payload Too Large\nContent-Type: application/problem+json\nCache-Control: no-store\nConnection: close\nContent-Length: ${body.length}\n\n${body}`,
  );
});

test('an expectation that cannot be met', async () => {
  const client = new RawClient(door);
  client.send('PUT /v1/kv/cart/alice HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nExpect: a-miracle\r\n\r\n');
  await client.until(/\}\n$/);
  expect(client.said).toBe(
    problem('417 Expectation Failed', {
      code: 'INVALID_ARGUMENT',
      title: 'Invalid request',
      detail: 'only \\"Expect: 100-continue\\" can be met',
    }),
  );
  client.close();
});

test('a body over the limit is refused before it is there; sent all the same, the connection lives', async () => {
  const client = new RawClient(door);
  client.send('PUT /v1/kv/cart/alice HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000000\r\n\r\n');
  await client.until(/TOO_LARGE.*\}\n$/s);
  client.send(Buffer.alloc(2_000_000));
  client.send('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await client.until(/live\n$/);
  expect(door.server.service.transfers.reserved).toBe(0);
  client.close();
});

test('a body in chunks over the limit is refused while it comes', async () => {
  const client = new RawClient(door);
  client.send('PUT /v1/kv/cart/alice HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n');
  for (let i = 0; i < 18; i++) client.send(`10000\r\n${'x'.repeat(65_536)}\r\n`);
  await client.until(/413 Payload Too Large/);
  client.send('0\r\n\r\nGET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await client.until(/live\n$/);
  expect([door.node.puts.length, door.server.service.transfers.reserved]).toEqual([0, 0]);
  client.close();
});

test('a whole body in chunks is stored', async () => {
  const client = new RawClient(door);
  client.send(
    'PUT /v1/kv/cart/alice HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nmil\r\n1;x=y\r\nk\r\n0\r\nTrailer: x\r\n\r\n',
  );
  await client.until(/204/);
  expect(Buffer.from(door.node.puts[0]?.value as Uint8Array).toString()).toBe('milk');
  client.close();
});

test.each([
  ['nonsense', 'nonsense\r\n\r\n'],
  ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ['another protocol', '*1\r\n$4\r\nPING\r\n'],
  ['a bare line feed in a header', 'GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n'],
  ['both lengths', 'PUT /v1/kv/a/b HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ['two lengths', 'PUT /v1/kv/a/b HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n'],
  ['a negative length', 'PUT /v1/kv/a/b HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n'],
  ['a header folded over two lines', 'GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n'],
  ['a bad chunk size', 'PUT /v1/kv/a/b HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'],
])('%s is answered with 400 and the end', async (_, sent) => {
  expect(await heardUntilEnd(sent)).toBe(
    closing('400 Bad Request', {
      code: 'INVALID_ARGUMENT',
      title: 'Invalid request',
      detail: 'this is not a whole and valid HTTP/1.1 request',
    }),
  );
});

test('headers over their limit', async () => {
  expect(await heardUntilEnd(`GET / HTTP/1.1\r\nHost: a\r\nX: ${'y'.repeat(3000)}\r\n\r\n`)).toBe(
    closing('431 Request Header Fields Too Large', {
      code: 'TOO_LARGE',
      title: 'Too large',
      detail: 'request line and headers take more than 2048 bytes',
    }),
  );
});

test('a path over its limit', async () => {
  expect(await heardUntilEnd(`GET /v1/kv/a/${'k'.repeat(70_000)} HTTP/1.1\r\nHost: a\r\n\r\n`)).toMatch(/^HTTP\/1.1 431 /);
});

test('no Host, an empty Host, HTTP/1.0', async () => {
  const client = new RawClient(door);
  client.send('GET /livez HTTP/1.1\r\n\r\n');
  await client.until(/names its Host.*\n$/);
  client.send('GET /livez HTTP/1.1\r\nHost:\r\n\r\n');
  await client.until(/421 Misdirected Request/);
  client.close();
  expect(await heardUntilEnd('GET /livez HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1.1 200 OK\n[^]*live\n$/);
});

test('a target with its authority in front', async () => {
  const client = new RawClient(door);
  client.send(
    'GET http://localhost:1/livez HTTP/1.1\r\nHost: localhost\r\n\r\nGET http://localhost HTTP/1.1\r\nHost: localhost\r\n\r\nOPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n',
  );
  await client.until(/UNKNOWN_PATH/);
  expect([...client.heard.matchAll(/HTTP\/1.1 (\d+)/g)].map((match) => match[1])).toEqual(['200', '200', '404']);
  client.close();
});

test('a tunnel is refused', async () => {
  expect(await heardUntilEnd('CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n')).toMatch(/^HTTP\/1.1 405 [^]*no proxy/);
});

test('an upgrade is not taken, the request is', async () => {
  const client = new RawClient(door);
  client.send('GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n');
  await client.until(/live\n$/);
  expect(client.heard).toMatch(/^HTTP\/1.1 200 OK/);
  client.close();
});

test('a truncated body is never stored', async () => {
  for (const end of ['end', 'destroy'] as const) {
    const client = new RawClient(door);
    client.send('PUT /v1/kv/cart/alice HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nmil');
    while (door.server.service.transfers.count === 0) await door.server.service.timers.turn();
    if (end === 'end') client.socket.end();
    else client.close();
    while (door.server.service.meters.connections > 0) await door.server.service.timers.turn();
    expect([door.node.puts.length, door.server.service.transfers.reserved, door.server.service.meters.inFlight]).toEqual([0, 0, 0]);
  }
  expect(door.server.service.meters.counted('put', 'CLIENT_GONE')).toBe(2);
});

test('a client that leaves after its request was whole does not undo it', async () => {
  let open: () => void = () => {};
  door.node.gate = new Promise((resolve) => (open = resolve));
  const client = new RawClient(door);
  client.send('PUT /v1/kv/cart/alice HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nmilk');
  while (door.node.puts.length === 0) await door.server.service.timers.turn();
  client.close();
  while (door.server.service.meters.connections > 0) await door.server.service.timers.turn();
  open();
  while (door.server.service.meters.inFlight > 0) await door.server.service.timers.turn();
  expect((await door.node.get({ bucket: 'cart', key: Buffer.from('alice') })).state).toBe('found');
});

test('answers that wait behind another end with their connection', async () => {
  let open: () => void = () => {};
  await door.node.put({ bucket: 'cart', key: Buffer.from('big'), value: new Uint8Array(500_000) });
  door.node.gate = new Promise((resolve) => (open = resolve));
  const client = new RawClient(door);
  client.send('GET /v1/kv/cart/a HTTP/1.1\r\nHost: localhost\r\n\r\n');
  while (door.node.gets.length === 0) await door.server.service.timers.turn();
  const { gate } = door.node;
  door.node.gate = undefined;
  client.send('GET /v1/kv/cart HTTP/1.1\r\nHost: localhost\r\n\r\nGET /v1/kv/cart/big HTTP/1.1\r\nHost: localhost\r\n\r\n');
  while (door.server.service.transfers.count < 2) await door.server.service.timers.turn();
  client.close();
  while (door.server.service.meters.connections > 0) await door.server.service.timers.turn();
  open();
  await gate;
  while (door.server.service.meters.inFlight > 0) await door.server.service.timers.turn();
  expect([door.server.service.transfers.count, door.server.service.transfers.reserved]).toEqual([0, 0]);
});

test('a client that leaves before its body is asked for is not waited for', async () => {
  let open: () => void = () => {};
  door.node.gate = new Promise((resolve) => (open = resolve));
  const client = new RawClient(door);
  client.send('PUT /v1/kv/cart/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nxxxxx');
  while (door.server.service.meters.inFlight === 0) await door.server.service.timers.turn();
  client.close();
  while (door.server.service.meters.connections > 0) await door.server.service.timers.turn();
  open();
  while (door.server.service.meters.inFlight > 0) await door.server.service.timers.turn();
  expect([door.server.service.transfers.count, door.node.puts.length]).toEqual([0, 0]);
});
