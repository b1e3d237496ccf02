/** What operations send and what they make of the answers. */
import { CoterieError } from '@coterie/env';
import { describe, expect, it } from 'vitest';
import { type Asked, broken, json, problem, ringOf, ScriptedCluster, siblings, value, written } from './double/cluster.ts';

const text = new TextDecoder();

async function onOne(): Promise<{ cluster: ScriptedCluster; db: Awaited<ReturnType<ScriptedCluster['connect']>> }> {
  const cluster = new ScriptedCluster();
  return { cluster, db: await cluster.connect() };
}

/** Answers batches line by line. */
function lineByLine(answer: (line: Record<string, any>, asked: Asked) => object): (asked: Asked) => ReturnType<typeof json> {
  return (asked) => {
    const lines = text.decode(asked.body).trimEnd().split('\n');
    const results = lines.map((line) => `${JSON.stringify(answer(JSON.parse(line) as Record<string, any>, asked))}\n`);
    return { status: 200, headers: { 'content-type': 'application/x-ndjson' }, body: new TextEncoder().encode(results.join('')) };
  };
}

const reached = { primaries: 1, fallbacks: 0, synced: 1 };

describe('get', () => {
  it('finds one value', async () => {
    const { cluster, db } = await onOne();
    cluster.answer = () => ({ ...value('milk'), headers: { ...value('milk').headers, 'coterie-expires': '2026-11-22T00:00:00.000Z' } });
    const found = await cluster.run(db.get('cart', 'alice', { r: 2, pr: 1, monotonic: true }));
    expect(found).toMatchObject({ context: 'c1', etag: '"c1"', reached: { primaries: 1, fallbacks: 0, synced: 0 } });
    const [only] = found?.siblings ?? [];
    expect([only.text, only.contentType, only.etag]).toEqual(['milk', 'text/plain', '"c1"']);
    expect([only.writtenAt, only.expiresAt]).toEqual([Date.UTC(2026, 10, 21, 4, 34, 53), Date.UTC(2026, 10, 22)]);
    expect(cluster.asked[0].path).toBe('/v1/kv/cart/alice?r=2&pr=1&monotonic=true');
    expect(cluster.asked[0].headers['accept']).toBe('application/json');
  });

  it('finds siblings', async () => {
    const { cluster, db } = await onOne();
    cluster.answer = () => siblings(['milk', 'bread']);
    const found = await cluster.run(db.get('cart', 'alice'));
    expect(found?.siblings[0].value.constructor).toBe(Uint8Array);
    expect(found?.siblings.map((one) => [one.text, one.etag, one.writtenAt])).toEqual([
      ['milk', '"milk"', Date.UTC(2026, 10, 21, 4, 34, 53, 79)],
      ['bread', '"bread"', Date.UTC(2026, 10, 21, 4, 34, 53, 79)],
    ]);
  });

  it('tells deleted from missing through read, both are undefined to get', async () => {
    const { cluster, db } = await onOne();
    cluster.answer = () => problem('DELETED', { headers: { 'coterie-context': 'c9' } });
    expect(await cluster.run(db.read('cart', 'alice'))).toEqual({ state: 'deleted', context: 'c9' });
    expect(await cluster.run(db.get('cart', 'alice'))).toBeUndefined();
    cluster.answer = () => problem('NOT_FOUND');
    expect(await cluster.run(db.read('cart', 'alice'))).toEqual({ state: 'missing' });
    expect(await cluster.run(db.get('cart', 'alice'))).toBeUndefined();
  });
});

