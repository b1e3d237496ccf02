/** Golden conversations: who is asked what, in which order, at which time, and what the program gets. */
import { partitionOf, tokenOf } from '@coterie/ring';
import { describe, expect, it } from 'vitest';
import { broken, problem, refused, ringOf, ScriptedCluster, value, written } from './double/cluster.ts';

const utf8 = new TextEncoder();
const three = ['http://a:7070', 'http://b:7070', 'http://c:7070'];

/** The order in which `ringOf(nodes)` has the key's holders. */
function orderOf(key: string, nodes: readonly string[]): readonly string[] {
  const partition = partitionOf(tokenOf(utf8.encode('cart'), utf8.encode(key)), 64);
  return nodes.map((_, i) => nodes[(partition + i) % nodes.length]);
}

/** A key whose holders come in the order a, b, c. */
const abc = Array.from({ length: 100 }, (_, i) => `k${i}`).find((key) => orderOf(key, ['a', 'b', 'c'])[0] === 'a') as string;

async function onThree(): Promise<{ cluster: ScriptedCluster; db: Awaited<ReturnType<ScriptedCluster['connect']>> }> {
  const cluster = new ScriptedCluster();
  Object.assign(cluster, ringOf(['a', 'b', 'c']));
  const db = await cluster.connect('http://b:7070');
  return { cluster, db };
}

describe('routing', () => {
  it('goes straight to the first holder of each key, whichever seed it knows', async () => {
    const { cluster, db } = await onThree();
    const keys = Array.from({ length: 20 }, (_, i) => `key-${i}`);
    for (const key of keys) await cluster.run(db.put('cart', key, 'x'));
    expect(cluster.asked.map(({ node }) => node)).toEqual(keys.map((key) => orderOf(key, ['a', 'b', 'c'])[0]));
    expect(new Set(cluster.asked.map(({ node }) => node)).size).toBe(3);
  });

  it('asks the seeds when no ring is known, and the same one for a key each time', async () => {
    const cluster = new ScriptedCluster();
    const db = await cluster.connect(three);
    for (const key of ['x', 'x', 'y', 'x', 'z', 'y']) await cluster.run(db.put('cart', key, '1'));
    const nodes = cluster.asked.map(({ node }) => node);
    expect([nodes[1], nodes[3], nodes[5]]).toEqual([nodes[0], nodes[0], nodes[2]]);
  });
});

