/**
 * Whatever comes in: an answer with a type, or the end of that connection; never a crash, a leak or a 500. What goes
 * through unharmed is checked against a model by the other tests.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Door, RawClient, ask, openDoor } from './double/door.ts';

const numRuns = process.env['COTERIE_LONG'] === undefined ? 80 : 5000;
const timeoutMs = 30_000 + numRuns * 60;
let door: Door;
beforeAll(async () => {
  door = await openDoor({ flags: { 'header-bytes-max': '4KiB', 'batch-line-bytes-max': '256' } });
});
afterAll(() => door.server.destroy());

/** Nothing is left of all that came in; called at the end of each test. */
async function nothingLeft(): Promise<void> {
  while (door.server.service.meters.connections > 0) await door.server.service.timers.turn();
  const { meters, transfers, batches } = door.server.service;
  expect({ inFlight: meters.inFlight, reserved: transfers.reserved, moving: transfers.count, batches }).toEqual({
    inFlight: 0,
    reserved: 0,
    moving: 0,
    batches: 0,
  });
  expect((await ask(door, 'GET /livez')).status).toBe(200);
  expect(door.log.lines.filter((line) => line.level === 'error')).toEqual([]);
  while (door.server.service.meters.connections > 0) await door.server.service.timers.turn();
}

const visible = fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code));
const segment = fc.oneof(
  fc.constantFrom('', '.', '..', '%', '%2', '%2F', '%00', '%FF', '%zz', 'cart', 'alice', 'constructor', '__proto__', ';', '*'),
  fc.array(visible, { maxLength: 12 }).map((parts) => parts.join('')),
);
const path = fc
  .tuple(
    fc.constantFrom('', '/v1/kv', '/v1/buckets', '/v1/where', '/v1/batch', '/v1', '/livez', '/metrics', '/v1/status'),
    fc.array(segment, { maxLength: 3 }),
  )
  .map(([root, segments]) => [root, ...segments].join('/'));
const parameter = fc
  .tuple(
    fc.constantFrom('w', 'pw', 'r', 'pr', 'ttl', 'timeout', 'monotonic', 'prefix', 'limit', 'cursor', 'x', ''),
    fc.oneof(fc.constantFrom('1', '30s', 'true', '%', '99999999999', '-1', 'NaN'), segment),
  )
  .map((pair) => pair.join('='));
const query = fc.array(parameter, { maxLength: 3 }).map((parts) => (parts.length === 0 ? '' : `?${parts.join('&')}`));
const method = fc.constantFrom('GET', 'PUT', 'POST', 'DELETE', 'HEAD', 'PATCH', 'OPTIONS');
const header = fc.tuple(
  fc.constantFrom(
    'coterie-context',
    'coterie-operation',
    'if-match',
    'if-none-match',
    'content-type',
    'accept',
    'expect',
    'content-encoding',
    'range',
    'x',
  ),
  fc.oneof(
    fc.constantFrom('*', '"a"', '1', 'application/json', 'application/x-ndjson', '100-continue', 'bytes=0-1'),
    fc.array(fc.oneof(visible, fc.constant(' ')), { maxLength: 20 }).map((parts) => parts.join('')),
  ),
);
const body = fc.oneof(
  fc.uint8Array({ maxLength: 400 }),
  fc.json({ maxDepth: 3 }).map((text) => Buffer.from(text)),
  fc
    .array(
      fc.oneof(
        fc.json({ maxDepth: 2 }),
        fc
          .record(
            {
              op: fc.constantFrom('put', 'get', 'delete', 'x'),
              bucket: fc.string({ maxLength: 4 }),
              key: fc.string({ maxLength: 6 }),
              text: fc.string({ maxLength: 6 }),
            },
            { requiredKeys: ['op'] },
          )
          .map((line) => JSON.stringify(line)),
      ),
      { maxLength: 6 },
    )
    .map((lines) => Buffer.from(lines.join('\n'))),
);
const request = fc.record({ method, path, query, headers: fc.array(header, { maxLength: 4 }), body });

