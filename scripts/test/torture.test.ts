import { connect, createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { packBody } from '../../packages/rpc/dist/body.js';
import { frameType, preamble, sealFrame } from '../../packages/rpc/dist/frame.js';
import { helloToBody } from '../../packages/rpc/dist/handshake.js';
import { Ledger } from '../torture/ledger.mjs';
import { Links } from '../torture/links.mjs';
import { Meter } from '../torture/meter.mjs';
import { findingsLines, phaseLine } from '../torture/report.mjs';
import { judgeAll } from '../torture/verdict.mjs';

/** The parts of the torture program that decide, on histories made up for them, and its links over real sockets. */

const place = { bucket: 'strict', key: 'k' };
const done = { kind: 'ok', reached: { primaries: 2, fallbacks: 0, synced: 2 } } as const;
const silent = { kind: 'silent' } as const;

/** A history of one key: each write has one attempt of a second, one after the other. */
class MadeUp {
  readonly ledger = new Ledger();
  #nowMs = 1000;

  write(kind: 'put' | 'delete', seen: readonly number[], outcome: typeof done | typeof silent = done): number {
    const ask = { w: 2, pw: 2 };
    const write = this.ledger.begin({ ...place, kind, ask, seen: new Set(seen), replacesFound: false });
    const endMs = outcome.kind === 'ok' ? this.#nowMs + 500 : Infinity;
    write.attempts.push({ node: 'node-1', startMs: this.#nowMs, endMs, outcome, madeHere: true });
    this.#nowMs += 1000;
    return write.id;
  }

  read(shown: readonly number[], at: 'run' | 'rest' = 'run'): this {
    const read = { ...place, node: 'node-2', startMs: this.#nowMs, endMs: this.#nowMs + 500, pr: 2, shown };
    if (at === 'run') this.ledger.read(read);
    else this.ledger.readAtRest(read);
    this.#nowMs += 1000;
    return this;
  }

  async rules(): Promise<string[]> {
    return (await judgeAll(this.ledger, () => true)).map(({ rule }) => rule);
  }
}

describe('the verdict', () => {
  it('is silent about a key that is as it should be', async () => {
    const history = new MadeUp();
    const first = history.write('put', []);
    history.read([first]);
    const second = history.write('put', [first]);
    expect(await history.read([second]).read([second], 'rest').rules()).toEqual([]);
  });

  it('finds an acknowledged write that is gone, and not one that may have been replaced', async () => {
    const lost = new MadeUp();
    lost.write('put', []);
    expect(await lost.read([], 'rest').rules()).toEqual(['P1']);
    const replaced = new MadeUp();
    replaced.write('delete', [replaced.write('put', [])], silent);
    expect(await replaced.read([], 'rest').rules()).toEqual([]);
  });

  it('finds a strict read that is stale, a value that came back, and one that nobody wrote', async () => {
    const stale = new MadeUp();
    const first = stale.write('put', []);
    const second = stale.write('put', [first]);
    expect(await stale.read([first]).read([second], 'rest').rules()).toEqual(['P7']);
    const back = new MadeUp();
    const old = back.write('put', []);
    const newer = back.write('put', [old]);
    expect(await back.read([newer, old], 'rest').rules()).not.toEqual([]);
    expect(await new MadeUp().read([7]).rules()).toEqual(['P6']);
  });

  it('tells the story of the key', async () => {
    const history = new MadeUp();
    history.write('put', []);
    history.read([], 'rest');
    const lines = findingsLines(await judgeAll(history.ledger, () => true)).join('\n');
    expect(lines).toMatch(/^P1 is broken at strict\/k: lost: put #0/);
    expect(lines).toMatch(/1\.000 {2}put #0 over \[\] w=2 pw=2 at node-1: done, 2 primaries, 0 fallbacks, 2 synced in 500 ms/);
    expect(lines).toMatch(/read pr=2 at node-2: \[\] in 500 ms/);
  });
});

describe('the line of a phase', () => {
  it('counts failures, and marks those that nothing excuses', () => {
    const { now } = new Meter();
    now.succeeded('library', { ms: 5, waitedMs: 1500 });
    const failure = { bucket: 'sloppy', code: 'TIMEOUT', ms: 2000, detail: 'why' };
    now.failed({ ...failure, isExcused: true });
    now.failed({ ...failure, isExcused: false });
    expect(phaseLine(now)).toMatch(/^start .* 1\.50 s +0\.00 s +0 +sloppy TIMEOUT 2 \(\*1\) after 2\.0–2\.0 s$/);
  });
});

describe('links', () => {
  const open: (Server | Socket | Links)[] = [];
  afterEach(() => {
    for (const one of open.splice(0)) {
      if ('destroy' in one) one.destroy();
      else one.close();
    }
  });

  /** A node that answers every byte with itself, behind a door of `links`. */
  async function echoBehind(links: Links, name: string): Promise<string> {
    const server = createServer((socket) => {
      open.push(socket);
      socket.on('error', () => {});
      socket.on('data', (chunk) => socket.write(chunk));
    });
    open.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return links.open({ name, host: '127.0.0.1', port: (server.address() as { port: number }).port });
  }

  /** Dials a door as the node that advertises `from`. */
  function dial(
    address: string,
    from: string,
  ): { socket: Socket; heard(bytes: number): Promise<void>; count(): number; helloBytes: number } {
    const identity = { clusterId: 'c', id: 'n', incarnation: 'i', address: from, capabilities: [] };
    const frame = packBody(helloToBody({ versions: [1, 1], ...identity }), 0);
    sealFrame(frame, { type: frameType.hello, id: 0 }, []);
    const socket = connect({ host: '127.0.0.1', port: Number(address.split(':')[1]) });
    open.push(socket);
    socket.on('error', () => {});
    let count = 0;
    socket.on('data', (chunk) => (count += chunk.length));
    socket.write(Buffer.concat([preamble, frame]));
    const heard = async (bytes: number): Promise<void> => {
      while (count < bytes) await once(socket, 'data');
    };
    return { socket, heard, count: () => count, helloBytes: preamble.length + frame.length };
  }

  it('are cut by direction and by pair, keep what was under way, and heal', async () => {
    const links = new Links();
    open.push(links);
    const doors = new Map<string, string>();
    for (const name of ['a', 'b', 'c']) doors.set(name, await echoBehind(links, name));
    const dialAs = (from: string, to: string) => dial(doors.get(to) ?? '', doors.get(from) ?? '');
    const [ab, cb] = [dialAs('a', 'b'), dialAs('c', 'b')];
    await Promise.all([ab.heard(ab.helloBytes), cb.heard(cb.helloBytes)]);
    links.cut(['b'], ['a']);
    for (const { socket } of [ab, cb]) socket.write('x');
    await cb.heard(cb.helloBytes + 1);
    expect(ab.count()).toBe(ab.helloBytes);
    // A connection that is begun meanwhile waits; so it is, too, from the other side.
    const [late, back] = [dialAs('a', 'b'), dialAs('b', 'a')];
    cb.socket.write('y');
    await cb.heard(cb.helloBytes + 2);
    expect([late.count(), back.count()]).toEqual([0, 0]);
    links.heal();
    await Promise.all([ab.heard(ab.helloBytes + 1), late.heard(late.helloBytes), back.heard(back.helloBytes)]);
    const ended = once(ab.socket, 'close');
    links.sever('a');
    await ended;
    cb.socket.write('z');
    await cb.heard(cb.helloBytes + 3);
  });
});
