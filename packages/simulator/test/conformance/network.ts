/** What every `Network` must do, real or simulated. */
import { isCoterieError } from '@coterie/env';
import type { Connection, CoterieError, Listener, Network } from '@coterie/env';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { World } from './world.ts';

/** A connection that writes down what it is told. */
class Witness {
  readonly connection: Connection;
  readonly pieces: Uint8Array[] = [];
  bytes = 0;
  drains = 0;
  closings: (CoterieError | undefined)[] = [];
  #wanted: { isMet: () => boolean; resolve: () => void }[] = [];

  constructor(connection: Connection) {
    this.connection = connection;
    connection.start({
      data: (bytes) => {
        this.pieces.push(bytes);
        this.bytes += bytes.length;
        this.#tell();
      },
      drain: () => {
        this.drains++;
        this.#tell();
      },
      closed: (reason) => {
        this.closings.push(reason);
        this.#tell();
      },
    });
  }

  get text(): string {
    return this.pieces.map((piece) => new TextDecoder().decode(piece)).join('');
  }

  until(isMet: () => boolean): Promise<void> {
    return isMet() ? Promise.resolve() : new Promise((resolve) => void this.#wanted.push({ isMet, resolve }));
  }

  received(bytes: number): Promise<void> {
    return this.until(() => this.bytes >= bytes);
  }

  closed(): Promise<void> {
    return this.until(() => this.closings.length > 0);
  }

  #tell(): void {
    this.#wanted = this.#wanted.filter(({ isMet, resolve }) => {
      if (!isMet()) return true;
      resolve();
      return false;
    });
  }
}

const encoder = new TextEncoder();

/** Bytes that tell where they stand. */
function counting(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + (i >>> 8)) & 0xff);
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** `toEqual` takes seconds for so many bytes. */
function expectSame(found: Uint8Array, wanted: Uint8Array): void {
  expect(found.length).toBe(wanted.length);
  expect(found.every((byte, i) => byte === wanted[i])).toBe(true);
}

