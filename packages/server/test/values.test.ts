import { CoterieError } from '@coterie/env';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Door, ask, openDoor } from './double/door.ts';

let door: Door;
beforeEach(async () => {
  door = await openDoor();
});
afterEach(() => door.server.destroy());

const at = '/v1/kv/cart/alice';

describe('put, get, delete', () => {
  test('a value comes back as it went in', async () => {
    const value = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const put = await ask(door, `PUT ${at}`, { body: value, headers: { 'content-type': 'image/png' } });
    expect([put.status, put.text]).toEqual([204, '']);
    expect(put.headers).toMatchObject({
      'coterie-context': '1',
      etag: '"1"',
      'coterie-reached': 'primaries=1, fallbacks=0, synced=1',
      'coterie-epoch': '1',
    });
    const got = await ask(door, `GET ${at}`);
    expect(got.status).toBe(200);
    expect(got.body).toEqual(value);
    expect(got.headers).toMatchObject({
      'content-type': 'image/png',
      etag: '"1"',
      'coterie-context': '1',
      'last-modified': 'Tue, 14 Nov 2023 22:13:20 GMT',
      'x-content-type-options': 'nosniff',
      'content-security-policy': 'sandbox',
    });
    const head = await ask(door, `HEAD ${at}`);
    expect([head.status, head.headers['content-length'], head.text]).toEqual([200, '256', '']);
  });

  test.each([0, 1, 4096, 4097, 65_536, 65_537, 1_048_576])('a value of %d bytes', async (length) => {
    const value = Buffer.alloc(length, 'coterie!');
    expect((await ask(door, `PUT ${at}`, { body: value })).status).toBe(204);
    expect((await ask(door, `GET ${at}`)).body.equals(value)).toBe(true);
    expect(door.server.service.transfers.reserved).toBe(0);
  });

  test('a body in chunks', async () => {
    const value = Buffer.alloc(200_000, 'x');
    expect((await ask(door, `PUT ${at}`, { headers: { 'transfer-encoding': 'chunked' }, body: value })).status).toBeGreaterThan(0);
  });

  test('absent, deleted and present are three answers', async () => {
    const absent = await ask(door, `GET ${at}`);
    expect([absent.status, absent.json()['code'], absent.headers['coterie-context']]).toEqual([404, 'NOT_FOUND', undefined]);
    expect(absent.headers['content-type']).toBe('application/problem+json');
    await ask(door, `PUT ${at}`, { body: 'x' });
    expect((await ask(door, `DELETE ${at}`)).status).toBe(204);
    const deleted = await ask(door, `GET ${at}`);
    expect([deleted.status, deleted.json()['code'], deleted.headers['coterie-context']]).toEqual([404, 'DELETED', '2']);
    const head = await ask(door, `HEAD ${at}`);
    expect([head.status, head.text, head.headers['coterie-context']]).toEqual([404, '', '2']);
  });

  test('headers and query reach the node', async () => {
    await ask(door, `PUT ${at}?w=2&pw=1&ttl=30s&timeout=500ms`, {
      body: 'x',
      headers: { 'coterie-context': '0', 'coterie-operation': 'op-1' },
    });
    expect(door.node.puts[0]).toMatchObject({
      bucket: 'cart',
      w: 2,
      pw: 1,
      ttlMs: 30_000,
      timeoutMs: 500,
      context: '0',
      operation: 'op-1',
    });
    await ask(door, `GET ${at}?r=2&pr=1&timeout=2s&monotonic`);
    expect(door.node.gets[0]).toMatchObject({ r: 2, pr: 1, timeoutMs: 2000, monotonic: true });
    expect((await ask(door, `GET ${at}`)).headers['coterie-expires']).toBe('2023-11-14T22:13:50.000Z');
  });

  test('keys are bytes', async () => {
    for (const [path, key] of [
      ['%00', '00'],
      ['%FF%fe', 'fffe'],
      ['a%2Fb', '612f62'],
      ['..', '2e2e'],
      ['a+b', '612b62'],
      ["'()*!;=:@&,$~", Buffer.from("'()*!;=:@&,$~").toString('hex')],
    ]) {
      expect((await ask(door, `PUT /v1/kv/b%C3%BCcket/${path}`, { body: 'x' })).status).toBe(204);
      const { bucket, key: bytes } = door.node.puts.at(-1)!;
      expect([bucket, Buffer.from(bytes).toString('hex')]).toEqual(['bücket', key]);
    }
  });

  test('preconditions', async () => {
    expect((await ask(door, `PUT ${at}`, { body: 'a', headers: { 'if-none-match': '*' } })).status).toBe(204);
    const refused = await ask(door, `PUT ${at}`, { body: 'b', headers: { 'if-none-match': '*' } });
    expect([refused.status, refused.json()['code'], refused.json()['mayHaveTakenEffect']]).toEqual([412, 'PRECONDITION_FAILED', false]);
    expect((await ask(door, `PUT ${at}`, { body: 'c', headers: { 'if-match': '"1"', 'coterie-context': '1' } })).status).toBe(204);
    expect((await ask(door, `PUT ${at}`, { body: 'd', headers: { 'if-match': '"1"' } })).status).toBe(412);
    for (const headers of [{ 'if-match': '*' }, { 'if-match': '"a", "b"' }, { 'if-match': 'W/"a"' }, { 'if-none-match': '"1"' }]) {
      expect((await ask(door, `PUT ${at}`, { body: 'e', headers })).status).toBe(400);
    }
    expect((await ask(door, `GET ${at}`, { headers: { 'if-none-match': '"2"' } })).status).toBe(304);
    expect((await ask(door, `GET ${at}`, { headers: { 'if-none-match': '"1"' } })).status).toBe(200);
  });
});

