import { CoterieError } from '@coterie/env';
import { describe, expect, it } from 'vitest';
import { bytes, text, World } from './world.ts';

const refused = (code: string, details: Record<string, unknown> = {}) =>
  expect.objectContaining({ code, details: expect.objectContaining(details) });

describe('values, deleted, missing', () => {
  it('are three different answers', async () => {
    const world = await new World().start();
    expect((await world.get('k')).state).toBe('missing');
    await world.put('k', 'v', { contentType: 'text/plain' });
    const found = await world.get('k');
    expect(found).toMatchObject({ state: 'found', reached: { primaries: 1, fallbacks: 0, synced: 0 } });
    if (found.state !== 'found') throw new Error('found');
    expect(found.siblings).toMatchObject([{ contentType: 'text/plain', writtenAt: world.simulation.clock.now() }]);
    await world.delete('k');
    expect(await world.get('k')).toMatchObject({ state: 'deleted', context: expect.any(String) });
  });

  it('keeps concurrent values until somebody who saw them writes', async () => {
    const world = await new World().start();
    await world.put('k', 'a');
    await world.put('k', 'b');
    expect(await world.values('k')).toEqual(['a', 'b']);
    const context = await world.context('k');
    await world.put('k', 'late');
    await world.put('k', 'merged', { context });
    expect(await world.values('k')).toEqual(['late', 'merged']);
  });

  it('lets a client go on from its own write without destroying what it was not shown', async () => {
    const world = await new World().start();
    await world.put('k', 'alice');
    const { context } = await world.put('k', 'bob 1');
    await world.put('k', 'bob 2', { context });
    expect(await world.values('k')).toEqual(['alice', 'bob 2']);
  });

  it('lets a concurrent value survive a delete, and is then the whole answer', async () => {
    const world = await new World().start();
    await world.put('k', 'seen');
    const context = await world.context('k');
    await world.put('k', 'unseen');
    await world.delete('k', { context });
    expect(await world.values('k')).toEqual(['unseen']);
    await world.delete('k');
    expect(await world.values('k')).toBe('deleted');
  });

  it('keeps everything over a clean stop, in the same life', async () => {
    const world = await new World().start();
    await world.put('k', 'v');
    const { incarnation, nodeId } = world.node.status();
    await world.restart();
    expect(await world.values('k')).toEqual(['v']);
    expect(world.node.status()).toMatchObject({ incarnation, nodeId, state: 'ready', store: { dotCounter: 1 } });
    const context = await world.context('k');
    await world.put('k', 'w', { context });
    expect(await world.values('k')).toEqual(['w']);
  });
});

describe('operation ids', () => {
  it('make a retry answer the same, with one sibling', async () => {
    const world = await new World().start();
    const first = await world.put('k', 'v', { operation: 'once' });
    expect(await world.put('k', 'v', { operation: 'once' })).toEqual(first);
    expect(await world.values('k')).toEqual(['v']);
    await world.put('k', 'other', { context: first.context });
    expect(await world.put('k', 'v', { operation: 'once' })).toEqual(first);
    expect(await world.values('k')).toEqual(['other']);
    await world.restart();
    expect(await world.put('k', 'v', { operation: 'once' })).toEqual(first);
  });

  it('hold while the first try is still on its way to the disk', async () => {
    const world = await new World().start();
    world.disk.commitMs = 20;
    const request = { bucket: 'b', key: bytes('k'), value: bytes('v'), operation: 'twice' };
    const [one, two] = await world.run(Promise.all([world.node.put(request), world.node.put(request)]));
    expect(two).toEqual(one);
    expect(await world.values('k')).toEqual(['v']);
  });

  it('of another key are other operations', async () => {
    const world = await new World().start();
    await world.put('k', 'v', { operation: 'id' });
    await world.put('l', 'w', { operation: 'id' });
    expect(await world.values('l')).toEqual(['w']);
  });

  it('that carry a time are refused once the memory is over, honestly', async () => {
    const world = await new World().start({ limits: { operationMemoryMs: 1000 } });
    const operation = `${world.simulation.clock.now().toString(16).padStart(12, '0')}-0123456789abcdef`;
    await world.put('k', 'v', { operation });
    world.simulation.clock.jump(1001);
    await expect(world.put('k', 'v', { operation })).rejects.toEqual(refused('INVALID_ARGUMENT', { mayHaveTakenEffect: true }));
    world.simulation.clock.jump(-200_000);
    await expect(world.put('k', 'v', { operation })).rejects.toEqual(refused('INVALID_ARGUMENT', { mayHaveTakenEffect: false }));
    await expect(world.put('k', 'v', { operation: 'sp ace' })).rejects.toEqual(refused('INVALID_ARGUMENT'));
    await expect(world.put('k', 'v', { operation: 'x'.repeat(65) })).rejects.toEqual(refused('INVALID_ARGUMENT'));
  });

  it('are forgotten after two windows of running time, not by a clock that jumps', async () => {
    const world = await new World().start({ limits: { operationMemoryMs: 1000 } });
    const remembered = (): number => [...world.disk.entries.keys()].filter((key) => key.charCodeAt(0) === 0x30).length;
    await world.put('k', 'v', { operation: 'a' });
    world.simulation.clock.jump(86_400_000);
    await world.put('k', 'v', { operation: 'a' });
    expect(remembered()).toBe(1);
    await world.simulation.advance(130_000);
    await world.put('k', 'w', { operation: 'b' });
    expect(remembered()).toBe(2);
    await world.simulation.advance(130_000);
    await world.put('k', 'w', { operation: 'c' });
    expect(remembered()).toBe(2);
  });
});