describe('put and delete', () => {
  it('send what they were told', async () => {
    const { cluster, db } = await onOne();
    await cluster.run(
      db.put('cart', Uint8Array.of(0xff), Uint8Array.of(1, 2), {
        context: 'c',
        w: 2,
        pw: 1,
        ttlMs: 500,
        ifMatch: '"e"',
        operation: 'mine',
      }),
    );
    await cluster.run(db.put('cart', 'a', 'text', { ifNoneMatch: '*', context: undefined }));
    await cluster.run(db.put('cart', 'a', '{}', { contentType: 'application/json' }));
    await cluster.run(db.delete('cart', 'a', { context: 'c', w: 1 }));
    const [bytes, plain, typed, removal] = cluster.asked;
    expect(bytes).toMatchObject({
      method: 'PUT',
      path: '/v1/kv/cart/%FF?w=2&pw=1&ttl=500ms',
      headers: { 'coterie-context': 'c', 'coterie-operation': 'mine', 'if-match': '"e"', 'content-type': 'application/octet-stream' },
      body: Uint8Array.of(1, 2),
    });
    expect(plain.headers).toEqual({
      'content-type': 'text/plain; charset=utf-8',
      'if-none-match': '*',
      'coterie-operation': expect.stringMatching(/^[0-9a-f]{12}-[0-9a-f]{16}$/),
    });
    expect(typed.headers['content-type']).toBe('application/json');
    expect(removal).toMatchObject({ method: 'DELETE', path: '/v1/kv/cart/a?w=1', body: undefined });
    const ids = cluster.asked.map(({ headers }) => headers['coterie-operation']);
    expect(new Set(ids).size).toBe(4);
  });

  it('resolve with the context to go on from', async () => {
    const { cluster, db } = await onOne();
    expect(await cluster.run(db.put('cart', 'a', 'x'))).toEqual({ context: 'c1', etag: '"c1"', reached });
  });

  it('are given up by a signal', async () => {
    const { cluster, db } = await onOne();
    await cluster.run(db.put('cart', 'a', 'x', { signal: new AbortController().signal }));
    expect(cluster.asked[0].signal).toBeInstanceOf(AbortSignal);
    cluster.answer = () => new CoterieError('CLOSED', 'the caller gave the request up', { details: { sent: true } });
    await expect(cluster.run(db.put('cart', 'a', 'x'))).rejects.toMatchObject({
      code: 'CLOSED',
      details: { tries: 1, mayHaveTakenEffect: true },
    });
  });
});

