import { equalBytes } from '@coterie/bytes';
import { sleep } from '@coterie/env';
import type { Environment } from '@coterie/env';
import { createWorld, drawFaults, SeededRandom, strike } from '@coterie/simulator';
import type { Machine, World, WorldFaultKind } from '@coterie/simulator';
import { describe, expect, test } from 'vitest';
import type { Endpoint } from '../src/index.ts';
import { ask, endpointOn, nothing, outcome } from './stage.ts';

/** Two endpoints that have talked already. */
async function acquaintances(): Promise<{ world: World; a: Endpoint; b: Endpoint; machines: { a: Machine; b: Machine } }> {
  const world = createWorld({ seed: 9 });
  const machines = { a: world.machine('a'), b: world.machine('b') };
  const a = await world.run(endpointOn(machines.a));
  const b = await world.run(endpointOn(machines.b));
  expect(await world.run(ask(a, 'b', 'hello'))).toBe('hello');
  return { world, a, b, machines };
}

describe('a peer', () => {
  test('that loses power is found out by its silence, and found again after its restart', async () => {
    const { world, a, machines } = await acquaintances();
    machines.b.crash();
    expect(await world.run(outcome(ask(a, 'b', 1, 300)))).toBe('TIMEOUT maybe');
    expect(a.counts).toEqual({ ...nothing, outgoing: 1 });
    await world.advance(9000);
    expect(a.counts).toEqual(nothing);
    expect(await world.run(outcome(ask(a, 'b', 2, 300)))).toMatch(/^TIMEOUT never$/);
    machines.b.restart();
    const b = await world.run(endpointOn(machines.b));
    await world.run(ask(b, 'a'));
    expect(await world.run(ask(a, 'b', 3, 300))).toBe(3);
    expect(a.peerAt('b:7072')?.incarnation).toBe('b-2');
  });

  test('that was restarted while nobody looked answers the next question after one failure at most', async () => {
    const { world, a, machines } = await acquaintances();
    machines.b.crash();
    machines.b.restart();
    await world.run(endpointOn(machines.b));
    expect(await world.run(outcome(ask(a, 'b', 1, 500)))).toBe('CONNECTION_LOST maybe');
    expect(await world.run(ask(a, 'b', 2, 500))).toBe(2);
  });

  test('whose process is killed is lost at once', async () => {
    const { world, a, b, machines } = await acquaintances();
    b.register('hang', () => new Promise(() => {}));
    const hang = outcome(a.request('b:7072', { method: 'hang', epoch: 0, body: null }, { timeoutMs: 60_000 }));
    await world.advance(10);
    const startMs = world.nowMs;
    machines.b.kill();
    expect(await world.run(hang)).toBe('CONNECTION_LOST maybe');
    expect(world.nowMs - startMs).toBeLessThan(10);
  });

  test('that stands still for a moment is waited for; for long, it is lost', async () => {
    const { world, a, machines } = await acquaintances();
    machines.b.pause();
    const first = ask(a, 'b', 1, 60_000);
    await world.advance(3000);
    machines.b.resume();
    expect(await world.run(first)).toBe(1);
    machines.b.pause();
    expect(await world.run(outcome(ask(a, 'b', 2, 60_000)))).toBe('CONNECTION_LOST maybe');
    machines.b.resume();
    await world.advance(100);
    expect(await world.run(ask(a, 'b', 3, 500))).toBe(3);
  });

  test('that can be heard and not reached, or reached and not heard, is lost within the silence allowed', async () => {
    for (const [from, to] of [
      ['a', 'b'],
      ['b', 'a'],
    ]) {
      const { world, a, b } = await acquaintances();
      const cut = world.network.cut([from], [to]);
      const startMs = world.nowMs;
      expect(await world.run(outcome(ask(a, 'b', 1, 60_000)))).toBe('CONNECTION_LOST maybe');
      expect(world.nowMs - startMs).toBeLessThan(9000);
      cut.undo();
      await world.advance(30_000);
      expect([a.counts, b.counts]).toEqual([nothing, nothing]);
      expect(await world.run(ask(a, 'b', 2, 500))).toBe(2);
    }
  });

  test('is not bothered while it is idle, and left alone after a while', async () => {
    const { world, a, b } = await acquaintances();
    await world.advance(50_000);
    expect([a.counts.outgoing, b.counts.incoming]).toEqual([1, 1]);
    await world.advance(20_000);
    expect([a.counts, b.counts]).toEqual([nothing, nothing]);
    expect(world.network.openConnections).toBe(0);
  });
});

