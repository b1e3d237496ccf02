import { sleep } from '@coterie/env';
import { createWorld } from '@coterie/simulator';
import type { Machine, World } from '@coterie/simulator';
import { describe, expect, test } from 'vitest';
import { unpackBody } from '../src/body.ts';
import { frameType } from '../src/frame.ts';
import type { Frame } from '../src/frame.ts';
import { helloFromBody, helloToBody, judgeHello } from '../src/handshake.ts';
import type { Hello } from '../src/handshake.ts';
import { openEndpoint } from '../src/index.ts';
import type { Endpoint } from '../src/index.ts';
import type { OutgoingFrame } from '../src/outgoing-frame.ts';
import { ask, endpointOn, nothing, outcome, Stranger } from './stage.ts';

const own: Hello = { versions: [1, 1], clusterId: 'c', id: 'n1', incarnation: 'i1', address: 'a:1', capabilities: ['x'] };
const other: Hello = { ...own, id: 'n2', incarnation: 'i2', address: 'b:1' };

describe('the judgement', () => {
  test.each<[string, Partial<Hello>, string, string]>([
    ['an older one without a common version', { versions: [0, 0] }, 'UNSUPPORTED_FORMAT', 'speak versions 1 and 0 of the protocol'],
    ['a newer one without a common version', { versions: [2, 5] }, 'UNSUPPORTED_FORMAT', '2 to 5'],
    ['another cluster', { clusterId: 'd' }, 'INVALID_ARGUMENT', 'different clusters, c and d'],
    ['its own id elsewhere', { id: 'n1' }, 'INVALID_ARGUMENT', 'was a data directory copied?'],
    ['its own id in another life', { id: 'n1', address: 'a:1' }, 'INVALID_ARGUMENT', 'was a data directory copied?'],
    ['itself', { id: 'n1', incarnation: 'i1', address: 'a:1' }, 'INVALID_ARGUMENT', 'told to call itself'],
  ])('refuses %s, and names both sides', (_name, change, code, words) => {
    const problem = judgeHello(own, { ...other, ...change });
    expect(problem?.code).toBe(code);
    expect(problem?.message).toContain(words);
    expect(problem?.message).toContain('a:1 (n1)');
    expect(problem?.message).toContain({ ...other, ...change }.address);
  });

  test.each<[string, Partial<Hello>]>([
    ['one like itself', {}],
    ['one that speaks more', { versions: [0, 9] }],
    ['one without a cluster', { clusterId: '' }],
    ['one at the same address', { address: 'a:1' }],
  ])('welcomes %s', (_name, change) => {
    expect(judgeHello(own, { ...other, ...change })).toBeUndefined();
    expect(judgeHello({ ...own, clusterId: '' }, { ...other, ...change })).toBeUndefined();
  });

  test('reads its own hello, passes over what newer versions add, and takes nothing else', () => {
    const body = helloToBody(own) as unknown[];
    expect(helloFromBody(body)).toEqual(own);
    expect(helloFromBody([...body, 'new', [1]])).toEqual(own);
    for (let i = 0; i < body.length; i++) {
      for (const wrong of [undefined, null, [1], -1, 1.5, 'x'.repeat(257), {}]) {
        expect(() => helloFromBody(body.with(i, wrong))).toThrow(expect.objectContaining({ code: 'PROTOCOL' }));
      }
    }
    for (const wrong of [null, 'hello', [], body.slice(0, 6)]) expect(() => helloFromBody(wrong)).toThrow('a hello that is none');
  });
});

function twoMachines(): { world: World; a: Machine; b: Machine } {
  const world = createWorld({ seed: 3 });
  return { world, a: world.machine('a'), b: world.machine('b') };
}