/** Runs the suite against a world. */
export function networkConformance(name: string, makeWorld: () => Promise<World>): void {
  describe(`the network of ${name}`, () => {
    let world: World;
    let network: Network;
    const listeners: Listener[] = [];
    const witnesses: Witness[] = [];

    beforeEach(async () => {
      world = await makeWorld();
      ({ network } = world.environment);
    });
    afterEach(async () => {
      await world.run(async () => {
        for (const { connection } of witnesses.splice(0)) connection.destroy();
        for (const listener of listeners.splice(0)) await listener.close();
      });
      await world.close();
    });

    function watched(connection: Connection): Witness {
      const witness = new Witness(connection);
      witnesses.push(witness);
      return witness;
    }

    async function listen(accept: (connection: Connection) => void, address = '127.0.0.1:0'): Promise<Listener> {
      const listener = await network.listen(address, accept);
      listeners.push(listener);
      return listener;
    }

    /** Two ends of one connection. */
    async function pair(): Promise<[Witness, Witness]> {
      let accepted: (witness: Witness) => void = () => {};
      const far = new Promise<Witness>((resolve) => (accepted = resolve));
      const { address } = await listen((connection) => accepted(watched(connection)));
      const near = watched(await network.connect(address, { timeoutMs: 5000 }));
      return [near, await far];
    }

    async function codeOf(work: Promise<unknown>): Promise<string> {
      return work.then(
        () => 'nothing went wrong',
        (error: unknown) => (isCoterieError(error) ? `${error.code} ${error.details['address']} ${error.details.osCode}` : String(error)),
      );
    }

    test('a listener names the port that was picked, and another one cannot take it', () =>
      world.run(async () => {
        const { address } = await listen(() => {});
        expect(address).toMatch(/^127\.0\.0\.1:[1-9]\d+$/);
        expect(await codeOf(listen(() => {}, address))).toBe(`LOCKED ${address} EADDRINUSE`);
      }));

    test('a closed listener gives its address back, and its connections go on', () =>
      world.run(async () => {
        const [near, far] = await pair();
        const { address } = listeners[0];
        await listeners[0].close();
        expect(await codeOf(network.connect(address, { timeoutMs: 5000 }))).toBe(`CONNECTION_LOST ${address} ECONNREFUSED`);
        await listen(() => {}, address);
        near.connection.send(encoder.encode('still here'));
        await far.received(10);
        expect(far.text).toBe('still here');
      }));

    test('nonsense for an address is refused before anything happens', () =>
      world.run(async () => {
        for (const address of ['', 'localhost', '127.0.0.1:70000', 'a b:1', ':1', '[::1:1']) {
          expect(await codeOf(network.connect(address, { timeoutMs: 1000 }))).toBe(`INVALID_ARGUMENT ${address} undefined`);
          expect(await codeOf(listen(() => {}, address))).toBe(`INVALID_ARGUMENT ${address} undefined`);
        }
      }));

    test('bytes arrive whole and in order, both ways at once', () =>
      world.run(async () => {
        const [near, far] = await pair();
        const bytes = counting(300_001);
        let at = 0;
        for (const length of [1, 2, 0, 3, 1000, 20_000, 16_384, 5, 262_606]) near.connection.send(bytes.slice(at, (at += length)));
        expect(at).toBe(bytes.length);
        far.connection.send(bytes);
        await Promise.all([near.received(bytes.length), far.received(bytes.length)]);
        expectSame(joined(near.pieces), bytes);
        expectSame(joined(far.pieces), bytes);
        expect([...near.pieces, ...far.pieces].every(({ length }) => length > 0)).toBe(true);
      }));

    test('what is sent before the other end reads is not lost', () =>
      world.run(async () => {
        let accepted: Connection | undefined;
        const { address } = await listen((connection) => (accepted = connection));
        const near = watched(await network.connect(address, { timeoutMs: 5000 }));
        near.connection.send(encoder.encode('early'));
        while (accepted === undefined) await world.environment.timers.turn();
        for (let i = 0; i < 20; i++) await world.environment.timers.turn();
        const far = watched(accepted);
        await far.received(5);
        expect(far.text).toBe('early');
      }));

    test('close sends what is queued first, and both ends hear of an orderly end once', () =>
      world.run(async () => {
        const [near, far] = await pair();
        const bytes = counting(700_000);
        near.connection.send(bytes);
        near.connection.close();
        near.connection.close();
        expect(near.connection.send(encoder.encode('too late'))).toBe(true);
        await Promise.all([near.closed(), far.closed()]);
        expectSame(joined(far.pieces), bytes);
        expect([near.closings, far.closings]).toEqual([[undefined], [undefined]]);
      }));

    test('close reaches a peer that was in the midst of sending', () =>
      world.run(async () => {
        const [near, far] = await pair();
        far.connection.send(counting(100_000));
        near.connection.close();
        await Promise.all([near.closed(), far.closed()]);
        expect(near.closings).toHaveLength(1);
        expect(far.closings).toHaveLength(1);
      }));

    test('destroy is a lost connection for both', () =>
      world.run(async () => {
        const [near, far] = await pair();
        near.connection.destroy();
        near.connection.destroy();
        await Promise.all([near.closed(), far.closed()]);
        for (const { closings } of [near, far]) {
          expect(closings).toHaveLength(1);
          expect(isCoterieError(closings[0], 'CONNECTION_LOST')).toBe(true);
        }
        expect(far.closings[0]?.details.osCode).toBe('ECONNRESET');
      }));

    test('a connection that ended before anybody listened says so to whoever does', () =>
      world.run(async () => {
        const { address } = await listen((connection) => void watched(connection));
        const connection = await network.connect(address, { timeoutMs: 5000 });
        connection.destroy();
        for (let turn = 0; turn < 20; turn++) await world.environment.timers.turn();
        const late = watched(connection);
        await late.closed();
        expect(late.closings).toHaveLength(1);
        expect(isCoterieError(late.closings[0], 'CONNECTION_LOST')).toBe(true);
      }));

    test('a sender hears that the queue is long, and again when it has drained', () =>
      world.run(async () => {
        const [near, far] = await pair();
        far.connection.pause();
        const piece = counting(2 ** 18);
        let sent = 0;
        let hasRoom = true;
        while (hasRoom) {
          hasRoom = near.connection.send(piece);
          sent += piece.length;
          expect(sent).toBeLessThan(2 ** 26);
          await world.environment.timers.turn();
        }
        expect(near.connection.queuedBytes).toBeGreaterThan(2 ** 20);
        expect(near.drains).toBe(0);
        const before = far.bytes;
        for (let i = 0; i < 50; i++) await world.environment.timers.turn();
        expect(far.bytes).toBe(before);
        far.connection.resume();
        await Promise.all([far.received(sent), near.until(() => near.drains > 0)]);
        expect(near.connection.queuedBytes).toBe(0);
        expect(near.drains).toBe(1);
      }));

    test('a peer that never reads costs its connection, not the memory', () =>
      world.run(async () => {
        const [near, far] = await pair();
        far.connection.pause();
        const piece = new Uint8Array(2 ** 23);
        for (let i = 0; i < 20 && near.closings.length === 0; i++) {
          near.connection.send(piece);
          await world.environment.timers.turn();
        }
        await near.closed();
        expect(isCoterieError(near.closings[0], 'CONNECTION_LOST')).toBe(true);
        expect(near.connection.queuedBytes).toBe(0);
      }));

    test("received bytes are the receiver's own", () =>
      world.run(async () => {
        const [near, far] = await pair();
        near.connection.send(encoder.encode('first'));
        await far.received(5);
        const kept = far.pieces.map((piece) => piece.slice());
        near.connection.send(new Uint8Array(100_000).fill(7));
        await far.received(100_005);
        expect(far.pieces.slice(0, kept.length)).toEqual(kept);
      }));

    test('many connections at a time do not meet', () =>
      world.run(async () => {
        const { address } = await listen((connection) => {
          const far = watched(connection);
          void far.received(4).then(() => connection.send(encoder.encode(`you said ${far.text}`)));
        });
        const answers = await Promise.all(
          Array.from({ length: 40 }, async (_, i) => {
            const near = watched(await network.connect(address, { timeoutMs: 5000 }));
            near.connection.send(encoder.encode(String(1000 + i)));
            await near.received(13);
            return near.text;
          }),
        );
        expect(answers).toEqual(Array.from({ length: 40 }, (_, i) => `you said ${1000 + i}`));
      }));
  });
}