describe('failover', () => {
  it('goes to the next holder at once, with the same operation id, and shuns the dead one until its penalty wears off', async () => {
    const { cluster, db } = await onThree();
    const start = cluster.nowMs;
    cluster.answer = ({ node }) => (node === 'a' ? refused() : written());
    await cluster.run(db.put('cart', abc, 'one'));
    await cluster.run(db.put('cart', abc, 'two'));
    await cluster.simulation.advance(6000);
    cluster.answer = () => written();
    await cluster.run(db.put('cart', abc, 'three'));
    const at = (ms: number): string => `${Math.round(start + ms)}ms`;
    expect(cluster.said).toEqual([
      `${at(0)} a PUT /v1/kv/cart/${abc} op1 -> CONNECTION_LOST`,
      `${at(1)} b PUT /v1/kv/cart/${abc} op1 -> 204`,
      `${at(2)} b PUT /v1/kv/cart/${abc} op2 -> 204`,
      `${at(6003)} a PUT /v1/kv/cart/${abc} op3 -> 204`,
    ]);
  });

  it('lets one request find out whether a shunned endpoint is back, while the others go elsewhere', async () => {
    const { cluster, db } = await onThree();
    cluster.answer = ({ node }) => (node === 'a' ? 'silence' : written());
    await cluster.run(db.put('cart', abc, 'x'));
    await cluster.simulation.advance(6000);
    cluster.said.length = 0;
    await cluster.run(Promise.all(Array.from({ length: 10 }, () => db.put('cart', abc, 'x'))));
    expect(cluster.said.filter((line) => line.includes(' a PUT'))).toHaveLength(1);
  });

  it('does not wait longer for one node than a try may take', async () => {
    const { cluster, db } = await onThree();
    cluster.answer = ({ node }) => (node === 'a' ? 'silence' : value('milk'));
    const start = cluster.nowMs;
    expect((await cluster.run(db.get('cart', abc)))?.siblings[0].text).toBe('milk');
    expect(cluster.nowMs - start).toBeCloseTo(3001, 0);
    expect(cluster.asked.map(({ node }) => node)).toEqual(['a', 'b']);
  });

  it('asks again at the same endpoint, once, when a kept connection turns out to be dead; that counts against nobody', async () => {
    const { cluster, db } = await onThree();
    let failures = 1;
    cluster.answer = () => (failures-- > 0 ? broken(true) : written());
    await cluster.run(db.put('cart', abc, 'x'));
    await cluster.run(db.put('cart', abc, 'y'));
    expect(cluster.asked.map(({ node }) => node)).toEqual(['a', 'a', 'a']);
  });

  it('goes on to the next node when a second kept connection is dead as well', async () => {
    const { cluster, db } = await onThree();
    cluster.answer = ({ node }) => (node === 'a' ? broken(true) : written());
    await cluster.run(db.put('cart', abc, 'x'));
    expect(cluster.asked.map(({ node }) => node)).toEqual(['a', 'a', 'b']);
  });

  it.each(['NOT_READY', 'CLOSED', 'DISK_FULL', 'OVERLOADED', 'QUORUM_NOT_MET'] as const)('goes on after %s', async (code) => {
    const { cluster, db } = await onThree();
    cluster.answer = ({ node }) => (node === 'a' ? problem(code) : written());
    await expect(cluster.run(db.put('cart', abc, 'x'))).resolves.toMatchObject({ context: 'c1' });
    expect(cluster.asked.map(({ node }) => node)).toEqual(['a', 'b']);
  });

  it.each(['INVALID_ARGUMENT', 'PRECONDITION_FAILED', 'TOO_LARGE', 'TOO_MANY_SIBLINGS', 'UNAUTHORIZED', 'REMOTE'] as const)(
    'stops at %s',
    async (code) => {
      const { cluster, db } = await onThree();
      cluster.answer = () => problem(code);
      await expect(cluster.run(db.put('cart', abc, 'x'))).rejects.toMatchObject({ code, details: { tries: 1, mayHaveTakenEffect: false } });
    },
  );

  it('stops at a quorum that no member could make up', async () => {
    const { cluster, db } = await onThree();
    cluster.answer = () => problem('QUORUM_NOT_MET', { retryable: false });
    await expect(cluster.run(db.put('cart', abc, 'x', { w: 9 }))).rejects.toMatchObject({ code: 'QUORUM_NOT_MET', details: { tries: 1 } });
  });
});

describe('one endpoint', () => {
  it('is asked again after as long as it wants to be left alone', async () => {
    const cluster = new ScriptedCluster();
    const db = await cluster.connect();
    let refusals = 1;
    cluster.answer = () => (refusals-- > 0 ? problem('OVERLOADED') : written());
    const start = Math.round(cluster.nowMs);
    await cluster.run(db.put('cart', 'alice', 'x'));
    expect(cluster.said).toEqual([
      `${start}ms a PUT /v1/kv/cart/alice op1 -> 503 OVERLOADED`,
      `${start + 1001}ms a PUT /v1/kv/cart/alice op1 -> 204`,
    ]);
  });

  it('is not waited for when the deadline comes first', async () => {
    const cluster = new ScriptedCluster();
    const db = await cluster.connect();
    cluster.answer = () => problem('OVERLOADED');
    const start = cluster.nowMs;
    await expect(cluster.run(db.put('cart', 'alice', 'x', { timeoutMs: 900 }))).rejects.toMatchObject({
      code: 'OVERLOADED',
      details: { tries: 1 },
    });
    expect(cluster.nowMs - start).toBeLessThan(2);
  });

  it('has one deadline for all tries, and the node is told of it', async () => {
    const cluster = new ScriptedCluster();
    const db = await cluster.connect();
    cluster.answer = () => 'silence';
    const start = cluster.nowMs;
    await expect(cluster.run(db.get('cart', 'alice', { timeoutMs: 5000 }))).rejects.toMatchObject({ code: 'TIMEOUT' });
    expect(cluster.nowMs - start).toBeGreaterThan(4900);
    expect(cluster.nowMs - start).toBeLessThan(5010);
    expect(cluster.asked.map(({ path }) => path)).toEqual(Array(2).fill('/v1/kv/cart/alice?timeout=3000ms'));
  });
});