describe('two endpoints', () => {
  test('of different clusters refuse each other by type, and nothing stays open', async () => {
    const { world, a, b } = twoMachines();
    await world.run(async () => {
      const [one, two] = [await endpointOn(a), await endpointOn(b, { clusterId: 'another' })];
      await expect(ask(one, 'b')).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        retryable: false,
        message: expect.stringContaining('different clusters, another and c'),
        details: { reason: 'cluster', peer: 'b:7072', mayHaveTakenEffect: false },
      });
      await expect(ask(one, 'b')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
      await Promise.all([one.close(), two.close()]);
      expect([one.counts, two.counts]).toEqual([nothing, nothing]);
    });
  });

  test('of one id find each other out', async () => {
    const { world, a, b } = twoMachines();
    await world.run(async () => {
      const one = await endpointOn(a);
      await endpointOn(b, { identity: { id: 'a', incarnation: 'a-1' } });
      await expect(ask(one, 'b')).rejects.toThrow('was a data directory copied?');
      await expect(ask(one, 'a')).rejects.toThrow('told to call itself');
    });
  });

  test('an address that changed hands is not taken for its former owner', async () => {
    const { world, a, b } = twoMachines();
    await world.run(async () => {
      const one = await endpointOn(a);
      await endpointOn(b, { identity: { id: 'heir', incarnation: 'h-1' } });
      const question = { method: 'echo', epoch: 0, body: 1, expect: 'b' };
      await expect(one.request('b:7072', question, { timeoutMs: 500 })).rejects.toMatchObject({
        code: 'CONNECTION_LOST',
        message: 'b:7072 is heir now, not b',
        details: { reason: 'identity', expected: 'b', found: 'heir', mayHaveTakenEffect: false },
      });
      expect(await one.request('b:7072', { ...question, expect: 'heir' }, { timeoutMs: 500 })).toMatchObject({ body: 1 });
      expect(one.peerAt('b:7072')).toMatchObject({ id: 'heir', incarnation: 'h-1', clusterId: 'c' });
      expect(one.peerAt('nobody:1')).toBeUndefined();
    });
  });

  test('tell their owners who has connected, once it said so', async () => {
    const { world, a, b } = twoMachines();
    const heard: string[] = [];
    await world.run(async () => {
      const one = await endpointOn(a);
      await endpointOn(b, { greeted: ({ id, clusterId }) => void heard.push(`${id} of ${clusterId}`) });
      await ask(one, 'b');
      await ask(one, 'b');
    });
    expect(heard).toEqual(['a of c']);
  });

  test('that do not know their cluster yet talk only of joining, until they know it', async () => {
    const { world, a, b } = twoMachines();
    await world.run(async () => {
      const joining = await endpointOn(a, { clusterId: '' });
      const member = await endpointOn(b, { capabilities: ['objects-2'] });
      member.register('join', async ({ from }) => ({ body: ['welcome', from.id, from.clusterId] }), { beforeJoin: true });
      joining.register('hurry', async () => ({ body: 'coming' }), { beforeJoin: true });
      const join = { method: 'join', epoch: 0, body: null };
      expect(await joining.request('b:7072', join, { timeoutMs: 500 })).toMatchObject({ body: ['welcome', 'a', ''] });
      expect(joining.peerAt('b:7072')?.capabilities).toEqual(['objects-2']);
      expect(await outcome(ask(joining, 'b'))).toBe('NOT_READY');
      expect(await outcome(ask(member, 'a'))).toBe('NOT_READY');
      expect(await member.request('a:7072', { method: 'hurry', epoch: 0, body: null }, { timeoutMs: 500 })).toMatchObject({
        body: 'coming',
      });
      joining.joinCluster('c');
      expect([await ask(joining, 'b', 'now'), await ask(member, 'a', 'too')]).toEqual(['now', 'too']);
      expect(await joining.request('b:7072', join, { timeoutMs: 500 })).toMatchObject({ body: ['welcome', 'a', 'c'] });
      await Promise.all([joining.close(), member.close()]);
      expect([joining.counts, member.counts]).toEqual([nothing, nothing]);
    });
  });

  test('what cannot be is refused when an endpoint opens', async () => {
    const { world, a } = twoMachines();
    const open = (change: object): Promise<string> =>
      outcome(
        openEndpoint({
          environment: a.environment,
          listen: 'a:1',
          identity: { id: 'a', incarnation: 'i' },
          clusterId: 'c',
          ...change,
        }).then(() => 'open'),
      );
    await world.run(async () => {
      for (const change of [
        { listen: 'a' },
        { advertise: 'x y' },
        { identity: { id: '', incarnation: 'i' } },
        { identity: { id: 'a', incarnation: 'i'.repeat(257) } },
        { clusterId: 'c'.repeat(257) },
        { capabilities: [''] },
        { capabilities: Array(65).fill('x') },
        { limits: { inFlightMax: 0 } },
        { limits: { idleMs: Number.NaN } },
        { limits: { frameBytesMax: 2 ** 26 } },
        { limits: { silenceMs: 2000 } },
      ])
        expect(await open(change)).toBe('INVALID_ARGUMENT');
      expect(await open({})).toBe('answered "open"');
      expect(await open({})).toBe('LOCKED');
    });
  });
});

