/**
 * `kill -9` under load: clients write to a real server, which is killed in the middle and started again on the same
 * directory. Everything that was acknowledged is read back; what was under way is there whole or not at all; nothing is
 * torn or wrong. `COTERIE_KILLS=100` (or `COTERIE_LONG=1`) kills a hundred times.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Wire } from '../src/bench/wire.ts';
import { type ServerProcess, forget, makeDirectory, startProcess } from './double/process.ts';

const kills = Number(process.env['COTERIE_KILLS'] ?? (process.env['COTERIE_LONG'] === undefined ? 3 : 100));
const writers = 16;
const keysPerWriter = 25;

let directory: string;
beforeAll(() => {
  directory = makeDirectory();
});
afterAll(() => forget(directory));

/** What one writer knows of one key: the number acknowledged last, and those sent after it. */
interface Known {
  acknowledged: number;
  attempted: number;
}

/** One client: writes rising numbers to its keys, in turn, and knows which were acknowledged. */
class Writer {
  readonly known: Known[] = Array.from({ length: keysPerWriter }, () => ({ acknowledged: 0, attempted: 0 }));
  acknowledgements = 0;
  private next = 0;
  private readonly number: number;

  constructor(number: number) {
    this.number = number;
  }

  /** Writes until the connection breaks. */
  async write(server: ServerProcess): Promise<void> {
    const wire = await Wire.open({ host: '127.0.0.1', port: server.port }).catch(() => undefined);
    if (wire === undefined) return;
    for (;;) {
      const key = this.next++ % keysPerWriter;
      const known = this.known[key] as Known;
      const value = valueOf(this.number, { key, number: ++known.attempted });
      const answer = await wire
        .send(`PUT /v1/kv/kill/${this.number}-${key} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${value.length}\r\n\r\n`, value)
        .catch(() => undefined);
      if (answer === undefined) return;
      if (answer.status !== 204) throw new Error(`a put was answered with ${answer.status}: ${answer.body.toString()}`);
      known.acknowledged = known.attempted;
      this.acknowledgements++;
    }
  }

  /** Reads every key back and holds it against what is known; returns what is wrong, in words. */
  async check(server: ServerProcess): Promise<string[]> {
    const wire = await Wire.open({ host: '127.0.0.1', port: server.port });
    const wrong: string[] = [];
    for (const [key, known] of this.known.entries()) {
      const { status, body } = await wire.send(`GET /v1/kv/kill/${this.number}-${key} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
      const number = status === 404 ? 0 : Number(body.toString('latin1').split(' ')[2]);
      const expected = `${known.acknowledged} to ${known.attempted}`;
      const told = `key ${this.number}-${key}: ${status} ${body.toString('latin1', 0, 60)}, expected ${expected}`;
      if (status === 200 && !body.equals(valueOf(this.number, { key, number }))) wrong.push(`torn: ${told}`);
      else if (status !== 200 && status !== 404) wrong.push(told);
      else if (!(number >= known.acknowledged && number <= known.attempted)) wrong.push(told);
      // What was found is what the next round builds on.
      known.acknowledged = number;
    }
    wire.close();
    return wrong;
  }
}

/** A value that tells which one it is, of a length that follows from it: a few are large. */
function valueOf(writer: number, of: { key: number; number: number }): Buffer {
  const length = of.number % 50 === 0 ? 200_000 : 40 + ((of.number * 37) % 400);
  return Buffer.from(`${writer} ${of.key} ${of.number} `.padEnd(length, `${of.number},`), 'latin1');
}

test(
  `nothing acknowledged is lost in ${kills} kills`,
  async () => {
    const clients = Array.from({ length: writers }, (_, number) => new Writer(number));
    let server = await startProcess(directory);
    const set = await Wire.open({ host: '127.0.0.1', port: server.port });
    const properties = Buffer.from('{"conflict":"lww"}');
    await set.send(
      `PUT /v1/buckets/kill HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${properties.length}\r\n\r\n`,
      properties,
    );
    set.close();
    let total = 0;
    for (let round = 0; round < kills; round++) {
      const before = clients.reduce((sum, client) => sum + client.acknowledgements, 0);
      const aim = before + 150 + ((round * 7919) % 700);
      const writing = clients.map((client) => client.write(server));
      while (clients.reduce((sum, client) => sum + client.acknowledgements, 0) < aim) await new Promise((resolve) => setImmediate(resolve));
      server.child.kill('SIGKILL');
      expect(await server.ended).toBe('SIGKILL');
      await Promise.all(writing);
      total = clients.reduce((sum, client) => sum + client.acknowledgements, 0);
      expect(total).toBeGreaterThanOrEqual(aim);
      server = await startProcess(directory);
      const restarted = server;
      expect((await Promise.all(clients.map((client) => client.check(restarted)))).flat()).toEqual([]);
    }
    server.child.kill('SIGTERM');
    expect(await server.ended).toBe(0);
    expect(total).toBeGreaterThan(kills * 150);
  },
  60_000 + kills * 20_000,
);