const kinds: readonly WorldFaultKind[] = ['crash', 'kill', 'pause', 'cut', 'partition', 'link', 'link', 'link', 'reset', 'reset', 'drift'];
const names = ['a', 'b', 'c', 'd'];

interface Run {
  readonly hash: string;
  readonly outcomes: string[];
  readonly endpoints: Map<string, Endpoint>;
  readonly world: World;
  readonly asked: Map<string, number>;
  readonly handled: Map<string, number>;
}

/** Four machines ask each other numbered questions through all that can happen to networks and processes. */
async function quarrel(seed: number): Promise<Run> {
  const world = createWorld({ seed });
  const run = {
    outcomes: [] as string[],
    endpoints: new Map<string, Endpoint>(),
    asked: new Map<string, number>(),
    handled: new Map<string, number>(),
  };
  for (const name of names) {
    const machine = world.machine(name);
    machine.onStart((environment) => void live(machine, environment, run));
  }
  await world.run(
    strike(world, drawFaults(new SeededRandom(seed, 1), { machines: names, untilMs: 30_000, longestMs: 8000, count: 40, kinds })),
  );
  await world.advance(40_000);
  const hash = world.traceHash;
  return { ...run, hash, world };
}

async function live(machine: Machine, { timers, random }: Environment, run: Omit<Run, 'hash' | 'world'>): Promise<void> {
  const endpoint = await endpointOn(machine);
  run.endpoints.set(machine.name, endpoint);
  endpoint.register('count', async ({ body, values }) => {
    const key = String(body);
    run.handled.set(key, (run.handled.get(key) ?? 0) + 1);
    await sleep(timers, random.u32() % 50);
    return { body, values };
  });
  for (let i = 0; ; i++) {
    await sleep(timers, 20 + (random.u32() % 60));
    const to = names[random.u32() % names.length];
    if (to === machine.name) continue;
    const key = `${machine.name}${machine.lives}.${i}`;
    run.asked.set(key, 1);
    const values = [random.fill(new Uint8Array(random.u32() % (i % 10 === 0 ? 20_000 : 200)))];
    const request = { method: 'count', epoch: i, body: key, values };
    endpoint.request(`${to}:7072`, request, { timeoutMs: 400 }).then(
      (answer) => {
        const isSame = answer.body === key && equalBytes(answer.values[0], values[0]);
        run.outcomes.push(`${key} ${isSame ? 'answered' : 'CONFUSED'}`);
      },
      (error) => run.outcomes.push(`${key} ${error.code} ${error.details.mayHaveTakenEffect === false ? 'never' : 'maybe'}`),
    );
  }
}

describe('in the worst of worlds', () => {
  test('each question is handled once at most, settles once, and is told the truth of', async () => {
    for (let seed = 1; seed <= 8; seed++) {
      const { outcomes, handled, asked, endpoints, world } = await quarrel(seed);
      const keys = outcomes.map((text) => text.split(' ')[0]);
      expect(new Set(keys).size).toBe(keys.length);
      expect(outcomes.filter((text) => text.includes('CONFUSED'))).toEqual([]);
      expect([...handled.values()].every((times) => times === 1)).toBe(true);
      for (const text of outcomes) {
        const [key, what, effect] = text.split(' ');
        if (what === 'answered') expect(handled.has(key)).toBe(true);
        if (effect === 'never') expect(handled.has(key)).toBe(false);
      }
      expect(asked.size).toBeGreaterThan(1000);
      const codes = new Set(outcomes.map((text) => text.split(' ')[1]));
      expect([...codes].filter((code) => !['answered', 'TIMEOUT', 'CONNECTION_LOST'].includes(code))).toEqual([]);
      const late = outcomes.slice(-500).filter((text) => text.endsWith('answered'));
      expect(late.length).toBeGreaterThan(490);
      await hush(world, endpoints);
    }
  });

  test('one seed tells one story, byte by byte', async () => {
    const [first, second, other] = [await quarrel(21), await quarrel(21), await quarrel(22)];
    expect(second.hash).toBe(first.hash);
    expect(second.outcomes).toEqual(first.outcomes);
    expect(other.hash).not.toBe(first.hash);
  });
});

/** After everybody has closed nothing is left, anywhere. */
async function hush(world: World, endpoints: Map<string, Endpoint>): Promise<void> {
  await world.run(Promise.all([...endpoints.values()].map((endpoint) => endpoint.close())));
  for (const endpoint of endpoints.values()) expect(endpoint.counts).toEqual(nothing);
  expect(world.network.openConnections).toBe(0);
}