describe('errors', () => {
  it('name the endpoint, what failed, all that was tried, and what to do', async () => {
    const { cluster, db } = await onThree();
    cluster.answer = ({ node }) => (node === 'a' ? 'silence' : problem('NOT_READY'));
    const failing = cluster.run(db.put('cart', abc, 'x', { timeoutMs: 3200 }));
    await expect(failing).rejects.toMatchObject({
      code: 'NOT_READY',
      retryable: true,
      message: `put cart/${abc} at http://c:7070 failed: NOT_READY, the detail of NOT_READY (before: http://a:7070 TIMEOUT, http://b:7070 NOT_READY); it may have taken effect; wait until its /readyz answers 200`,
      // The first try may have, whatever the last one says.
      details: { endpoint: 'http://c:7070', tries: 3, status: 503, mayHaveTakenEffect: true },
    });
  });

  it('say of a write that never left that it did not take effect', async () => {
    const cluster = new ScriptedCluster();
    const db = await cluster.connect();
    cluster.answer = () => refused();
    await expect(cluster.run(db.delete('cart', 'alice'))).rejects.toMatchObject({
      code: 'CONNECTION_LOST',
      details: { tries: 5, mayHaveTakenEffect: false },
    });
  });

  it('say nothing about the effect of a read', async () => {
    const cluster = new ScriptedCluster();
    const db = await cluster.connect();
    cluster.answer = () => problem('REMOTE');
    const error: any = await cluster.run(db.get('cart', 'alice')).catch((thrown: unknown) => thrown);
    expect(error.details).toEqual({ endpoint: 'http://a:7070', tries: 1, status: 500 });
  });

  it.each([
    [{ status: 200, headers: { 'content-type': 'text/html' }, body: utf8.encode('<h1>It works!</h1>') }, 'PROTOCOL'],
    [{ status: 302, headers: {}, body: new Uint8Array() }, 'PROTOCOL'],
    [{ status: 404, headers: { 'content-type': 'text/html' }, body: new Uint8Array() }, 'PROTOCOL'],
    [{ status: 300, headers: { 'content-type': 'application/json' }, body: utf8.encode('{"siblings":[]}') }, 'PROTOCOL'],
    [{ status: 502, headers: {}, body: new Uint8Array() }, 'CONNECTION_LOST'],
    [{ status: 429, headers: {}, body: new Uint8Array() }, 'OVERLOADED'],
    [{ status: 500, headers: { 'content-type': 'application/problem+json' }, body: utf8.encode('{') }, 'PROTOCOL'],
  ])('of something that is no node: %j', async (answer, code) => {
    const cluster = new ScriptedCluster();
    const db = await cluster.connect();
    cluster.answer = ({ path }) => (path.startsWith('/v1/kv') ? answer : written());
    await expect(cluster.run(db.get('cart', 'alice', { timeoutMs: 500 }))).rejects.toMatchObject({ code });
  });
});