const helloFrame = (change: Partial<Hello> = {}): OutgoingFrame => ({
  type: frameType.hello,
  id: 0,
  body: helloToBody({ ...other, ...change }),
  values: [],
});
const requestFrame: OutgoingFrame = { type: frameType.request, id: 1, body: ['echo', 0, 500, 'hi'], values: [] };

/** Code and message of an error. */
function said({ bytes, bodyStart, bodyEnd }: Frame): unknown[] {
  return (unpackBody(bytes, bodyStart, bodyEnd) as unknown[]).slice(0, 2);
}

describe('a stranger', () => {
  test.each<[string, readonly (OutgoingFrame | Uint8Array)[], string]>([
    ['that says something else first', [requestFrame], 'before the hello'],
    ['that says hello twice', [helloFrame(), helloFrame()], 'a frame of type 1'],
    ['that answers unasked', [helloFrame(), { ...requestFrame, type: frameType.answer }], 'a frame of type 5'],
    ['whose hello is none', [{ ...helloFrame(), body: ['hi'] }], 'a hello that is none'],
    ['whose question is none', [helloFrame(), { ...requestFrame, body: ['echo', 0] }], 'a question that is none'],
    ['whose question has a bad epoch', [helloFrame(), { ...requestFrame, body: ['echo', -1, 5, 0] }], 'a question that is none'],
    ['that sends garbage', [helloFrame(), new Uint8Array(64).fill(9)], 'where 41943040 are allowed'],
    ['that sends too much before it says who it is', [{ ...helloFrame(), values: [new Uint8Array(65_536)] }], 'where 65536 are allowed'],
  ])('%s is told so, and left', async (_name, frames, words) => {
    const { world, a, b } = twoMachines();
    const endpoint = await world.run(endpointOn(b));
    const stranger = await Stranger.dial(world, a, 'b');
    stranger.say(new TextEncoder().encode('COTRPC\r\n'), ...frames);
    await world.advance(100);
    const last = stranger.frames.at(-1);
    expect(last?.type).toBe(frameType.refusal);
    expect(last === undefined ? [] : said(last)).toEqual(['PROTOCOL', expect.stringContaining(words)]);
    expect(stranger.isClosed).toBe(true);
    expect(endpoint.counts).toEqual(nothing);
  });

  test('that speaks an older version is refused by type', async () => {
    const { world, a, b } = twoMachines();
    await world.run(endpointOn(b));
    const stranger = await Stranger.dial(world, a, 'b');
    stranger.greet(helloFrame({ versions: [0, 0] }));
    await world.advance(100);
    expect(stranger.frames.map(({ type }) => type)).toEqual([frameType.refusal]);
    expect(said(stranger.frames[0])).toEqual(['UNSUPPORTED_FORMAT', expect.stringContaining('no common one')]);
    expect(stranger.isClosed).toBe(true);
  });

  test('that says nothing, or stops in the midst of a frame, does not stay', async () => {
    const { world, a, b } = twoMachines();
    const endpoint = await world.run(endpointOn(b));
    const silent = await Stranger.dial(world, a, 'b');
    const half = await Stranger.dial(world, a, 'b');
    half.greet(helloFrame());
    half.say(new Uint8Array(10));
    await world.advance(1);
    expect(endpoint.counts.incoming).toBe(2);
    await world.advance(10_000);
    expect([silent.isClosed, half.isClosed]).toEqual([true, true]);
    expect(endpoint.counts).toEqual(nothing);
  });

  test('that repeats a request word for word is answered each time; no state is mixed up', async () => {
    const { world, a, b } = twoMachines();
    await world.run(endpointOn(b));
    const stranger = await Stranger.dial(world, a, 'b');
    stranger.greet(helloFrame());
    stranger.say(requestFrame, requestFrame);
    await world.advance(100);
    expect(stranger.frames.map(({ type, id }) => [type, id])).toEqual([
      [frameType.welcome, 0],
      [frameType.answer, 1],
      [frameType.answer, 1],
    ]);
  });
});

