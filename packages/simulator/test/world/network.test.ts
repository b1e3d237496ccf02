import { isCoterieError } from '@coterie/env';
import { describe, expect, test } from 'vitest';
import { createWorld } from '../../src/index.ts';
import type { Machine, World } from '../../src/index.ts';
import { attend, join, say } from './talk.ts';
import type { End } from './talk.ts';

function twoMachines(seed = 1): { world: World; a: Machine; b: Machine } {
  const world = createWorld({ seed });
  return { world, a: world.machine('a'), b: world.machine('b') };
}

function text({ heard }: End): string {
  return heard.join('');
}

async function connectCode(world: World, from: Machine, address: string, timeoutMs = 500): Promise<string> {
  return world.run(
    from.environment.network.connect(address, { timeoutMs }).then(
      () => 'connected',
      (error: unknown) => (isCoterieError(error) ? `${error.code} ${error.details.osCode ?? ''}`.trim() : String(error)),
    ),
  );
}

describe('connecting', () => {
  test('a name nobody bears, a closed door and a machine without power are told apart', async () => {
    const { world, a, b } = twoMachines();
    expect(await connectCode(world, a, 'nobody:1')).toBe('CONNECTION_LOST ENOTFOUND');
    expect(await connectCode(world, a, 'b:7072')).toBe('CONNECTION_LOST ECONNREFUSED');
    b.crash();
    const before = world.nowMs;
    expect(await connectCode(world, a, 'b:7072', 700)).toBe('TIMEOUT');
    expect(world.nowMs - before).toBeCloseTo(700, 3);
  });

  test('a machine listens only at its own names', async () => {
    const { world, a } = twoMachines();
    const listen = (address: string): Promise<unknown> => world.run(a.environment.network.listen(address, () => {}));
    await expect(listen('b:1')).rejects.toThrow('EADDRNOTAVAIL');
    await listen('a:1');
    await expect(listen('127.0.0.1:1')).rejects.toThrow('EADDRINUSE');
  });

  test('either direction cut is no connection, and it comes about when the cut heals in time', async () => {
    for (const [from, to] of [
      ['a', 'b'],
      ['b', 'a'],
    ]) {
      const { world, a, b } = twoMachines();
      await world.run(b.environment.network.listen('b:1', () => {}));
      const cut = world.network.cut([from], [to]);
      expect(await connectCode(world, a, 'b:1', 3000)).toBe('TIMEOUT');
      world.timers.after(1500, () => cut.undo());
      expect(await connectCode(world, a, 'b:1', 3000)).toBe('connected');
    }
  });

  test('a restarted machine no longer listens', async () => {
    const { world, a, b } = twoMachines();
    await join(world, a, b);
    b.restart();
    expect(await connectCode(world, a, 'b:7072')).toBe('CONNECTION_LOST ECONNREFUSED');
  });
});

describe('a machine that goes down', () => {
  test('tells nobody when power fails; who speaks is answered by a reset once it is up again', async () => {
    const { world, a, b } = twoMachines();
    const [near] = await join(world, a, b);
    b.crash();
    await world.advance(20_000);
    expect(near.heard).toEqual([]);
    b.restart();
    await world.advance(20_000);
    expect(near.heard).toEqual([]);
    say(near, 'anybody there?');
    await world.advance(10);
    expect(near.heard).toEqual(['lost ECONNRESET']);
  });

  test('is given up after half a minute of sending into the void', async () => {
    const { world, a, b } = twoMachines();
    const [near] = await join(world, a, b);
    b.crash();
    say(near, 'hello?');
    await world.advance(29_000);
    expect(near.heard).toEqual([]);
    await world.advance(15_000);
    expect(near.heard).toEqual(['lost ETIMEDOUT']);
    expect(world.network.openConnections).toBe(0);
  });

  test('resets its connections when only the process is killed', async () => {
    const { world, a, b } = twoMachines();
    const [near, far] = await join(world, a, b);
    b.kill();
    await world.advance(10);
    expect(near.heard).toEqual(['lost ECONNRESET']);
    expect(far.heard).toEqual([]);
    expect(world.network.openConnections).toBe(0);
  });

  test('what it had on the way still arrives, what it would have sent again does not', async () => {
    const { world, a, b } = twoMachines();
    const [near, far] = await join(world, a, b);
    say(far, 'last words');
    b.crash();
    await world.advance(20);
    expect(text(near)).toBe('last words');
    b.restart();
    const [near2, far2] = await join(world, a, b);
    const cut = world.network.cut(['b'], ['a']);
    say(far2, 'lost words');
    await world.advance(1000);
    b.crash();
    cut.undo();
    await world.advance(20_000);
    expect(text(near2)).toBe('');
  });
});