describe('conditional requests', () => {
  it('If-None-Match: * lets only the first one in', async () => {
    const world = await new World().start();
    const conditions = { ifNoneMatch: '*' } as const;
    await world.put('k', 'v', { conditions });
    await expect(world.put('k', 'w', { conditions })).rejects.toEqual(refused('PRECONDITION_FAILED', { mayHaveTakenEffect: false }));
    await world.delete('k');
    await world.put('k', 'again', { conditions });
    expect(await world.values('k')).toEqual(['again']);
  });

  it('of many at once one passes', async () => {
    const world = await new World().start();
    world.disk.commitMs = 5;
    const tries = Array.from({ length: 20 }, (_, i) =>
      world.node.put({ bucket: 'b', key: bytes('k'), value: bytes(`${i}`), conditions: { ifNoneMatch: '*' } }),
    );
    const outcomes = await world.run(Promise.allSettled(tries));
    expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(1);
  });

  it('If-Match replaces what the etag names, and nothing else', async () => {
    const world = await new World().start();
    await expect(world.put('k', 'v', { conditions: { ifMatch: '"0"' } })).rejects.toEqual(refused('PRECONDITION_FAILED'));
    const { etag } = await world.put('k', 'a');
    expect(await world.get('k')).toMatchObject({ etag });
    const next = await world.put('k', 'b', { conditions: { ifMatch: etag } });
    expect(await world.values('k')).toEqual(['b']);
    await expect(world.put('k', 'c', { conditions: { ifMatch: etag } })).rejects.toEqual(refused('PRECONDITION_FAILED'));
    await expect(world.delete('k', { conditions: { ifMatch: etag } })).rejects.toEqual(refused('PRECONDITION_FAILED'));
    await world.delete('k', { conditions: { ifMatch: next.etag } });
    expect(await world.values('k')).toBe('deleted');
  });
});

describe('time to live', () => {
  it('hides a value at its moment, over a restart too, and leaves no key in the listing', async () => {
    const world = await new World().start();
    await world.put('k', 'v', { ttlMs: 1000 });
    await world.put('stays', 'v');
    await world.restart();
    world.simulation.clock.jump(900);
    expect(await world.values('k')).toEqual(['v']);
    world.simulation.clock.jump(100);
    expect(await world.get('k')).toMatchObject({ state: 'deleted', context: expect.any(String) });
    const page = await world.run(world.node.listKeys({ bucket: 'b', limit: 10 }));
    expect(page.keys.map(text)).toEqual(['stays']);
  });

  it('comes from the bucket when the put names none', async () => {
    const world = await new World().start();
    await world.run(world.node.setBucket('b', { ttlMs: 50 }));
    await world.put('k', 'v');
    world.simulation.clock.jump(50);
    expect(await world.values('k')).toBe('deleted');
  });
});

describe('lww buckets', () => {
  it('keep the causally last value whatever the clock does (scenario 5)', async () => {
    const world = await new World().start();
    await world.run(world.node.setBucket('b', { conflict: 'lww' }));
    await world.put('k', 'first');
    world.simulation.clock.jump(-3_600_000);
    await world.put('k', 'second');
    expect(await world.values('k')).toEqual(['second']);
    await world.restart();
    await world.put('k', 'third', { context: await world.context('k') });
    expect(await world.values('k')).toEqual(['third']);
    await world.delete('k');
    expect(await world.values('k')).toBe('deleted');
  });
});

