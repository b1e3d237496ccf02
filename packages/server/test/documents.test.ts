import { CoterieError } from '@coterie/env';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Door, ask, openDoor } from './double/door.ts';

let door: Door;
beforeEach(async () => {
  door = await openDoor();
});
afterEach(() => door.server.destroy());

const json = { 'content-type': 'application/json' };

describe('keys', () => {
  test('come a page at a time and round-trip through their paths', async () => {
    const raw = ['%00', '%22%5C', '%2F', 'a', 'a%20b', 'b', 'e%C3%A9', '%FF'];
    for (const key of raw) await ask(door, `PUT /v1/kv/cart/${key}`, { body: 'x' });
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await ask(door, `GET /v1/kv/cart?limit=3${cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`}`);
      const { keys, cursor: next } = page.json() as { keys: string[]; cursor?: string };
      expect(keys.length).toBeLessThanOrEqual(3);
      seen.push(...keys);
      cursor = next;
    } while (cursor !== undefined);
    expect(seen).toEqual(raw);
    for (const key of seen) expect((await ask(door, `GET /v1/kv/cart/${key}`)).text).toBe('x');
    expect((await ask(door, 'GET /v1/kv/cart?prefix=a')).json()['keys']).toEqual(['a', 'a%20b']);
    expect((await ask(door, 'GET /v1/kv/cart?prefix=%FF')).json()['keys']).toEqual(['%FF']);
    expect((await ask(door, 'GET /v1/kv/cart?cursor=junk')).status).toBe(400);
    expect((await ask(door, 'GET /v1/kv/empty')).json()).toEqual({ keys: [] });
    expect((await ask(door, 'HEAD /v1/kv/cart')).status).toBe(200);
  });

  test('a page of a thousand long keys is whole', async () => {
    for (let i = 0; i < 1000; i++)
      await door.node.put({ bucket: 'cart', key: Buffer.from(`${'\u0001'.repeat(1000)}${i}`), value: new Uint8Array(0) });
    const page = await ask(door, 'GET /v1/kv/cart?limit=1000');
    expect((page.json()['keys'] as string[]).length).toBe(1000);
    expect(page.body.length).toBeGreaterThan(3_000_000);
  });
});

describe('buckets', () => {
  test('show, set, list, drop', async () => {
    expect((await ask(door, 'GET /v1/buckets/cart')).json()).toMatchObject({
      name: 'cart',
      exists: false,
      properties: { n: 3, conflict: 'siblings' },
    });
    const set = await ask(door, 'PUT /v1/buckets/cart', { headers: json, body: '{"conflict":"lww","ttlMs":1000}' });
    expect(set.json()).toMatchObject({ exists: true, properties: { conflict: 'lww', ttlMs: 1000, n: 3 } });
    expect((await ask(door, 'GET /v1/buckets')).json()).toEqual({ buckets: [set.json()] });
    await ask(door, 'PUT /v1/kv/cart/a', { body: 'x' });
    expect((await ask(door, 'DELETE /v1/buckets/cart')).status).toBe(204);
    expect((await ask(door, 'GET /v1/kv/cart/a')).status).toBe(404);
  });

  test.each([
    ['{"nn":1}', 'bucket property \\"nn\\"'],
    ['{"n":"3"}', 'bucket property \\"n\\"'],
    ['{"n":1.5}', 'bucket property \\"n\\"'],
    ['{"conflict":"merge"}', 'bucket property \\"conflict\\"'],
    ['{"n":0}', 'n is at least 1'],
    ['[]', 'one JSON object'],
    ['3', 'one JSON object'],
    ['{', 'not JSON'],
    ['', 'not JSON'],
    ['{"__proto__":{"n":1}}', '__proto__'],
  ])('%s is refused', async (body, detail) => {
    const answer = await ask(door, 'PUT /v1/buckets/cart', { headers: json, body });
    expect([answer.status, answer.json()['code']]).toEqual([400, 'INVALID_ARGUMENT']);
    expect(answer.text).toContain(detail);
  });

  test('properties of another type, too long, or in a deep path', async () => {
    expect((await ask(door, 'PUT /v1/buckets/cart', { body: '{}' })).status).toBe(415);
    expect((await ask(door, 'PUT /v1/buckets/cart', { headers: json, body: ' '.repeat(20_000) })).status).toBe(413);
    expect((await ask(door, 'GET /v1/buckets/a/b')).status).toBe(400);
    expect((await ask(door, 'GET /v1/buckets/')).status).toBe(400);
  });

  test('a smaller limit of a bucket holds', async () => {
    await ask(door, 'PUT /v1/buckets/cart', { headers: json, body: '{"valueBytesMax":10}' });
    expect((await ask(door, 'PUT /v1/kv/cart/a', { body: 'x'.repeat(11) })).status).toBe(413);
    expect((await ask(door, 'PUT /v1/kv/cart/a', { body: 'x'.repeat(100_000) })).status).toBe(413);
    expect((await ask(door, 'PUT /v1/kv/cart/a', { body: 'x'.repeat(10) })).status).toBe(204);
  });
});

describe('health, metrics, cluster, console', () => {
  test('livez and readyz', async () => {
    expect([(await ask(door, 'GET /livez')).text, (await ask(door, 'GET /readyz?verbose')).text]).toEqual(['live\n', 'ready\n']);
    door.node.state = 'read-only';
    door.node.reason = 'a sync of the log failed';
    const unready = await ask(door, 'GET /readyz');
    expect([unready.status, unready.json()['code'], unready.json()['detail']]).toEqual([
      503,
      'NOT_READY',
      'the node is read-only: a sync of the log failed',
    ]);
    expect((await ask(door, 'GET /livez')).status).toBe(200);
  });

  test('a failure calls members by their names', async () => {
    door.node.failures.push(new CoterieError('QUORUM_NOT_MET', '1 of 2 (00000000000000a1: no answer; 00000000000000a2: no answer)'));
    const answer = await ask(door, 'GET /v1/kv/cart/a');
    expect([answer.status, answer.json()['detail']]).toEqual([503, '1 of 2 (memory: no answer; 00000000000000a2: no answer)']);
  });

  test('metrics count what happened', async () => {
    await ask(door, 'PUT /v1/kv/cart/a', { body: 'xyz' });
    await ask(door, 'GET /v1/kv/cart/a');
    await ask(door, 'GET /v1/kv/cart/b');
    const { text, headers } = await ask(door, 'GET /metrics');
    expect(headers['content-type']).toMatch(/^text\/plain; version=0.0.4/);
    for (const line of [
      'coterie_operations_total{operation="put",outcome="OK"} 1',
      'coterie_operations_total{operation="get",outcome="OK"} 1',
      'coterie_operations_total{operation="get",outcome="NOT_FOUND"} 1',
      'coterie_operation_seconds_count{operation="get"} 2',
      'coterie_body_bytes_in_total 3',
      'coterie_ready 1',
      'coterie_store{name="tables"} 3',
      'coterie_store{name="readOnly"} 0',
      'coterie_members{state="alive"} 1',
      'coterie_members{state="dead"} 0',
      'coterie_epoch 1',
      'coterie_hints 0',
      'coterie_hints_delivered_total 0',
      'coterie_change_partitions 0',
      'coterie_rpc{name="inFlight"} 0',
      'coterie_gossip{name="malformed"} 0',
      'coterie_moved{name="takenBytes"} 0',
    ]) {
      expect(text.split('\n')).toContain(line);
    }
    expect(text).toMatch(/^process_cpu_seconds_total /m);
    for (const line of text.split('\n')) expect(line).toMatch(/^(#.*|[a-z0-9_:]+(\{.*\})? [-+0-9.e]+(\d+)?|.*NaN|.*Inf.*|)$/i);
  });

  test('where, cluster, ring, status', async () => {
    expect((await ask(door, 'GET /v1/where/cart/a%FF')).json()).toMatchObject({
      bucket: 'cart',
      key: 'a%FF',
      token: '0123456789abcdef',
      partition: 4,
      preferenceList: [{ node: 'node-1', role: 'primary', healthy: true }],
      here: { node: 'node-1', siblings: 0, isOwner: true, hintFor: [] },
    });
    expect((await ask(door, 'GET /v1/cluster')).json()).toMatchObject({
      clusterId: '00000000000000c1',
      epoch: 1,
      partitions: 1024,
      effectiveN: 1,
      members: [{ id: '00000000000000a1', name: 'memory', state: 'alive', replicas: 1024, primaries: 1024, ideal: 1024, isSteward: true }],
      balance: { largestOverIdeal: 1 },
      hints: 0,
      warnings: ['effective n is 1'],
      answeredBy: { name: 'node-1', state: 'ready' },
    });
    expect((await ask(door, 'GET /v1/members')).json()).toMatchObject({ epoch: 1, members: [{ name: 'memory' }] });
    expect((await ask(door, 'GET /v1/hints')).json()).toEqual({ node: 'node-1', epoch: 1, total: 0, delivered: 0, owners: [] });
    expect((await ask(door, 'GET /v1/ring')).json()).toEqual({
      epoch: 1,
      partitions: 1,
      members: [{ id: '00000000000000a1', name: 'memory', http: '' }],
      replicas: [[0]],
    });
    expect((await ask(door, 'GET /v1/status')).json()).toMatchObject({
      node: { name: 'node-1' },
      server: { state: 'ready', connections: 1 },
    });
  });

  test('the console is there, and confined to this server', async () => {
    const page = await ask(door, 'GET /');
    expect(page.text).toContain('<title>Coterie</title>');
    expect(page.headers['content-security-policy']).toMatch(/default-src 'none'/);
    expect((await ask(door, 'GET /console.css')).headers['content-type']).toMatch(/css/);
    expect((await ask(door, 'GET /console.js')).headers['content-type']).toMatch(/javascript/);
  });
});

describe('names of the host', () => {
  test.each([
    ['127.0.0.1:7070', 200],
    ['localhost', 200],
    ['LOCALHOST:80', 200],
    ['app.localhost:7070', 200],
    ['[::1]:7070', 200],
    ['10.1.2.3', 200],
    ['evil.example', 421],
    ['localhost.evil.example:7070', 421],
    ['127.0.0.1.evil.example', 421],
  ])('%j is answered with %d', async (host, status) => {
    expect((await ask(door, 'GET /livez', { headers: { host } })).status).toBe(status);
  });

  test('a name that was allowed is answered', async () => {
    const other = await openDoor({ flags: { 'allowed-host': 'kv.example' } });
    expect((await ask(other, 'GET /livez', { headers: { host: 'KV.example:99' } })).status).toBe(200);
    await other.server.destroy();
  });
});