describe('links', () => {
  test('a cut delays what is sent until it heals; the other direction goes on', async () => {
    const { world, a, b } = twoMachines();
    const [near, far] = await join(world, a, b);
    const cut = world.network.cut(['a'], ['b']);
    say(near, 'one ');
    say(far, 'back');
    await world.advance(5000);
    say(near, 'two');
    expect([text(near), text(far)]).toEqual(['back', '']);
    cut.undo();
    await world.advance(8000);
    expect(text(far)).toBe('one two');
    expect(near.heard.concat(far.heard)).not.toContain('lost');
  });

  test('a partition separates the groups and nobody else; two cuts on one link heal apart', async () => {
    const world = createWorld({ seed: 4 });
    const [a, b, c] = ['a', 'b', 'c'].map((name) => world.machine(name));
    const [ab] = await join(world, a, b);
    const [, cb] = await join(world, b, c);
    const [, ca] = await join(world, a, c, 7073);
    const partition = world.network.partition(['a'], ['b']);
    const cut = world.network.cut(['b'], ['a']);
    const ends = { ab, cb, ca };
    const far = attend(await world.run(b.environment.network.connect('c:7073', { timeoutMs: 100 })));
    say(far, 'fine');
    expect(await connectCode(world, a, 'b:7072')).toBe('TIMEOUT');
    partition.undo();
    expect(await connectCode(world, a, 'b:7072')).toBe('TIMEOUT');
    cut.undo();
    expect(await connectCode(world, a, 'b:7072')).toBe('connected');
    expect(Object.values(ends).flatMap(({ heard }) => heard)).toEqual([]);
  });

  test('loss and slowness delay, and break nothing', async () => {
    const { world, a, b } = twoMachines();
    const [near, far] = await join(world, a, b);
    world.network.links.change(['a'], ['b'], { loss: 0.5, latencyMs: [5, 50], bytesPerMs: 100 });
    const words = Array.from({ length: 100 }, (_, i) => `${i},`);
    for (const word of words) {
      say(near, word);
      await world.advance(3);
    }
    await world.advance(30_000);
    expect(text(far)).toBe(words.join(''));
  });

  test('resets end both ends, at once or by chance', async () => {
    const { world, a, b } = twoMachines();
    const [near, far] = await join(world, a, b);
    world.network.resetConnections('b', 'a');
    await world.advance(1);
    expect([near.heard, far.heard]).toEqual([['lost ECONNRESET'], ['lost ECONNRESET']]);
    const [near2] = await join(world, a, b, 2);
    world.network.links.change(['a'], ['b'], { resets: 1 });
    say(near2, 'x');
    await world.advance(5);
    expect(near2.heard).toEqual(['lost ECONNRESET']);
  });

  test('segments of one connection stay in order, connections overtake each other', async () => {
    let overtaken = 0;
    for (let seed = 0; seed < 20; seed++) {
      const { world, a, b } = twoMachines(seed);
      const order: string[] = [];
      await world.run(
        b.environment.network.listen('b:1', (connection) =>
          connection.start({ data: (bytes) => void order.push(...new TextDecoder().decode(bytes).split('')), drain() {}, closed() {} }),
        ),
      );
      const [one, two] = await world.run(Promise.all([1, 2].map(() => a.environment.network.connect('b:1', { timeoutMs: 100 }))));
      await world.advance(5);
      for (let i = 0; i < 5; i++) {
        one.send(Uint8Array.of(0x61 + i));
        two.send(Uint8Array.of(0x41 + i));
        await world.advance(0.1);
      }
      await world.advance(50);
      const lower = order.filter((letter) => letter >= 'a').join('');
      const upper = order.filter((letter) => letter < 'a').join('');
      expect([lower, upper]).toEqual(['abcde', 'ABCDE']);
      if (order.indexOf('A') < order.indexOf('a')) overtaken++;
    }
    expect(overtaken).toBeGreaterThan(2);
    expect(overtaken).toBeLessThan(18);
  });
});
