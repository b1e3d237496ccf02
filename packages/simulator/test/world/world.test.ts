import { sleep } from '@coterie/env';
import type { Environment } from '@coterie/env';
import { describe, expect, test } from 'vitest';
import { CrashError, createWorld, drawFaults, SeededRandom, strike } from '../../src/index.ts';
import type { Machine, World, WorldFaultKind } from '../../src/index.ts';
import { join, say } from './talk.ts';

async function writeFile({ files }: Environment, text: string): Promise<void> {
  const handle = await files.open('/f', 'create');
  const bytes = new TextEncoder().encode(text);
  await handle.write(bytes, 0, bytes.length, 0);
}

describe('machines', () => {
  test('have disks, clocks, and random streams of their own', async () => {
    const world = createWorld({ seed: 1 });
    const [a, b] = [world.machine('a'), world.machine('b')];
    expect(world.machine('a')).toBe(a);
    await world.run(writeFile(a.environment, 'of a'));
    expect([a.disk.paths(), b.disk.paths()]).toEqual([['/f'], []]);
    a.clock.jump(5000);
    expect(a.clock.now() - b.clock.now()).toBe(5000);
    const draw = (machine: Machine): number[] => [1, 2, 3].map(() => machine.environment.random.u32());
    expect(draw(a)).not.toEqual(draw(b));
    const again = createWorld({ seed: 1 });
    again.machine('b');
    expect(draw(again.machine('a'))).toEqual(draw(createWorld({ seed: 1 }).machine('a')));
  });

  test('a drifting clock is wrong by its rate, and its timers with it', async () => {
    const world = createWorld({ seed: 1 });
    const fast = world.machine('fast');
    fast.clock.drift(1000);
    await world.advance(100_000);
    expect(fast.clock.monotonic()).toBeCloseTo(100_100, 6);
    const startMs = world.nowMs;
    await world.run(sleep(fast.environment.timers, 1001));
    expect(world.nowMs - startMs).toBeCloseTo(1000, 6);
    fast.clock.drift(0);
    const nowMs = fast.clock.monotonic();
    await world.advance(500);
    expect(fast.clock.monotonic() - nowMs).toBeCloseTo(500, 6);
  });

  test("one that works on its thread holds up its own events, and no one else's", async () => {
    const world = createWorld({ seed: 1 });
    const [busy, free] = [world.machine('busy'), world.machine('free')];
    const fired: string[] = [];
    for (const machine of [busy, free]) {
      machine.environment.timers.after(10, () => fired.push(`${machine.name} at ${Math.round(machine.clock.monotonic())}`));
    }
    busy.environment.timers.after(5, () => {
      busy.disk.failNext('exists', { delayMs: 100 });
      busy.environment.files.existsSync('/');
      fired.push(`worked until ${Math.round(busy.clock.monotonic())}`);
    });
    await world.advance(200);
    expect(fired).toEqual(['worked until 105', 'free at 10', 'busy at 105']);
  });

  test('a pause stops all that happens on one, and what piles up happens afterwards, in order', async () => {
    const world = createWorld({ seed: 1 });
    const [a, b] = [world.machine('a'), world.machine('b')];
    const [near, far] = await join(world, a, b);
    b.pause();
    const fired: number[] = [];
    for (const delayMs of [30, 10, 20]) b.environment.timers.after(delayMs, () => fired.push(delayMs));
    for (const letter of 'abc') {
      say(near, letter);
      await world.advance(20);
    }
    expect([fired, far.heard]).toEqual([[], []]);
    b.resume();
    await world.advance(1);
    expect([fired, far.heard.join('')]).toEqual([[10, 20, 30], 'abc']);
    b.pause();
    const piece = new Uint8Array(2 ** 18);
    let sent = 0;
    for (; near.connection.send(piece); sent++) await world.advance(5);
    expect(sent).toBeLessThan(20);
    await world.advance(60_000);
    expect(near.heard).toEqual([]);
    b.resume();
    await world.advance(100);
    expect(near.heard).toEqual(['drain']);
  });

  test('one without power does nothing; its promises never settle, others go on', async () => {
    const world = createWorld({ seed: 1 });
    const [a, b] = [world.machine('a'), world.machine('b')];
    const settled: string[] = [];
    for (const { name, environment } of [a, b]) void sleep(environment.timers, 50).then(() => settled.push(name));
    const during = a.during(() => sleep(a.environment.timers, 50)).catch((error: unknown) => settled.push(String(error)));
    await world.advance(10);
    const dead = a.environment;
    a.crash(3);
    await world.run(during);
    await world.advance(100);
    expect(settled).toEqual(['CrashError: a went down', 'b']);
    expect(() => dead.files.existsSync('/')).toThrow(CrashError);
    await expect(a.during(async () => 1)).rejects.toThrow('a is down');
  });

  test('the disk decides by itself too; kill keeps what was written, a crash what was synced', async () => {
    const world = createWorld({ seed: 1 });
    for (const [name, left] of [
      ['killed', ['/f']],
      ['crashed', []],
    ] as const) {
      const machine = world.machine(name);
      await world.run(writeFile(machine.environment, 'unsynced'));
      if (name === 'killed') machine.kill();
      else machine.disk.crashAt(machine.disk.operationCount);
      machine.environment.files.exists('/').catch(() => {});
      await world.advance(10);
      expect(machine.isUp).toBe(false);
      machine.restart(1);
      expect(machine.lives).toBe(2);
      expect(machine.disk.paths()).toEqual(left);
      expect(machine.disk.openHandles).toBe(0);
    }
  });

  test('a program starts in every life', async () => {
    const world = createWorld({ seed: 1 });
    const machine = world.machine('a');
    const starts: number[] = [];
    machine.onStart(({ files }) => {
      files.makeDirectorySync(`/life${starts.length}`);
      starts.push(machine.lives);
    });
    await world.advance(1);
    machine.restart();
    await world.advance(1);
    machine.kill();
    await world.advance(1);
    machine.restart();
    await world.advance(1);
    expect(starts).toEqual([1, 2, 3]);
    expect(machine.disk.paths()).toEqual([]);
  });
});