describe('a guest', () => {
  async function guest(): Promise<{ world: World; endpoint: Endpoint; stranger: Stranger }> {
    const { world, a, b } = twoMachines();
    const endpoint = await world.run(endpointOn(b));
    const stranger = await Stranger.dial(world, a, 'b');
    stranger.greet(helloFrame());
    await world.advance(10);
    return { world, endpoint, stranger };
  }

  test('that does not read its answers is not read any further, and loses nothing', async () => {
    const { world, endpoint, stranger } = await guest();
    let handled = 0;
    endpoint.register('large', async () => {
      handled++;
      return { body: null, values: [new Uint8Array(100_000)] };
    });
    stranger.connection.pause();
    for (let id = 1; id <= 300; id++) {
      stranger.say({ type: frameType.request, id, body: ['large', 0, 60_000, null], values: [] });
      await world.advance(2);
    }
    expect(handled).toBeGreaterThan(10);
    expect(handled).toBeLessThan(40);
    stranger.connection.resume();
    await world.advance(1000);
    expect(handled).toBe(300);
    expect(stranger.frames.filter(({ type }) => type === frameType.answer).map(({ id }) => id)).toEqual(
      Array.from({ length: 300 }, (_, i) => i + 1),
    );
  });

  test('that waits no more gets no answer', async () => {
    const { world, endpoint, stranger } = await guest();
    endpoint.register('slow', async ({ body }) => {
      await sleep(world.timers, 100);
      if (body === 'fail') throw new Error('late');
      return { body };
    });
    for (const [id, leftMs, body] of [
      [1, 50, 'answer'],
      [2, 50, 'fail'],
      [3, 150, 'answer'],
      [4, 150, 'fail'],
    ] as const)
      stranger.say({ type: frameType.request, id, body: ['slow', 0, leftMs, body], values: [] });
    await world.advance(500);
    expect(stranger.frames.slice(1).map(({ type, id }) => [type, id])).toEqual([
      [frameType.answer, 3],
      [frameType.failure, 4],
    ]);
  });
});

describe('a false server', () => {
  async function askIt(answer: (stranger: Stranger) => void): Promise<string> {
    const { world, a, b } = twoMachines();
    await world.run(b.environment.network.listen('b:7072', (connection) => answer(Stranger.answering(connection))));
    const endpoint = await world.run(endpointOn(a));
    const found = await world.run(outcome(ask(endpoint, 'b', 1, 3000)));
    await world.advance(20_000);
    expect(endpoint.counts).toEqual(nothing);
    return found;
  }
  const preamble = new TextEncoder().encode('COTRPC\r\n');
  const welcome = { ...helloFrame(), type: frameType.welcome };

  test('that does not speak the protocol is PROTOCOL', async () => {
    expect(await askIt((stranger) => stranger.say(new TextEncoder().encode('HTTP/1.1 400')))).toBe('PROTOCOL never');
  });
  test('that welcomes nobody is CONNECTION_LOST', async () => {
    expect(await askIt(() => {})).toMatch(/^(CONNECTION_LOST|TIMEOUT) never$/);
  });
  test('of another cluster is found out by the caller as well', async () => {
    expect(await askIt((stranger) => stranger.say(preamble, { ...helloFrame({ clusterId: 'd' }), type: frameType.welcome }))).toBe(
      'INVALID_ARGUMENT never',
    );
  });
  test('that answers with a broken body breaks the protocol, and the caller hears it', async () => {
    expect(
      await askIt((stranger) => {
        stranger.say(preamble, welcome, { type: frameType.failure, id: 1, body: ['odd'], values: [] });
      }),
    ).toBe('PROTOCOL maybe');
  });
  test('that answers questions nobody asked is no trouble', async () => {
    expect(
      await askIt((stranger) => {
        stranger.say(preamble, welcome);
        for (const id of [7, 1, 1, 9]) stranger.say({ type: frameType.answer, id, body: id, values: [] });
      }),
    ).toMatch(/^answered 1$|maybe$/);
  });
});