function encode(one: { method: string; path: string; query: string; headers: [string, string][]; body: Uint8Array }): Buffer {
  const lines = one.headers.filter(([name]) => name !== 'expect').map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([
    Buffer.from(
      `${one.method} ${one.path === '' ? '/' : one.path}${one.query} HTTP/1.1\r\nHost: localhost\r\n${lines.join('')}Content-Length: ${one.body.length}\r\n\r\n`,
      'latin1',
    ),
    one.body,
  ]);
}

/** What was heard is whole answers of allowed statuses, each refusal with a code. */
function checkHeard(heard: string): void {
  for (const match of heard.matchAll(/HTTP\/1\.1 (\d{3}) /g)) expect(['500', '502', '501']).not.toContain(match[1]);
  if (/^HTTP\/1\.1 4/.test(heard)) expect(heard).toMatch(/application\/problem\+json/);
}

test(
  'any request is answered',
  async () => {
    await fc.assert(
      fc.asyncProperty(request, async (one) => {
        const client = new RawClient(door);
        client.send(encode(one));
        const [, status] = await client.until(/^HTTP\/1\.1 (\d{3}) [^]*?\r\n\r\n/);
        checkHeard(client.heard);
        expect(Number(status)).toBeGreaterThanOrEqual(200);
        client.close();
      }),
      { numRuns },
    );
    await nothingLeft();
  },
  timeoutMs,
);

test(
  'several requests, cut anywhere, are answered in turn or the connection ends',
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 4 }), fc.nat(1000), async (requests, cut) => {
        const bytes = Buffer.concat(requests.map(encode));
        const at = Math.min(cut, bytes.length);
        const client = new RawClient(door);
        client.send(bytes.subarray(0, at));
        await door.server.service.timers.turn();
        client.send(bytes.subarray(at));
        client.socket.end();
        await client.ended;
        checkHeard(client.heard);
      }),
      { numRuns },
    );
    await nothingLeft();
  },
  timeoutMs,
);

test(
  'a truncated request is answered or ended',
  async () => {
    await fc.assert(
      fc.asyncProperty(request, fc.double({ min: 0, max: 1, noNaN: true }), async (one, share) => {
        const bytes = encode(one);
        const client = new RawClient(door);
        client.send(bytes.subarray(0, Math.floor(bytes.length * share)));
        client.socket.end();
        await client.ended;
        checkHeard(client.heard);
      }),
      { numRuns },
    );
    await nothingLeft();
  },
  timeoutMs,
);

test(
  'a client that vanishes at any point leaves nothing',
  async () => {
    await fc.assert(
      fc.asyncProperty(request, fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(3), async (one, share, turns) => {
        const bytes = encode(one);
        const client = new RawClient(door);
        client.send(bytes.subarray(0, Math.ceil(bytes.length * share)));
        for (let i = 0; i < turns; i++) await door.server.service.timers.turn();
        client.socket.resetAndDestroy();
        await client.ended;
      }),
      { numRuns },
    );
    await nothingLeft();
  },
  timeoutMs,
);

test(
  'garbage',
  async () => {
    const garbage = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc
        .array(
          fc.constantFrom(
            'GET ',
            '/ ',
            'HTTP/1.1',
            '\r\n',
            '\r',
            '\n',
            ':',
            'Host',
            'Content-Length: ',
            '18446744073709551616',
            'Transfer-Encoding: chunked',
            '0',
            'ffffffffffffffff',
            ' ',
            '\u0000',
            'PRI * HTTP/2.0',
          ),
          { maxLength: 20 },
        )
        .map((parts) => Buffer.from(parts.join(''), 'latin1')),
    );
    await fc.assert(
      fc.asyncProperty(garbage, async (bytes) => {
        const client = new RawClient(door);
        client.send(bytes);
        client.socket.end();
        await client.ended;
        checkHeard(client.heard);
      }),
      { numRuns },
    );
    await nothingLeft();
  },
  timeoutMs,
);
