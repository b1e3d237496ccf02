/** Bounds: bytes, requests, connections, and clients that are slow or rude. */
import { afterEach, describe, expect, test } from 'vitest';
import { type Door, ManualTime, RawClient, ask, openDoor } from './double/door.ts';

let door: Door;
afterEach(() => door.server.destroy());

const connectionsTried = process.env['COTERIE_LONG'] === undefined ? 300 : 2000;

async function quiet(): Promise<void> {
  while (door.server.service.meters.connections > 0) await door.server.service.timers.turn();
}

describe('bytes under way', () => {
  test('past the budget a body is refused before it is read', async () => {
    door = await openDoor({ flags: { 'body-bytes-max': '1MiB' } });
    const holder = new RawClient(door);
    holder.send('PUT /v1/kv/a/b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 800000\r\n\r\nx');
    while (door.server.service.transfers.reserved === 0) await door.server.service.timers.turn();
    const refused = await ask(door, 'PUT /v1/kv/a/c', { body: Buffer.alloc(400_000) });
    expect([refused.status, refused.json()['code'], refused.json()['mayHaveTakenEffect'], refused.headers['retry-after']]).toEqual([
      503,
      'OVERLOADED',
      false,
      '1',
    ]);
    holder.close();
    await quiet();
    expect(door.server.service.transfers.reserved).toBe(0);
    expect((await ask(door, 'PUT /v1/kv/a/c', { body: Buffer.alloc(400_000) })).status).toBe(204);
  });

  test('answers take part in it', async () => {
    door = await openDoor({ flags: { 'body-bytes-max': '100KiB' } });
    await door.node.put({ bucket: 'a', key: Buffer.from('big'), value: new Uint8Array(200_000) });
    expect((await ask(door, 'GET /v1/kv/a/big')).status).toBe(503);
    expect((await ask(door, 'HEAD /v1/kv/a/big')).status).toBe(200);
  });
});

describe('slow clients', () => {
  test('a body that trickles is ended with 408', async () => {
    const time = new ManualTime();
    door = await openDoor({ world: { clock: time, timers: time }, flags: { 'body-grace': '5s', 'body-rate-min': '100' } });
    const client = new RawClient(door);
    client.send('PUT /v1/kv/a/b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nx');
    while (door.server.service.transfers.count === 0) await time.turn();
    time.advance(4000);
    expect(door.server.service.transfers.stalls).toBe(0);
    time.advance(4000);
    await client.until(/^HTTP\/1.1 408 [^]*Connection: close[^]*"code":"TIMEOUT"[^]*\n$/);
    await client.ended;
    expect([door.server.service.transfers.stalls, door.server.service.transfers.reserved, door.node.puts.length]).toEqual([1, 0, 0]);
  });

  test('a client that does not read its answer is ended', async () => {
    const time = new ManualTime();
    door = await openDoor({ world: { clock: time, timers: time }, flags: { 'body-grace': '5s' } });
    for (let i = 0; i < 40; i++) await door.node.put({ bucket: 'a', key: Buffer.from('big'), value: new Uint8Array(1024 * 1024) });
    const client = new RawClient(door);
    client.socket.pause();
    client.send('GET /v1/kv/a/big HTTP/1.1\r\nHost: localhost\r\n\r\n');
    while (door.server.service.transfers.reserved === 0) await time.turn();
    for (let i = 0; i < 200; i++) await time.turn();
    time.advance(200_000_000);
    client.socket.resume();
    await client.ended;
    await quiet();
    expect(door.server.service.transfers.stalls).toBe(1);
    expect(door.server.service.transfers.reserved).toBe(0);
    expect(door.server.service.meters.inFlight).toBe(0);
  });

  test('a head that does not come is ended with 408', async () => {
    door = await openDoor({ flags: { 'headers-timeout': '50ms' } });
    const client = new RawClient(door);
    client.send('GET /livez HTTP/1.1\r\nHo');
    await client.ended;
    expect(client.heard).toMatch(/^HTTP\/1.1 408 [^]*"code":"TIMEOUT"/);
  });

  test('an idle connection is closed', async () => {
    door = await openDoor({ flags: { 'keep-alive-timeout': '50ms' } });
    const client = new RawClient(door);
    client.send('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await client.until(/live\n$/);
    await client.ended;
    expect(door.server.service.meters.counted('health', 'OK')).toBe(1);
  });

  test('a refused client that keeps sending is ended', async () => {
    door = await openDoor();
    const client = new RawClient(door);
    client.send('PUT /v1/kv/a/b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n');
    await client.until(/413/);
    const chunk = Buffer.alloc(1024 * 1024);
    let sent = 0;
    while (!client.socket.destroyed && client.socket.writable && sent < 200) {
      sent++;
      await new Promise<void>((resolve) => client.socket.write(chunk, () => resolve()));
    }
    expect(sent).toBeLessThan(60);
    await quiet();
    expect(door.server.service.transfers.count).toBe(0);
  });
});

describe('requests and connections', () => {
  test('past the limit a request is refused, health is not', async () => {
    door = await openDoor({ flags: { 'requests-max': '2' } });
    let open: () => void = () => {};
    door.node.gate = new Promise((resolve) => (open = resolve));
    const waiting = [ask(door, 'GET /v1/kv/a/1'), ask(door, 'GET /v1/kv/a/2')];
    while (door.node.gets.length < 2) await door.server.service.timers.turn();
    const refused = await ask(door, 'GET /v1/kv/a/3');
    expect([refused.status, refused.json()['code'], refused.headers['retry-after']]).toEqual([503, 'OVERLOADED', '1']);
    expect((await ask(door, 'GET /livez')).status).toBe(200);
    open();
    expect((await Promise.all(waiting)).map((answer) => answer.status)).toEqual([404, 404]);
    expect(door.server.service.meters.inFlight).toBe(0);
  });

  test('a connection too many is told so and closed', async () => {
    door = await openDoor({ flags: { 'connections-max': '2' } });
    const held = [new RawClient(door), new RawClient(door)];
    for (const client of held) {
      client.send('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n');
      await client.until(/live\n$/);
    }
    const third = new RawClient(door);
    await third.ended;
    expect(third.heard).toMatch(/^HTTP\/1.1 503 Service Unavailable\r\n[^]*Retry-After: 1\r\nConnection: close[^]*"code":"OVERLOADED"/);
    held[0]?.close();
    while (door.server.service.meters.connections > 1) await door.server.service.timers.turn();
    expect((await ask(door, 'GET /livez')).status).toBe(200);
    expect(door.server.service.meters.connectionsRefused).toBe(1);
    expect(door.log.lines.filter((line) => line.event.startsWith('too many connections'))).toHaveLength(1);
    held[1]?.close();
  });

  test(`${connectionsTried} connections at once are all answered, and nothing is left of them`, async () => {
    door = await openDoor();
    const clients = Array.from({ length: connectionsTried }, () => new RawClient(door));
    for (const [index, client] of clients.entries())
      client.send(`PUT /v1/kv/a/${index} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx`);
    await Promise.all(clients.map((client) => client.until(/^HTTP\/1.1 204 [^]*\r\n\r\n$/)));
    expect(door.server.service.meters.connections).toBe(connectionsTried);
    for (const client of clients) client.close();
    await quiet();
    expect(door.server.service.meters.inFlight).toBe(0);
    expect(door.server.service.transfers.count).toBe(0);
  });
});