describe('the budget', () => {
  it('bounds the retries of a cluster that answers nothing', async () => {
    const cluster = new ScriptedCluster();
    const db = await cluster.connect(three, { retryBurst: 20 });
    cluster.answer = () => problem('NOT_READY', { headers: { 'retry-after': '0' } });
    const start = cluster.nowMs;
    const requests = 400;
    const failures = await cluster.run(
      Promise.all(
        Array.from({ length: requests }, (_, i) =>
          db.put('cart', `k${i}`, 'x').then(
            () => 'written',
            (error: unknown) => String(error),
          ),
        ),
      ),
    );
    expect(failures.filter((text) => text.includes('too many requests fail already')).length).toBeGreaterThan(250);
    const seconds = (cluster.nowMs - start) / 1000;
    expect(cluster.asked.length).toBeLessThanOrEqual(requests + 20 + 0.1 * requests + 10 * seconds);
    expect(cluster.asked.length).toBeGreaterThan(requests);
  });
});

describe('the ring', () => {
  it('is fetched again before a request that was refused as stale is sent again', async () => {
    const { cluster, db } = await onThree();
    let epoch = 1;
    cluster.answer = ({ node, path }) => (path.startsWith('/v1/kv') && node === 'a' && epoch === 2 ? problem('STALE_RING') : written());
    epoch = 2;
    // Now c and d hold everything, in an order that begins with d for this key.
    const nodes = ['b', 'c', 'd'];
    Object.assign(cluster, ringOf([...nodes.slice(1), 'b'], 2));
    await cluster.simulation.advance(1500);
    await cluster.run(db.put('cart', abc, 'x', { pw: 2 }));
    expect(cluster.ringFetches).toBe(1);
    expect(cluster.asked.map(({ node }) => node)).toEqual(['a', orderOf(abc, ['c', 'd', 'b'])[0]]);
    expect(cluster.said.map((line) => line.split(' ')[4])).toEqual(['op1', 'op1']);
  });

  it('is fetched in the background when a node names a later epoch, not when it names an earlier one', async () => {
    const { cluster, db } = await onThree();
    await cluster.simulation.advance(1500);
    const naming = (epoch: string): void => {
      cluster.answer = () => ({ ...written(), headers: { ...written().headers, 'coterie-epoch': epoch } });
    };
    naming('0');
    await cluster.run(db.put('cart', abc, 'x'));
    expect(cluster.ringFetches).toBe(0);
    naming('2');
    Object.assign(cluster, ringOf(['c', 'a', 'b'], 2));
    await cluster.run(Promise.all([db.put('cart', abc, 'x'), db.put('cart', 'other', 'x')]));
    await cluster.simulation.advance(100);
    expect(cluster.ringFetches).toBe(1);
    await cluster.run(db.put('cart', abc, 'x'));
    expect(cluster.asked.at(-1)?.node).toBe('c');
  });

  it('is fetched at most once a second, and once for an epoch that it cannot bring', async () => {
    const { cluster, db } = await onThree();
    await cluster.simulation.advance(1500);
    cluster.answer = ({ path }) => (path.startsWith('/v1/kv') ? problem('NOT_READY') : written());
    for (let tenth = 0; tenth < 30; tenth++) {
      await cluster.simulation.advance(100);
      await cluster.run(db.put('cart', abc, 'x', { timeoutMs: 50 }).catch(() => 'failed'));
    }
    expect(cluster.ringFetches).toBeGreaterThanOrEqual(2);
    expect(cluster.ringFetches).toBeLessThanOrEqual(4);
    cluster.ringFetches = 0;
    cluster.answer = () => ({ ...written(), headers: { ...written().headers, 'coterie-epoch': '9' } });
    for (let second = 0; second < 10; second++) {
      await cluster.simulation.advance(1000);
      await cluster.run(db.put('cart', abc, 'x'));
    }
    expect(cluster.ringFetches).toBe(1);
  });

  it('of an older epoch never replaces a newer one', async () => {
    const { cluster, db } = await onThree();
    Object.assign(cluster, ringOf(['c', 'b', 'a'], 0));
    await cluster.simulation.advance(60_000);
    await cluster.run(db.put('cart', abc, 'x'));
    await cluster.simulation.advance(100);
    expect(cluster.ringFetches).toBe(1);
    await cluster.run(db.put('cart', abc, 'x'));
    expect(cluster.asked.map(({ node }) => node)).toEqual(['a', 'a']);
  });
});
