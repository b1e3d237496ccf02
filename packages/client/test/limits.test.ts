/** Connecting, closing, and the limits of what a program can ask for. */
import { partitionOf, tokenOf } from '@coterie/ring';
import { describe, expect, it } from 'vitest';
import { refused, ringOf, ScriptedCluster, written } from './double/cluster.ts';

const three = ['http://a:7070', 'http://b:7070', 'http://c:7070'];

/** A key whose first holder in `ringOf(['a', 'b', 'c'])` is a. */
const utf8 = new TextEncoder();
const ofA = Array.from({ length: 100 }, (_, i) => `k${i}`).find(
  (key) => partitionOf(tokenOf(utf8.encode('cart'), utf8.encode(key)), 64) % 3 === 0,
) as string;

describe('connect', () => {
  it('takes the first seed that answers', async () => {
    const cluster = new ScriptedCluster();
    cluster.answer = ({ node }) => (node === 'c' ? written() : refused());
    const db = await cluster.connect(three);
    await cluster.run(db.put('cart', 'alice', 'x'));
    expect(cluster.asked.at(-1)?.node).toBe('c');
  });

  it('says what became of each seed when none answers, and leaves nothing open', async () => {
    const cluster = new ScriptedCluster();
    cluster.answer = () => refused();
    await expect(cluster.connect(three)).rejects.toMatchObject({
      code: 'CONNECTION_LOST',
      message: expect.stringMatching(
        /^connect at http:\/\/[abc]:7070 failed: CONNECTION_LOST, nothing listens there \(before: .*http:\/\/a:7070/,
      ),
    });
    expect(cluster.isClosed).toBe(true);
  });

  it.each([
    [[]],
    ['https://a:7070'],
    ['http://a:7070/path'],
    ['http://user:word@a:7070'],
    ['redis://a'],
    [''],
    [['http://a:7070', 'nonsense url']],
  ])('refuses %j', async (urls) => {
    await expect(new ScriptedCluster().connect(urls)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it.each([
    { timeoutMs: 0 },
    { timeoutMs: 60_001 },
    { triesMax: 1.5 },
    { retryRatio: -1 },
    { connectionsMax: '3' as any },
    { tiemoutMs: 3 } as any,
  ])('refuses the option %j by name', async (options) => {
    const [name] = Object.keys(options);
    await expect(new ScriptedCluster().connect('http://a:7070', options)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining(name),
    });
  });
});

describe('close', () => {
  it('lets what runs end, takes nothing new, and closes the transport once', async () => {
    const cluster = new ScriptedCluster();
    const db = await cluster.connect();
    const running = db.put('cart', 'alice', 'x');
    const closing = db.close();
    await expect(db.put('cart', 'alice', 'x')).rejects.toMatchObject({ code: 'CLOSED' });
    expect(cluster.isClosed).toBe(false);
    await cluster.run(Promise.all([closing, db.close()]));
    await expect(running).resolves.toMatchObject({ context: 'c1' });
    expect(cluster.isClosed).toBe(true);
    await expect(db.bucket('cart').get()).rejects.toMatchObject({ code: 'CLOSED' });
    await expect(db.keys('cart').next()).rejects.toMatchObject({ code: 'CLOSED' });
  });
});

describe('limits', () => {
  it('never has more requests under way than connections, and refuses what the queue cannot hold', async () => {
    const cluster = new ScriptedCluster();
    const db = await cluster.connect('http://a:7070', { connectionsMax: 3, queueMax: 5 });
    cluster.underWayMost = 0;
    const outcomes = await cluster.run(
      Promise.all(
        Array.from({ length: 10 }, (_, i) =>
          db.put('cart', `k${i}`, 'x').then(
            () => 'written',
            (error: { code: string }) => error,
          ),
        ),
      ),
    );
    expect(cluster.underWayMost).toBe(3);
    expect(outcomes.filter((outcome) => outcome === 'written')).toHaveLength(8);
    expect(outcomes.slice(8)).toMatchObject(Array(2).fill({ code: 'OVERLOADED', details: { mayHaveTakenEffect: false } }));
  });

  it('those who wait for a node that does not answer go elsewhere once that is known', async () => {
    const cluster = new ScriptedCluster();
    Object.assign(cluster, ringOf(['a', 'b', 'c']));
    const db = await cluster.connect('http://b:7070', { connectionsMax: 2 });
    cluster.answer = ({ node }) => (node === 'a' ? 'silence' : written());
    await cluster.run(Promise.all(Array.from({ length: 12 }, () => db.put('cart', ofA, 'x'))));
    expect(cluster.asked.filter(({ node }) => node === 'a')).toHaveLength(2);
    expect(cluster.asked).toHaveLength(14);
  });

  it('gives up on a place in the queue when its time is over', async () => {
    const cluster = new ScriptedCluster();
    const db = await cluster.connect('http://a:7070', { connectionsMax: 1 });
    cluster.answer = () => 'silence';
    const first = db.put('cart', 'a', 'x').catch(() => 'failed');
    const second = db.put('cart', 'b', 'x', { timeoutMs: 1000 });
    await expect(cluster.run(second)).rejects.toMatchObject({ code: 'TIMEOUT', details: { mayHaveTakenEffect: false } });
    await cluster.run(first);
    // Whoever left the queue took no place with it.
    cluster.answer = () => written();
    await cluster.run(db.put('cart', 'a', 'x'));
    expect(cluster.asked.every(({ path }) => path.startsWith('/v1/kv/cart/a'))).toBe(true);
  });

  it.each([
    ['', 'k', 'x'],
    ['b'.repeat(129), 'k', 'x'],
    ['cart', '', 'x'],
    ['cart', 'k'.repeat(2049), 'x'],
    ['cart', '\ud800', 'x'],
    ['cart', 3 as any, 'x'],
    ['cart', 'k', { milk: true } as any],
  ])('refuses bucket %j, key %j', async (bucket, key, put) => {
    const cluster = new ScriptedCluster();
    const db = await cluster.connect();
    await expect(db.put(bucket, key, put)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', details: { mayHaveTakenEffect: false } });
    expect(cluster.asked).toEqual([]);
  });

  it.each([
    { context: 'two\nlines' },
    { contentType: 'a\r\nb' },
    { ifMatch: '' },
    { w: -1 },
    { pw: 1.5 },
    { ttlMs: 0 },
    { operation: 'two words' },
    { timeoutMs: 0 },
  ])('refuses %j', async (options) => {
    const cluster = new ScriptedCluster();
    const db = await cluster.connect();
    await expect(db.put('cart', 'k', 'x', options)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('refuses a value that is too large before it sends it', async () => {
    const cluster = new ScriptedCluster();
    const db = await cluster.connect('http://a:7070', { valueBytesMax: 10 });
    await expect(db.put('cart', 'k', 'x'.repeat(11))).rejects.toMatchObject({ code: 'TOO_LARGE' });
    await expect(cluster.run(db.put('cart', 'k', 'x'.repeat(10)))).resolves.toBeDefined();
  });
});
