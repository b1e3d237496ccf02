import { CoterieError, sleep } from '@coterie/env';
import { createWorld } from '@coterie/simulator';
import type { World } from '@coterie/simulator';
import { describe, expect, test } from 'vitest';
import type { Endpoint, EndpointLimits, IncomingRequest } from '../src/index.ts';
import { ask, endpointOn, nothing, outcome } from './stage.ts';

/** Runs a conversation of `a` and `b`, and sees that nothing is left of it. */
async function converse(
  talk: (stage: { world: World; a: Endpoint; b: Endpoint }) => Promise<void>,
  limits: { a?: Partial<EndpointLimits>; b?: Partial<EndpointLimits> } = {},
): Promise<void> {
  const world = createWorld({ seed: 5 });
  await world.run(async () => {
    const a = await endpointOn(world.machine('a'), { limits: limits.a ?? {} });
    const b = await endpointOn(world.machine('b'), { limits: limits.b ?? {} });
    await talk({ world, a, b });
    await Promise.all([a.close(), b.close()]);
    expect([a.counts, b.counts]).toEqual([nothing, nothing]);
    expect(world.network.openConnections).toBe(0);
  });
}

/** Timers of the world, for waiting in a test. */
function wait(world: World, ms: number): Promise<void> {
  return sleep(world.timers, ms);
}