describe('limits', () => {
  it('refuses only puts that enlarge a full set of siblings', async () => {
    const world = await new World().start();
    await world.run(world.node.setBucket('b', { siblingsMax: 2 }));
    await world.put('k', 'a');
    const { context } = await world.put('k', 'b');
    await expect(world.put('k', 'c')).rejects.toEqual(refused('TOO_MANY_SIBLINGS', { mayHaveTakenEffect: false }));
    await world.put('k', 'b2', { context });
    expect(await world.values('k')).toEqual(['a', 'b2']);
    await world.delete('k');
    expect(await world.values('k')).toBe('deleted');
  });

  it('does not let stale deletes pile tombstones up', async () => {
    const world = await new World().start();
    await world.put('k', 'old');
    const context = await world.context('k');
    await world.put('k', 'new', { context });
    for (let i = 0; i < 50; i++) await world.delete('k', { context });
    const largest = Math.max(...[...world.disk.entries.values()].map((value) => value.length));
    expect(largest).toBeLessThan(400);
    expect(await world.values('k')).toEqual(['new']);
  });

  it.each([
    ['an empty key', { key: '' }, 'INVALID_ARGUMENT'],
    ['a long key', { key: 'x'.repeat(2049) }, 'INVALID_ARGUMENT'],
    ['an empty bucket name', { bucket: '' }, 'INVALID_ARGUMENT'],
    ['a long bucket name', { bucket: 'x'.repeat(129) }, 'INVALID_ARGUMENT'],
    ['a dot as bucket name', { bucket: '..' }, 'INVALID_ARGUMENT'],
    ['a control character in a bucket name', { bucket: 'a\nb' }, 'INVALID_ARGUMENT'],
    ['half a character in a bucket name', { bucket: '\ud800' }, 'INVALID_ARGUMENT'],
    ['a value over the limit', { value: 'x'.repeat(1_048_577) }, 'TOO_LARGE'],
    ['a line break in the content type', { contentType: 'a\r\nb' }, 'INVALID_ARGUMENT'],
    ['a ttl of nothing', { ttlMs: 0 }, 'INVALID_ARGUMENT'],
    ['a timeout of nothing', { timeoutMs: 0 }, 'INVALID_ARGUMENT'],
    ['a made-up context', { context: 'AQAA' }, 'INVALID_ARGUMENT'],
    ['w=2 alone', { w: 2 }, 'QUORUM_NOT_MET'],
    ['pw=2 alone', { pw: 2 }, 'QUORUM_NOT_MET'],
    ['w=0', { w: 0 }, 'INVALID_ARGUMENT'],
    ['w=1.5', { w: 1.5 }, 'INVALID_ARGUMENT'],
  ])('refuses %s', async (_, odd, code) => {
    const world = await new World().start();
    const { key = 'k', value = 'v', ...ask } = odd as { key?: string; value?: string; bucket?: string };
    await expect(world.put(key, value, ask)).rejects.toEqual(refused(code, { mayHaveTakenEffect: false }));
    expect(world.node.status().operations).toMatchObject({ puts: 0, failed: 1 });
    expect(world.node.status().bounds).toMatchObject({
      operations: { now: 0, most: 4096 },
      waitersOfOneKey: { now: 0 },
      hints: { now: 0 },
    });
  });

  it('takes the largest key, name and value', async () => {
    const world = await new World().start();
    await world.put('x'.repeat(2048), 'v'.repeat(1_048_576), { bucket: 'ü'.repeat(64) });
    expect((await world.get('x'.repeat(2048), 'ü'.repeat(64))).state).toBe('found');
    await world.put('empty', '');
    expect(await world.values('empty')).toEqual(['']);
  });

  it('refuses r and pr that one store cannot give', async () => {
    const world = await new World().start();
    for (const ask of [{ r: 2 }, { pr: 2 }]) {
      await expect(world.run(world.node.get({ bucket: 'b', key: bytes('k'), ...ask }))).rejects.toEqual(refused('QUORUM_NOT_MET'));
    }
  });

  it('sends operations away when too many run, or too many bytes, or too many wait for a key', async () => {
    const world = await new World().start({ limits: { inFlightMax: 10, inFlightBytesMax: 5000, waitersPerKeyMax: 2 } });
    world.disk.commitMs = 50;
    const outcome = async (count: number, value: string, key: (i: number) => string): Promise<number> => {
      const puts = Array.from({ length: count }, (_, i) => world.node.put({ bucket: 'b', key: bytes(key(i)), value: bytes(value) }));
      const outcomes = await world.run(Promise.allSettled(puts));
      const failed = outcomes.filter((one) => one.status === 'rejected');
      for (const { reason } of failed) expect(reason).toEqual(refused('OVERLOADED', { mayHaveTakenEffect: false }));
      return failed.length;
    };
    expect(await outcome(12, 'v', (i) => `k${i}`)).toBe(2);
    expect(await outcome(6, 'v'.repeat(1000), (i) => `l${i}`)).toBe(2);
    world.disk.readMs = 50;
    expect(await outcome(6, 'v', () => 'same')).toBe(3);
    world.disk.readMs = 0;
    expect(await outcome(10, 'v', (i) => `m${i}`)).toBe(0);
  });
});