describe('siblings', () => {
  beforeEach(async () => {
    await ask(door, `PUT ${at}`, { body: 'milk', headers: { 'content-type': 'text/plain' } });
    await ask(door, `PUT ${at}?ttl=1s`, { body: Buffer.from([0, 255]), headers: { 'content-type': 'a/b' } });
  });

  test('come as parts', async () => {
    const got = await ask(door, `GET ${at}`);
    expect(got.status).toBe(300);
    const boundary = /^multipart\/mixed; boundary="([^"]+)"$/.exec(String(got.headers['content-type']))?.[1];
    expect(got.body.toString('latin1')).toBe(
      [
        `--${boundary}`,
        'Content-Type: text/plain',
        'ETag: "1"',
        'Last-Modified: Tue, 14 Nov 2023 22:13:20 GMT',
        '',
        'milk',
        `--${boundary}`,
        'Content-Type: a/b',
        'ETag: "2"',
        'Last-Modified: Tue, 14 Nov 2023 22:13:20 GMT',
        'Coterie-Expires: 2023-11-14T22:13:21.000Z',
        '',
        '\u0000ÿ',
        `--${boundary}--`,
        '',
      ].join('\r\n'),
    );
    expect((await ask(door, `HEAD ${at}`)).status).toBe(300);
  });

  test('come as JSON, and a write with their context replaces them', async () => {
    const got = await ask(door, `GET ${at}`, { headers: { accept: 'application/json' } });
    expect(got.json()).toEqual({
      context: '2',
      etag: '"1-2"',
      siblings: [
        { value: 'bWlsaw==', contentType: 'text/plain', writtenAt: '2023-11-14T22:13:20.000Z', etag: '"1"' },
        { value: 'AP8=', contentType: 'a/b', writtenAt: '2023-11-14T22:13:20.000Z', expiresAt: '2023-11-14T22:13:21.000Z', etag: '"2"' },
      ],
    });
    await ask(door, `PUT ${at}`, { body: 'both', headers: { 'coterie-context': got.json()['context'] as string } });
    expect((await ask(door, `GET ${at}`)).text).toBe('both');
  });
});