describe('a question', () => {
  test('is answered, with values that travel raw, and the handler knows who asks', () =>
    converse(async ({ a, b }) => {
      b.register('who', async ({ from, epoch, body, values }) => ({
        body: [from.id, from.incarnation, from.address, epoch, body],
        values,
      }));
      const values = [new Uint8Array(3).fill(1), new Uint8Array(0), new Uint8Array(100_000).fill(2)];
      const answer = await a.request(
        'b:7072',
        { method: 'who', epoch: 7, body: ['x', undefined, 1.5], values, expect: 'b' },
        { timeoutMs: 500 },
      );
      expect(answer.body).toEqual(['a', 'a-1', 'a:7072', 7, ['x', null, 1.5]]);
      expect(answer.values.map((value) => [value.length, ...new Set(value)])).toEqual([[3, 1], [0], [100_000, 2]]);
    }));

  test('fails as its handler failed, and names where', () =>
    converse(async ({ a, b }) => {
      const request = (method: string): Promise<unknown> => a.request('b:7072', { method, epoch: 0, body: null }, { timeoutMs: 500 });
      b.register('refuse', async () => {
        throw new CoterieError('QUORUM_NOT_MET', 'no', { retryable: false, details: { got: 1, note: 'x'.repeat(600) } });
      });
      b.register('break', async () => {
        throw new TypeError('a bug');
      });
      b.register('say nothing', (async () => undefined) as never);
      b.register('say the impossible', async () => ({ body: { a: 1 } }));
      await expect(request('refuse')).rejects.toMatchObject({
        code: 'QUORUM_NOT_MET',
        message: 'no',
        retryable: false,
        details: { got: 1, note: 'x'.repeat(512), peer: 'b:7072' },
      });
      await expect(request('break')).rejects.toMatchObject({ code: 'REMOTE', message: expect.stringContaining('a bug') });
      await expect(request('say nothing')).rejects.toMatchObject({ code: 'REMOTE' });
      await expect(request('say the impossible')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
      await expect(request('dance')).rejects.toMatchObject({ code: 'UNSUPPORTED_FORMAT', message: 'b:7072 knows no method dance' });
    }));

  test('that cannot be sent fails at once and alone', () =>
    converse(
      async ({ a }) => {
        const other = ask(a, 'b', 'fine');
        expect(await outcome(ask(a, 'b', { an: 'object' }))).toBe('INVALID_ARGUMENT');
        const big = { method: 'echo', epoch: 0, body: null, values: [new Uint8Array(100_001)] };
        expect(await outcome(a.request('b:7072', big, { timeoutMs: 500 }))).toBe('TOO_LARGE');
        expect(await outcome(ask(a, 'nonsense and no name'))).toBe('INVALID_ARGUMENT never');
        expect(await outcome(ask(a, 'b', 1, Number.NaN))).toBe('INVALID_ARGUMENT');
        expect(await other).toBe('fine');
      },
      { a: { frameBytesMax: 100_000 } },
    ));

  test('to a machine that nobody runs on fails quickly, each time more quickly', () =>
    converse(async ({ world, a }) => {
      world.machine('c');
      expect(await outcome(ask(a, 'c'))).toBe('CONNECTION_LOST never');
      const dials = world.eventCount;
      expect(await outcome(ask(a, 'c'))).toBe('CONNECTION_LOST never');
      expect(world.eventCount - dials).toBe(0);
      const c = await endpointOn(world.machine('c'));
      await ask(c, 'a');
      expect(await ask(a, 'c', 'heard of you')).toBe('heard of you');
      await c.close();
    }));

  test('is answered out of turn when that is quicker', () =>
    converse(async ({ world, a, b }) => {
      const order: unknown[] = [];
      b.register('sleep', async ({ body }) => {
        await wait(world, body as number);
        return { body };
      });
      const nap = (ms: number): Promise<unknown> =>
        a.request('b:7072', { method: 'sleep', epoch: 0, body: ms }, { timeoutMs: 500 }).then((answer) => order.push(answer.body));
      await Promise.all([30, 10, 20].map(nap));
      expect(order).toEqual([10, 20, 30]);
      expect([a.counts.outgoing, b.counts.incoming]).toEqual([1, 1]);
    }));

  test('is given up at its deadline, which its handler knows; a late answer is dropped', () =>
    converse(async ({ world, a, b }) => {
      const seen: IncomingRequest[] = [];
      const { clock } = world.machine('b');
      let leftMs = 0;
      b.register('sleep', async (request) => {
        seen.push(request);
        leftMs = request.deadlineMs - clock.monotonic();
        await wait(world, 300);
        return { body: 'late' };
      });
      await ask(a, 'b');
      const startMs = world.nowMs;
      const late = a.request('b:7072', { method: 'sleep', epoch: 0, body: null }, { timeoutMs: 200 });
      const quick = a.request('b:7072', { method: 'sleep', epoch: 0, body: null }, { timeoutMs: 50 });
      await expect(quick).rejects.toMatchObject({ code: 'TIMEOUT', message: 'no answer from b:7072 to sleep within 50 ms' });
      expect(world.nowMs - startMs).toBeCloseTo(50, 1);
      expect(await outcome(late)).toBe('TIMEOUT maybe');
      expect(world.nowMs - startMs).toBeCloseTo(200, 1);
      expect(seen).toHaveLength(2);
      expect(leftMs).toBe(50);
      expect(b.counts.handling).toBe(2);
      expect(b.bounds['rpcHandling']).toMatchObject({ now: 2 });
      await wait(world, 400);
      expect(b.counts.handling).toBe(0);
      expect(await ask(a, 'b', 'still fine')).toBe('still fine');
    }));
});

describe('a notice', () => {
  test('arrives, opens a connection where there is none, and fails nobody', () =>
    converse(async ({ world, a, b }) => {
      const heard: unknown[] = [];
      b.register('news', async ({ body, from, deadlineMs }) => {
        heard.push([from.id, body, deadlineMs]);
        throw new Error('nobody hears of this');
      });
      a.notify('b:7072', { method: 'news', epoch: 0, body: 1 });
      a.notify('b:7072', { method: 'news', epoch: 0, body: 2, expect: 'b' });
      a.notify('b:7072', { method: 'news', epoch: 0, body: 3, expect: 'somebody else' });
      a.notify('b:7072', { method: 'unknown', epoch: 0, body: 4 });
      a.notify('b:7072', { method: 'news', epoch: 0, body: { no: 'body' } });
      a.notify('nobody:1', { method: 'news', epoch: 0, body: 5 });
      a.notify('not an address', { method: 'news', epoch: 0, body: 6 });
      await wait(world, 50);
      a.notify('b:7072', { method: 'news', epoch: 0, body: 7 });
      await wait(world, 50);
      expect(heard).toEqual([
        ['a', 1, Infinity],
        ['a', 2, Infinity],
        ['a', 7, Infinity],
      ]);
      expect(b.counts.handling).toBe(0);
    }));
});

describe('bounds', () => {
  test('so many questions in flight and no more, and none is lost', () =>
    converse(
      async ({ a, b, world }) => {
        const all = await Promise.all(Array.from({ length: 12 }, (_, i) => outcome(ask(a, 'b', i))));
        expect(all.slice(0, 8)).toEqual(Array.from({ length: 8 }, (_, i) => `answered ${i}`));
        expect(all.slice(8)).toEqual(Array(4).fill('OVERLOADED never'));
        expect(await ask(a, 'b', 'again')).toBe('again');
        await wait(world, 10);
        expect(b.counts.handling).toBe(0);
      },
      { a: { inFlightMax: 8 } },
    ));

  test('so many bytes queued and no more, while the peer does not read', () =>
    converse(
      async ({ world, a, b }) => {
        await ask(a, 'b');
        world.machine('b').pause();
        const value = new Uint8Array(400_000);
        const big = (): Promise<string> =>
          outcome(a.request('b:7072', { method: 'echo', epoch: 0, body: null, values: [value] }, { timeoutMs: 3000 }));
        const asked = Array.from({ length: 10 }, big);
        const heard: unknown[] = [];
        b.register('news', async ({ body }) => {
          heard.push(body);
          return { body };
        });
        a.notify('b:7072', { method: 'news', epoch: 0, body: 'dropped' });
        await wait(world, 100);
        world.machine('b').resume();
        const found = await Promise.all(asked);
        const refused = found.filter((one) => one === 'OVERLOADED never').length;
        expect(refused).toBeGreaterThan(4);
        expect(refused).toBeLessThan(9);
        expect(found.filter((one) => one === 'answered {"body":null,"values":[{}]}' || one.startsWith('answered'))).toHaveLength(
          10 - refused,
        );
        expect(heard).toEqual([]);
      },
      { a: { queueBytesMax: 1_000_000, noticeQueueBytesMax: 300_000 } },
    ));

  test('so many questions handled at a time; the others wait unread, and all are answered', () =>
    converse(
      async ({ world, a, b }) => {
        let [now, most] = [0, 0];
        b.register('work', async ({ body }) => {
          most = Math.max(most, ++now);
          await wait(world, 5);
          now--;
          return { body };
        });
        const work = (i: number): Promise<unknown> =>
          a.request('b:7072', { method: 'work', epoch: 0, body: i }, { timeoutMs: 5000 }).then((answer) => answer.body);
        const numbers = Array.from({ length: 200 }, (_, i) => i);
        expect(await Promise.all(numbers.map(work))).toEqual(numbers);
        expect(most).toBe(4);
      },
      { b: { handlingMax: 4 } },
    ));

  test('so many bytes handled at a time', () =>
    converse(
      async ({ world, a, b }) => {
        let [now, most] = [0, 0];
        b.register('store', async ({ values }) => {
          most = Math.max(most, (now += values[0].length));
          await wait(world, 5);
          now -= values[0].length;
          return { body: values[0].length };
        });
        const store = (): Promise<unknown> =>
          a
            .request('b:7072', { method: 'store', epoch: 0, body: 0, values: [new Uint8Array(50_000)] }, { timeoutMs: 5000 })
            .then((answer) => answer.body);
        expect(await Promise.all(Array.from({ length: 30 }, store))).toEqual(Array(30).fill(50_000));
        expect(most).toBeGreaterThan(50_000);
        expect(most).toBeLessThanOrEqual(150_000);
      },
      { b: { handlingBytesMax: 100_000 } },
    ));

  test('so many connections; one more is told why', () =>
    converse(
      async ({ world, a, b }) => {
        await ask(a, 'b');
        const c = await endpointOn(world.machine('c'));
        expect(await outcome(ask(c, 'b'))).toBe('OVERLOADED never');
        await c.close();
        expect(await ask(a, 'b', 'mine stays')).toBe('mine stays');
        await wait(world, 20);
        expect(b.counts.incoming).toBe(1);
      },
      { b: { connectionsMax: 1 } },
    ));

  test('so many peers; idle ones are forgotten for new ones', () =>
    converse(
      async ({ world, a }) => {
        const others = await Promise.all(['c', 'd', 'e'].map((name) => endpointOn(world.machine(name))));
        expect([await ask(a, 'c', 1), await ask(a, 'd', 2)]).toEqual([1, 2]);
        expect(await outcome(ask(a, 'e', 3))).toBe('OVERLOADED never');
        expect(a.bounds['rpcPeers']).toEqual({ now: 2, most: 2 });
        await wait(world, 10_000);
        expect(a.counts.outgoing).toBe(0);
        expect(await ask(a, 'e', 3)).toBe(3);
        await Promise.all(others.map((other) => other.close()));
      },
      { a: { peersMax: 2, idleMs: 1000, pingMs: 500 } },
    ));
});

describe('an end', () => {
  test('in order: what is being handled is answered, what comes after is refused', () =>
    converse(async ({ world, a, b }) => {
      b.register('work', async () => {
        await wait(world, 100);
        return { body: 'done' };
      });
      const work = a.request('b:7072', { method: 'work', epoch: 0, body: null }, { timeoutMs: 500 });
      await wait(world, 20);
      const closed = b.close();
      await wait(world, 20);
      const late = outcome(ask(a, 'b', 'late'));
      expect(await outcome(ask(b, 'a'))).toBe('CLOSED');
      b.notify('a:7072', { method: 'echo', epoch: 0, body: null });
      expect((await work).body).toBe('done');
      await closed;
      expect(await late).toBe('CONNECTION_LOST never');
    }));

  test('that takes too long is cut short; a second close is harmless', () =>
    converse(async ({ world, a, b }) => {
      b.register('hang', () => new Promise(() => {}));
      const hang = outcome(a.request('b:7072', { method: 'hang', epoch: 0, body: null }, { timeoutMs: 60_000 }));
      await wait(world, 20);
      const startMs = world.nowMs;
      await Promise.all([b.close({ drainMs: 300 }), b.close({ drainMs: 300 })]);
      await b.close();
      expect(world.nowMs - startMs).toBeLessThan(400);
      expect(await hang).toBe('CONNECTION_LOST maybe');
      expect(b.counts.handling).toBe(0);
    }));

  test('at once: all that waits fails', () =>
    converse(async ({ world, a, b }) => {
      b.register('hang', () => new Promise(() => {}));
      const hang = outcome(a.request('b:7072', { method: 'hang', epoch: 0, body: null }, { timeoutMs: 60_000 }));
      const unborn = outcome(ask(a, 'c'));
      await wait(world, 20);
      a.destroy();
      expect([await hang, await unborn]).toEqual(['CLOSED', 'CONNECTION_LOST never']);
      await wait(world, 20);
      b.destroy();
      await wait(world, 20);
      expect([a.counts, b.counts]).toEqual([nothing, nothing]);
    }));
});
