import { connect, createServer } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { startServer } from '../src/server.ts';
import type { Address } from '../src/settings/address.ts';
import type { Settings } from '../src/settings/definitions.ts';
import { resolveSettings } from '../src/settings/resolve.ts';
import { createNodeEnvironment } from '@coterie/env-node';
import { type Door, RawClient, ask, openDoor } from './double/door.ts';
import { MemoryNode } from './double/memory-node.ts';

let door: Door | undefined;
afterEach(async () => {
  await door?.server.destroy();
  door = undefined;
});

function gated(of: Door): () => void {
  let open: () => void = () => {};
  of.node.gate = new Promise((resolve) => (open = resolve));
  return () => open();
}

describe('draining', () => {
  test('running requests finish, idle connections end, new ones are not taken, then the node closes', async () => {
    door = await openDoor();
    const { server, node, port } = door;
    const idle = new RawClient(door);
    idle.send('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await idle.until(/live\n$/);
    const open = gated(door);
    const busy = new RawClient(door);
    busy.send('PUT /v1/kv/a/b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx');
    while (node.puts.length === 0) await server.service.timers.turn();
    const closed = server.close();
    await idle.ended;
    expect(node.closed).toBe(false);
    await expect(new Promise((resolve, reject) => connect(port, '127.0.0.1').on('connect', resolve).on('error', reject))).rejects.toThrow(
      /ECONNREFUSED/,
    );
    open();
    await busy.until(/204 No Content[^]*Connection: close/);
    await closed;
    expect([node.closed, server.service.state, server.service.meters.connections]).toEqual([true, 'closed', 0]);
    expect(server.close()).toBe(server.close());
  });

  test('readyz fails while it lasts', async () => {
    door = await openDoor();
    const open = gated(door);
    const client = new RawClient(door);
    client.send('GET /v1/kv/a/b HTTP/1.1\r\nHost: localhost\r\n\r\nGET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n');
    while (door.node.gets.length === 0) await door.server.service.timers.turn();
    const other = new RawClient(door);
    other.send('GET /readyz HTTP/1.1\r\nHost: localhost\r\n');
    while (door.server.service.meters.connections < 2) await door.server.service.timers.turn();
    const closed = door.server.close();
    other.send('\r\n');
    await other.until(/503 [^]*the server is draining[^]*\n$/);
    open();
    await closed;
    expect(door.server.service.state).toBe('closed');
  });

  test('what takes too long is ended', async () => {
    door = await openDoor({ flags: { 'drain-timeout': '50ms' } });
    gated(door);
    const client = new RawClient(door);
    client.send('GET /v1/kv/a/b HTTP/1.1\r\nHost: localhost\r\n\r\n');
    while (door.node.gets.length === 0) await door.server.service.timers.turn();
    await door.server.close();
    await client.ended;
    expect([client.heard, door.node.closed]).toEqual(['', true]);
    expect(door.log.lines.map((line) => line.event)).toContain('ending requests that still run');
  });

  test('a second stop is at once', async () => {
    door = await openDoor({ flags: { 'drain-timeout': '10m' } });
    gated(door);
    const client = new RawClient(door);
    client.send('GET /v1/kv/a/b HTTP/1.1\r\nHost: localhost\r\n\r\n');
    while (door.node.gets.length === 0) await door.server.service.timers.turn();
    void door.server.close();
    await door.server.destroy();
    expect(door.node.closed).toBe(true);
  });

  test('a large answer under way arrives whole', async () => {
    door = await openDoor();
    await door.node.put({ bucket: 'a', key: Buffer.from('big'), value: new Uint8Array(1024 * 1024) });
    const answer = ask(door, 'GET /v1/kv/a/big');
    while (door.node.gets.length === 0) await door.server.service.timers.turn();
    await door.server.close();
    expect((await answer).body.length).toBe(1024 * 1024);
  });

  test('a client that is slow to take its answer gets the whole of it', async () => {
    door = await openDoor();
    const { server, node } = door;
    const length = 16 * 1024 * 1024;
    await node.setBucket('a', { valueBytesMax: length });
    await node.put({ bucket: 'a', key: Buffer.from('big'), value: new Uint8Array(length) });
    const idle = new RawClient(door);
    idle.send('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await idle.until(/live\n$/);
    const slow = connect(door.port, '127.0.0.1');
    slow.write('GET /v1/kv/a/big HTTP/1.1\r\nHost: localhost\r\n\r\n');
    slow.pause();
    while (server.service.meters.bytesOut < length) await server.service.timers.turn();
    const closed = server.close();
    // The first look for idle connections comes two turns after the start.
    for (let turn = 0; turn < 5; turn++) await server.service.timers.turn();
    let taken = 0;
    const ended = new Promise((resolve) => slow.once('close', resolve));
    slow.on('data', (chunk: Uint8Array) => (taken += chunk.length)).resume();
    await Promise.all([closed, idle.ended, ended]);
    expect(taken).toBeGreaterThan(length);
  });

  test.each([
    ['half a head', 'GET /readyz HTTP/1.1\r\nHost: loc', 'alhost\r\n\r\n'],
    [
      'half a head behind a whole request',
      'GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\nGET /readyz HT',
      'TP/1.1\r\nHost: localhost\r\n\r\n',
    ],
  ])('%s is no idle connection, and one that says nothing is', async (_, first, rest) => {
    door = await openDoor();
    const { server } = door;
    const half = new RawClient(door);
    half.send(first);
    const silent = new RawClient(door);
    while (server.service.meters.connections < 2) await server.service.timers.turn();
    const closed = server.close();
    await silent.ended;
    half.send(rest);
    await half.until(/503 [^]*the server is draining[^]*\n$/);
    await closed;
    expect(server.service.meters.connections).toBe(0);
  });
});

describe('starting', () => {
  test('a taken port is said so, and no node is opened', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as { port: number };
    const { settings } = resolveSettings({ flags: { http: `127.0.0.1:${port}` }, variables: {} });
    const opened: MemoryNode[] = [];
    const openNode = async (): Promise<MemoryNode> => opened[opened.push(new MemoryNode()) - 1] as MemoryNode;
    await expect(startServer({ settings, environment: createNodeEnvironment(), openNode })).rejects.toThrow(
      `cannot listen on 127.0.0.1:${port}: something else listens there`,
    );
    expect(opened).toEqual([]);
    await new Promise((resolve) => taken.close(resolve));
  });

  test('while the node opens, health is answered and the rest refused; when it cannot, nothing listens any more', async () => {
    const { settings } = resolveSettings({ flags: { http: '127.0.0.1:0', seed: '127.0.0.1:7072' }, variables: {} });
    let fail: (error: Error) => void = () => {};
    const address = new Promise<Address>((resolve, reject) => {
      const openNode = (_world: unknown, { http }: Settings): Promise<MemoryNode> => {
        resolve(http);
        return new Promise((_, no) => (fail = no));
      };
      startServer({ settings, environment: createNodeEnvironment(), openNode })
        .catch((error: unknown) => (thrown = error))
        .catch(reject);
    });
    let thrown: unknown;
    const { port } = await address;
    const starting = { port };
    expect((await ask(starting, 'GET /livez')).status).toBe(200);
    for (const path of ['/readyz', '/v1/kv/a/b', '/v1/cluster', '/metrics']) {
      const refused = await ask(starting, `GET ${path}`);
      expect([path, refused.status, refused.json()['code']]).toEqual([path, 503, 'NOT_READY']);
    }
    expect((await ask(starting, 'GET /readyz')).json()['detail']).toMatch(
      /^the node is starting: .* waits for the cluster of 127.0.0.1:7072/,
    );
    fail(new Error('no seed took it in'));
    while (thrown === undefined) await new Promise((resolve) => setImmediate(resolve));
    expect(thrown).toMatchObject({ message: 'no seed took it in' });
    await expect(ask(starting, 'GET /livez')).rejects.toThrow(/ECONNREFUSED/);
  });

  test('port 0 takes a free one and names it', async () => {
    door = await openDoor();
    expect(door.server.url).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]\d+$/);
    expect((await ask(door, 'GET /readyz')).status).toBe(200);
  });
});