describe('update', () => {
  it('merges siblings under the context that it read', async () => {
    const { cluster, db } = await onOne();
    cluster.answer = ({ method }) => (method === 'GET' ? siblings(['milk', 'bread'], 'seen') : written('after'));
    const merge = (all: readonly { text: string }[]): string => all.map((one) => one.text).join('+');
    expect(await cluster.run(db.update('cart', 'alice', merge, { w: 2 }))).toMatchObject({ context: 'after' });
    const [, put] = cluster.asked;
    expect([text.decode(put.body), put.headers['coterie-context'], put.headers['if-match']]).toEqual(['milk+bread', 'seen', undefined]);
  });

  it('writes over a deletion with its context, and the first value without one', async () => {
    const { cluster, db } = await onOne();
    cluster.answer = ({ method }) => (method === 'GET' ? problem('DELETED', { headers: { 'coterie-context': 'grave' } }) : written());
    await cluster.run(db.update('cart', 'a', (all) => `${all.length}`));
    cluster.answer = ({ method }) => (method === 'GET' ? problem('NOT_FOUND') : written());
    await cluster.run(db.update('cart', 'a', async () => ({ value: 'x', contentType: 'text/csv', ttlMs: 5 })));
    const puts = cluster.asked.filter(({ method }) => method === 'PUT');
    expect(puts.map(({ headers }) => headers['coterie-context'])).toEqual(['grave', undefined]);
    expect([text.decode(puts[0].body), puts[1].headers['content-type'], puts[1].path]).toEqual([
      '0',
      'text/csv',
      expect.stringContaining('ttl=5ms'),
    ]);
  });

  it('deletes for null, and writes nothing for undefined or when there is nothing to delete', async () => {
    const { cluster, db } = await onOne();
    cluster.answer = ({ method }) => (method === 'GET' ? value('x', 'seen') : written());
    await cluster.run(db.update('cart', 'a', () => null));
    expect(cluster.asked.map(({ method, headers }) => [method, headers['coterie-context']])).toEqual([
      ['GET', undefined],
      ['DELETE', 'seen'],
    ]);
    expect(await cluster.run(db.update('cart', 'a', () => undefined))).toBeUndefined();
    cluster.answer = () => problem('NOT_FOUND');
    expect(await cluster.run(db.update('cart', 'a', () => null))).toBeUndefined();
    expect(cluster.asked.filter(({ method }) => method !== 'GET')).toHaveLength(1);
  });

  it('with a guard reads again when the key has changed, each write with an id of its own', async () => {
    const { cluster, db } = await onOne();
    let reads = 0;
    cluster.answer = ({ method, headers }) => {
      if (method === 'GET') return value(`v${++reads}`, `c${reads}`);
      return headers['if-match'] === '"c3"' ? written() : problem('PRECONDITION_FAILED');
    };
    await cluster.run(db.update('cart', 'a', ([one]) => `${one.text}!`, { guard: true }));
    const puts = cluster.asked.filter(({ method }) => method === 'PUT');
    expect(puts.map(({ body }) => text.decode(body))).toEqual(['v1!', 'v2!', 'v3!']);
    expect(new Set(puts.map(({ headers }) => headers['coterie-operation'])).size).toBe(3);
  });

  it('with a guard writes a first value only if there still is none', async () => {
    const { cluster, db } = await onOne();
    cluster.answer = ({ method }) => (method === 'GET' ? problem('NOT_FOUND') : written());
    await cluster.run(db.update('cart', 'a', () => 'x', { guard: true }));
    expect(cluster.asked[1].headers['if-none-match']).toBe('*');
  });

  it('does not go on when a lost try of its own may be what changed the key', async () => {
    const { cluster, db } = await onOne();
    let writes = 0;
    cluster.answer = ({ method }) => {
      if (method === 'GET') return value('x');
      return ++writes === 1 ? broken() : problem('PRECONDITION_FAILED');
    };
    await expect(cluster.run(db.update('cart', 'a', () => 'y', { guard: true }))).rejects.toMatchObject({
      code: 'PRECONDITION_FAILED',
      details: { mayHaveTakenEffect: true },
    });
    expect(writes).toBe(2);
  });

  it('merges again when there are too many siblings, for as many rounds as it has', async () => {
    const { cluster, db } = await onOne();
    cluster.answer = ({ method }) => (method === 'GET' ? value('x') : problem('TOO_MANY_SIBLINGS'));
    let calls = 0;
    const counting = (): string => `${++calls}`;
    await expect(cluster.run(db.update('cart', 'a', counting, { roundsMax: 4 }))).rejects.toMatchObject({ code: 'TOO_MANY_SIBLINGS' });
    expect(calls).toBe(4);
    await expect(db.update('cart', 'a', counting, { roundsMax: 0 })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('throws what the resolver throws', async () => {
    const { cluster, db } = await onOne();
    cluster.answer = () => value('x');
    const failing = db.update('cart', 'a', () => {
      throw new RangeError('no such thing');
    });
    await expect(cluster.run(failing)).rejects.toThrow(RangeError);
  });
});

describe('many at once', () => {
  it('go in pages to the nodes that hold the keys', async () => {
    const cluster = new ScriptedCluster();
    Object.assign(cluster, ringOf(['a', 'b', 'c']));
    const db = await cluster.connect('http://a:7070');
    cluster.answer = lineByLine(({ key }) => ({ status: 204, context: `c-${key}`, etag: '""', reached }));
    const entries = Array.from({ length: 1000 }, (_, i) => ({ key: `k${i}`, value: `v${i}` }));
    const outcomes = await cluster.run(db.putMany('cart', entries, { w: 1 }));
    expect(outcomes).toEqual(entries.map(({ key }) => ({ value: { context: `c-${key}`, etag: '""', reached } })));
    expect(new Set(cluster.asked.map(({ node }) => node))).toEqual(new Set(['a', 'b', 'c']));
    expect(cluster.asked.length).toBeLessThanOrEqual(6);
    expect(cluster.underWayMost).toBeLessThanOrEqual(4);
  });

  it('bring each key its own answer', async () => {
    const { cluster, db } = await onOne();
    const one = {
      value: Buffer.from('milk').toString('base64'),
      contentType: 'text/plain',
      writtenAt: '2026-11-21T04:34:53.079Z',
      etag: '"1"',
    };
    cluster.answer = lineByLine(({ key }) => {
      if (key === 'a') return { status: 200, context: 'c', etag: '"e"', reached, siblings: [one] };
      if (key === 'b') return { status: 300, context: 'c', etag: '"e"', reached, siblings: [one, one] };
      return key === 'c' ? { status: 404, code: 'DELETED', context: 'c', reached } : { status: 404, code: 'NOT_FOUND', reached };
    });
    const found = await cluster.run(db.getMany('cart', ['a', 'b', 'c', 'd']));
    expect(found.map((each) => each?.siblings.map((sibling) => sibling.text))).toEqual([['milk'], ['milk', 'milk'], undefined, undefined]);
  });

  it('try alone, with the same operation id, what was refused for the moment', async () => {
    const { cluster, db } = await onOne();
    const ids: string[] = [];
    const inBatch = lineByLine(({ key, operation }) => {
      ids.push(operation as string);
      if (key === 'b') return { status: 503, code: 'OVERLOADED', detail: 'busy', retryable: true, mayHaveTakenEffect: false };
      if (key === 'c') return { status: 413, code: 'TOO_LARGE', detail: 'large', retryable: false, mayHaveTakenEffect: false };
      return { status: 204, context: 'c', etag: '""', reached };
    });
    cluster.answer = (asked) => (asked.path === '/v1/batch' ? inBatch(asked) : written('alone'));
    const entries = ['a', 'b', 'c'].map((key) => ({ key, value: 'x' }));
    const outcomes = await cluster.run(db.putMany('cart', entries));
    expect(outcomes).toMatchObject([
      { value: { context: 'c' } },
      { value: { context: 'alone' } },
      { error: { code: 'TOO_LARGE', message: 'put cart/c failed: TOO_LARGE, large', details: { mayHaveTakenEffect: false } } },
    ]);
    expect(cluster.asked[1].headers['coterie-operation']).toBe(ids[1]);
  });

  it('have one deadline, together and alone', async () => {
    const { cluster, db } = await onOne();
    const inBatch = lineByLine(() => ({ status: 503, code: 'OVERLOADED', detail: 'busy', retryable: true, mayHaveTakenEffect: false }));
    cluster.answer = (asked) => (asked.path === '/v1/batch' ? inBatch(asked) : 'silence');
    const start = cluster.nowMs;
    const entries = Array.from({ length: 20 }, (_, i) => ({ key: `k${i}`, value: 'x' }));
    const outcomes = await cluster.run(db.putMany('cart', entries, { timeoutMs: 2000 }));
    expect(cluster.nowMs - start).toBeLessThan(2100);
    const codes = outcomes.map((outcome) => ('error' in outcome ? outcome.error.code : 'written'));
    expect(codes).toEqual(['TIMEOUT', ...Array(19).fill('OVERLOADED')]);
  });

  it('are read one by one when they are too large together', async () => {
    const { cluster, db } = await onOne();
    const refusal = json(413, {});
    cluster.answer = ({ path }) => (path === '/v1/batch' ? refusal : value(path.slice(12, 13)));
    const found = await cluster.run(db.getMany('cart', ['a', 'b']));
    expect(found.map((each) => each?.siblings[0].text)).toEqual(['a', 'b']);
  });

  it('fail with the error of the first when a batch cannot be read, or its answer not be believed', async () => {
    const { cluster, db } = await onOne();
    cluster.answer = () => problem('INVALID_ARGUMENT');
    await expect(cluster.run(db.getMany('cart', ['a', 'b']))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    cluster.answer = () => json(200, {});
    await expect(cluster.run(db.getMany('cart', ['a', 'b']))).rejects.toMatchObject({ code: 'PROTOCOL' });
    cluster.answer = lineByLine(() => ({ status: 200, nonsense: true }));
    await expect(cluster.run(db.getMany('cart', ['a', 'b']))).rejects.toMatchObject({ code: 'PROTOCOL' });
  });

  it('are nothing when there are none, and have a limit', async () => {
    const { cluster, db } = await onOne();
    expect(await db.getMany('cart', [])).toEqual([]);
    await expect(db.putMany('cart', Array(100_001).fill({ key: 'k', value: '' }))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(cluster.asked).toEqual([]);
  });
});

describe('keys', () => {
  it('come page by page, as they are asked for', async () => {
    const { cluster, db } = await onOne();
    cluster.answer = ({ path }) =>
      path.includes('cursor') ? json(200, { keys: ['c'] }) : json(200, { keys: ['a%2Fb', '%FF'], cursor: 'x&y' });
    const keys = db.keys('cart', { prefix: 'a&', pageSize: 2 });
    expect((await cluster.run(keys.next())).value).toEqual(new TextEncoder().encode('a/b'));
    expect(cluster.asked).toHaveLength(1);
    expect((await cluster.run(keys.next())).value).toEqual(Uint8Array.of(0xff));
    expect((await cluster.run(keys.next())).value).toEqual(new TextEncoder().encode('c'));
    expect((await cluster.run(keys.next())).done).toBe(true);
    expect(cluster.asked.map(({ path }) => path)).toEqual([
      '/v1/kv/cart?limit=2&prefix=a%26',
      '/v1/kv/cart?limit=2&prefix=a%26&cursor=x%26y',
    ]);
  });

  it.each([{ keys: 3 }, { keys: [3] }, { keys: ['%'] }, { keys: [], cursor: 3 }])('%j is no page', async (page) => {
    const { cluster, db } = await onOne();
    cluster.answer = () => json(200, page);
    await expect(cluster.run(db.keys('cart').next())).rejects.toMatchObject({ code: 'PROTOCOL' });
  });
});

describe('buckets and documents', () => {
  const state = { name: 'cart', generation: 1, exists: true, properties: { n: 3 } };

  it('are shown, set and dropped', async () => {
    const { cluster, db } = await onOne();
    cluster.answer = ({ method }) => (method === 'DELETE' ? { status: 204, headers: {}, body: new Uint8Array() } : json(200, state));
    const bucket = db.bucket('ca/rt');
    expect(await cluster.run(bucket.get())).toEqual(state);
    expect(await cluster.run(bucket.set({ conflict: 'lww' }))).toEqual(state);
    await cluster.run(bucket.drop());
    expect(cluster.asked.map(({ method, path, body }) => [method, path, body && text.decode(body)])).toEqual([
      ['GET', '/v1/buckets/ca%2Frt', undefined],
      ['PUT', '/v1/buckets/ca%2Frt', '{"conflict":"lww"}'],
      ['DELETE', '/v1/buckets/ca%2Frt', undefined],
    ]);
  });

  it('a drop is never sent twice once it may have arrived', async () => {
    const { cluster, db } = await onOne();
    cluster.answer = () => broken();
    await expect(cluster.run(db.bucket('cart').drop())).rejects.toMatchObject({
      code: 'CONNECTION_LOST',
      details: { mayHaveTakenEffect: true },
    });
    expect(cluster.asked).toHaveLength(1);
  });

  it('status and cluster are documents', async () => {
    const { cluster, db } = await onOne();
    cluster.answer = ({ path }) => (path === '/v1/status' ? json(200, { node: { name: 'a' } }) : written());
    expect(await cluster.run(db.status())).toEqual({ node: { name: 'a' } });
    expect(await cluster.run(db.cluster())).toEqual({ members: [] });
  });
});