describe('refusals', () => {
  test.each([
    ['PUT /v1/kv/cart/', 'the key is empty'],
    ['PUT /v1/kv//alice', 'names a bucket and a key'],
    ['GET /v1/kv/cart/a/b', '%2F'],
    ['GET /v1/kv/cart/%zz', 'hex digits'],
    ['GET /v1/kv/cart/a%', 'hex digits'],
    ['GET /v1/kv/%ff/a', 'not UTF-8'],
    ['GET /v1/kv/cart/a#b', 'percent-encoded'],
    [`PUT ${at}?tll=30s`, 'unknown query parameter \\"tll\\"; this request takes: w, pw, ttl, timeout'],
    [`PUT ${at}?w=1&w=2`, 'given twice'],
    [`PUT ${at}?w=x`, 'whole number'],
    [`PUT ${at}?w=99999`, 'whole number'],
    [`PUT ${at}?ttl=30`, 'with a unit'],
    [`PUT ${at}?ttl=0s`, 'with a unit'],
    [`GET ${at}?monotonic=maybe`, 'true or false'],
    [`GET ${at}?w=1`, 'this request takes: r, pr, timeout, monotonic'],
    [`GET ${at}?=`, 'unknown query parameter'],
    [`GET /v1/kv/cart?limit=0`, '1 to 1000'],
    [`GET /v1/kv/cart?limit=1001`, '1 to 1000'],
    [`GET /v1/where/cart`, 'names a bucket and a key'],
  ])('%s', async (line, detail) => {
    const answer = await ask(door, line, line.startsWith('PUT') ? { body: 'x' } : {});
    expect([answer.status, answer.json()['code']]).toEqual([400, 'INVALID_ARGUMENT']);
    expect(answer.text).toContain(detail);
    expect(door.node.puts).toEqual([]);
  });

  test('unknown paths and methods', async () => {
    for (const path of [
      '/v1',
      '/v1/kv',
      '/v2/kv/a/b',
      '/V1/kv/a/b',
      '/favicon.ico',
      '/console.html',
      '/livez/',
      '//',
      '/../etc/passwd',
      '/constructor',
    ]) {
      const answer = await ask(door, `GET ${path}`);
      expect([path, answer.status, answer.json()['code']]).toEqual([path, 404, 'UNKNOWN_PATH']);
    }
    for (const method of ['PATCH', 'POST', 'OPTIONS', 'TRACE', 'PROPFIND']) {
      const answer = await ask(door, `${method} ${at}`);
      expect([answer.status, answer.json()['code'], answer.headers['allow']]).toEqual([
        405,
        'METHOD_NOT_ALLOWED',
        'GET, PUT, DELETE, HEAD',
      ]);
    }
    expect((await ask(door, 'GET /v1/batch')).headers['allow']).toBe('POST');
  });

  test('content that cannot be stored or given back as a header', async () => {
    for (const headers of [
      { 'content-type': 'nonsense' },
      { 'content-type': `a/${'b'.repeat(300)}` },
      { 'content-encoding': 'gzip' },
    ] as Record<string, string>[]) {
      expect((await ask(door, `PUT ${at}`, { body: 'x', headers })).status).toBe(400);
    }
    expect((await ask(door, `DELETE ${at}`, { body: 'x' })).status).toBe(400);
  });

  test.each([
    ['QUORUM_NOT_MET', 503],
    ['OVERLOADED', 503],
    ['NOT_READY', 503],
    ['CLOSED', 503],
    ['DISK_FULL', 507],
    ['TIMEOUT', 504],
    ['CORRUPTION', 500],
    ['DISK_IO', 500],
    ['TOO_MANY_SIBLINGS', 409],
    ['UNAUTHORIZED', 401],
  ] as const)('%s from the node is %d', async (code, status) => {
    door.node.failures = [new CoterieError(code, 'as the node says', { details: { mayHaveTakenEffect: true } })];
    const answer = await ask(door, `PUT ${at}`, { body: 'x' });
    expect(answer.status).toBe(status);
    expect(answer.json()).toMatchObject({
      type: `urn:coterie:problem:${code.toLowerCase().replaceAll('_', '-')}`,
      status,
      code,
      detail: 'as the node says',
      mayHaveTakenEffect: true,
    });
    expect(answer.headers['retry-after']).toBe(status === 503 ? '1' : undefined);
  });

  test('a bug is a 500 that tells nothing, and the log has its stack', async () => {
    door.node.failures = [new TypeError('secret path /etc')];
    const answer = await ask(door, `GET ${at}`);
    expect([answer.status, answer.json()['code']]).toEqual([500, 'REMOTE']);
    expect(answer.text).not.toContain('secret');
    expect(door.log.lines.find((line) => line.level === 'error')?.fields).toMatchObject({
      detail: 'secret path /etc',
      path: at,
      stack: expect.stringContaining('TypeError'),
    });
  });

  test('a failure that repeats is logged once, then counted', async () => {
    door.node.failures = Array.from({ length: 50 }, () => new CoterieError('DISK_FULL', 'no space left'));
    for (let i = 0; i < 50; i++) await ask(door, `PUT ${at}`, { body: 'x' });
    expect(door.log.lines.filter((line) => line.event === 'request failed')).toHaveLength(1);
    await door.server.close();
    expect(door.log.lines.find((line) => line.event === 'requests failed again')?.fields).toMatchObject({ code: 'DISK_FULL', times: 49 });
  });
});