const kinds: readonly WorldFaultKind[] = [
  'crash',
  'kill',
  'pause',
  'cut',
  'partition',
  'link',
  'reset',
  'jump',
  'drift',
  'slow disk',
  'read-only disk',
  'full disk',
];

/** Three machines that write, and talk to each other, through everything that can happen. */
async function trouble(seed: number): Promise<{ hash: string; story: string[]; world: World }> {
  const world = createWorld({ seed });
  const story: string[] = [];
  const names = ['a', 'b', 'c'];
  for (const name of names) {
    const machine = world.machine(name);
    machine.onStart((environment) => void live(environment, name, { peers: names, story }));
  }
  const plan = drawFaults(new SeededRandom(seed, 7), { machines: names, untilMs: 20_000, longestMs: 5000, count: 40, kinds });
  await world.run(strike(world, plan));
  await world.advance(60_000);
  return { hash: world.traceHash, story, world };
}

async function live(
  environment: Environment,
  name: string,
  { peers, story }: { peers: readonly string[]; story: string[] },
): Promise<void> {
  const { network, timers, files, random } = environment;
  await network.listen(`${name}:1`, (connection) => {
    connection.start({ data: (bytes) => connection.send(bytes), drain() {}, closed() {} });
  });
  for (;;) {
    await sleep(timers, 100 + (random.u32() % 100));
    const to = peers[random.u32() % peers.length];
    const connection = await network.connect(`${to}:1`, { timeoutMs: 300 }).catch(() => undefined);
    connection?.start({
      data: (bytes) => {
        story.push(`${name} heard ${bytes.length} of ${to}`);
        connection.close();
      },
      drain() {},
      closed() {},
    });
    connection?.send(random.fill(new Uint8Array(100)));
    await files.makeDirectory(`/${random.u32() % 10}`).catch(() => story.push(`${name} cannot write`));
  }
}

describe('a world from a seed', () => {
  test('tells the same story twice, whatever goes wrong, and ends whole', async () => {
    for (let seed = 1; seed <= 5; seed++) {
      const first = await trouble(seed);
      const second = await trouble(seed);
      expect(second.hash).toBe(first.hash);
      expect(second.story).toEqual(first.story);
      expect(first.story.length).toBeGreaterThan(100);
      expect(first.world.machines.every(({ isUp, isPaused, disk }) => isUp && !isPaused && !disk.readOnly && disk.freeBytes > 0)).toBe(
        true,
      );
      const late = first.story.slice(-60).join();
      for (const name of ['a', 'b', 'c']) expect(late).toContain(`${name} heard`);
    }
    expect((await trouble(6)).hash).not.toBe((await trouble(7)).hash);
  });

  test('all kinds of faults are drawn, as data that can be written down', () => {
    const plan = drawFaults(new SeededRandom(1), { machines: ['a', 'b', 'c'], untilMs: 1000, longestMs: 50, count: 300, kinds });
    expect(new Set(plan.map(({ fault }) => fault.kind))).toEqual(new Set(kinds));
    expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
    expect(plan.every(({ atMs }, i) => atMs >= 0 && atMs < 1000 && (i === 0 || plan[i - 1].atMs <= atMs))).toBe(true);
  });

  test('says deadlock for work that awaits a dead machine', async () => {
    const world = createWorld({ seed: 1 });
    const work = sleep(world.machine('a').environment.timers, 10);
    world.machine('a').crash();
    await expect(world.run(work)).rejects.toThrow('deadlock');
  });
});