describe('time limits', () => {
  it('say whether the write may have taken effect', async () => {
    const world = await new World().start();
    world.disk.commitMs = 1000;
    await expect(world.put('k', 'v', { timeoutMs: 100 })).rejects.toEqual(refused('TIMEOUT', { mayHaveTakenEffect: true }));
    await world.simulation.advance(2000);
    expect(await world.values('k')).toEqual(['v']);
    world.disk.commitMs = 0;
    world.disk.readMs = 1000;
    await expect(world.put('k', 'w', { timeoutMs: 100 })).rejects.toEqual(refused('TIMEOUT', { mayHaveTakenEffect: false }));
    await world.simulation.advance(3000);
    expect(await world.values('k')).toEqual(['v']);
    await expect(world.run(world.node.get({ bucket: 'b', key: bytes('k'), timeoutMs: 100 }))).rejects.toEqual(refused('TIMEOUT'));
  });
});

describe('a store that fails', () => {
  it('passes its error on, as one that may have taken effect unless the store denies it for good', async () => {
    const world = await new World().start();
    await world.put('k', 'v');
    world.disk.failWith = new CoterieError('DISK_IO', 'sync failed');
    await expect(world.put('k', 'w')).rejects.toEqual(refused('DISK_IO', { mayHaveTakenEffect: true }));
    world.disk.failWith = undefined;
    expect(await world.values('k')).toEqual(['v']);
    await world.put('k', 'x');
    expect(await world.values('k')).toEqual(['v', 'x']);
  });

  it('never serves a damaged object', async () => {
    const world = await new World().start();
    await world.put('k', 'value');
    const { incarnation } = world.node.status();
    const [name, record] = [...world.disk.entries].find(([key]) => key.charCodeAt(0) === 0x10) ?? ['', new Uint8Array()];
    for (let at = 1; at < record.length; at++) {
      const damaged = record.slice();
      damaged[at] ^= 0x10;
      world.disk.entries.set(name, damaged);
      await expect(world.get('k')).rejects.toMatchObject({ code: expect.stringMatching(/CORRUPTION|UNSUPPORTED_FORMAT/) });
    }
    world.disk.entries.set(name, record);
    await world.put('k', 'w', { context: await world.context('k') });
    expect(world.node.status().incarnation).not.toBe(incarnation);
    expect(await world.values('k')).toEqual(['w']);
  });
});

describe('status and closing', () => {
  it('says when P1 does not hold', async () => {
    const always = await new World().start();
    expect(always.node.status()).toMatchObject({ sync: 'always', state: 'ready', effectiveN: 1 });
    expect((await always.put('k', 'v')).reached.synced).toBe(1);
    const never = await new World().start({ sync: 'never' });
    expect(never.node.status().warnings.join()).toContain('can lose acknowledged writes');
    expect((await never.put('k', 'v')).reached.synced).toBe(0);
    const now = await new World().start({ sync: { everyMs: 100 } });
    expect(now.node.status().sync).toBe('every 100 ms');
  });

  it('lets what runs finish, refuses what comes, and closes once', async () => {
    const world = await new World().start();
    world.disk.commitMs = 30;
    const running = world.node.put({ bucket: 'b', key: bytes('k'), value: bytes('v') });
    const closed = Promise.all([world.node.close(), world.node.close()]);
    await expect(world.put('k', 'w')).rejects.toEqual(refused('NOT_READY'));
    await world.run(running);
    await world.run(closed);
    expect(world.node.status().state).toBe('closed');
    await expect(world.get('k')).rejects.toEqual(refused('CLOSED'));
    await world.start();
    expect(await world.values('k')).toEqual(['v']);
  });

  it.each([
    { name: '' },
    { sync: { everyMs: 0 } },
    { partitions: 100 },
    { limits: { inFlightMax: 0 } },
    { limits: { nonsense: 1 } as object },
    { dataDirectory: '' },
  ])('refuses the options %o', async (options) => {
    await expect(new World().start(options)).rejects.toEqual(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });

  it('places keys', async () => {
    const world = await new World().start({ name: 'one' });
    expect(await world.node.where('cart', bytes('alice'))).toEqual({
      token: '12fac3e5fcfc3bad',
      partition: 75,
      partitions: 1024,
      preferenceList: [{ node: 'one', role: 'primary', healthy: true }],
    });
  });
});
