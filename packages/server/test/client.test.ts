/** `@coterie/client` against a real server with a real store, over real sockets. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type Database, type Sibling } from '@coterie/client';
import { CoterieError, type HttpAnswer, type HttpRequest, type HttpTransport } from '@coterie/env';
import { createNodeEnvironment, createNodeHttp } from '@coterie/env-node';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openNode } from '../src/open-node.ts';
import { type RunningServer, startServer } from '../src/server.ts';
import { resolveSettings } from '../src/settings/resolve.ts';

const directory = mkdtempSync(join(tmpdir(), 'coterie-client-'));
let server: RunningServer;
let db: Database;
let bucket = '';
let buckets = 0;

async function start(name: string): Promise<RunningServer> {
  const flags = { http: '127.0.0.1:0', peer: '127.0.0.1:0', 'data-dir': join(directory, name) };
  const { settings } = resolveSettings({ flags, variables: {} });
  return startServer({ settings, environment: createNodeEnvironment(), openNode });
}

beforeAll(async () => {
  server = await start('main');
  db = await connect(server.url);
});

afterAll(async () => {
  await db.close();
  await server.close();
  rmSync(directory, { recursive: true, force: true });
});

beforeEach(() => {
  bucket = `bucket-${++buckets}`;
});

/** The ids in all siblings' JSON arrays. */
function union(siblings: readonly Sibling[]): string[] {
  return [...new Set(siblings.flatMap(({ text }) => JSON.parse(text) as string[]))].sort();
}

/** Keys byte by byte, each as a character. */
async function keysIn(keys: AsyncIterable<Uint8Array>): Promise<string[]> {
  const found: string[] = [];
  for await (const key of keys) found.push(Buffer.from(key).toString('latin1'));
  return found;
}

describe('values', () => {
  test('are written, read, replaced and deleted', async () => {
    expect(await db.read(bucket, 'alice')).toMatchObject({ state: 'missing' });
    const first = await db.put(bucket, 'alice', 'milk', { ttlMs: 3_600_000 });
    expect(first.reached).toEqual({ primaries: 1, fallbacks: 0, synced: 1 });
    const found = await db.get(bucket, 'alice');
    expect(found?.siblings.map(({ text, contentType }) => [text, contentType])).toEqual([['milk', 'text/plain; charset=utf-8']]);
    const [{ writtenAt, expiresAt }] = found?.siblings ?? [];
    // Last-Modified is to the second, expiry to the millisecond.
    expect(Number(expiresAt) - writtenAt).toBeGreaterThanOrEqual(3_600_000);
    expect(Number(expiresAt) - writtenAt).toBeLessThan(3_601_000);
    await db.put(bucket, 'alice', Uint8Array.of(0, 255), { context: found?.context });
    const replaced = await db.get(bucket, 'alice');
    expect(replaced?.siblings[0]).toMatchObject({ value: Uint8Array.of(0, 255), contentType: 'application/octet-stream' });
    await db.delete(bucket, 'alice', { context: replaced?.context });
    expect(await db.get(bucket, 'alice')).toBeUndefined();
    expect(await db.read(bucket, 'alice')).toMatchObject({ state: 'deleted', context: expect.any(String) });
  });

  test('that are concurrent stay side by side, whatever is in them, until they are merged', async () => {
    const half = Uint8Array.from({ length: 256 }, (_, i) => i);
    await db.put(bucket, 'key', half);
    await db.put(bucket, 'key', '\r\n--boundary');
    const found = await db.get(bucket, 'key');
    expect(found?.siblings.map(({ value }) => value)).toEqual(expect.arrayContaining([half, new TextEncoder().encode('\r\n--boundary')]));
    expect(found?.siblings).toHaveLength(2);
    await db.update(bucket, 'key', (all) =>
      all

        .map(({ value }) => String(value.length))
        .sort()
        .join(),
    );
    expect((await db.get(bucket, 'key'))?.siblings.map(({ text }) => text)).toEqual(['12,256']);
  });

  test.each(['.', '..', 'a/b', '%', '%2F', 'a?b#c&d=e', 'käse 🧀', ' ', '+', Uint8Array.of(0), Uint8Array.of(0xff, 0xfe)])(
    'under the key %j come back, alone, in a batch, and in the list',
    async (key) => {
      await db.put(bucket, key, 'one');
      const [outcome] = await db.putMany(bucket, [{ key, value: 'two', context: (await db.get(bucket, key))?.context ?? '' }]);
      expect(outcome).toMatchObject({ value: { context: expect.any(String) } });
      const [inBatch, other] = await db.getMany(bucket, [key, 'another']);
      expect([inBatch?.siblings.map(({ text }) => text), other]).toEqual([['two'], undefined]);
      const keys = await keysIn(db.keys(bucket));
      expect(keys).toEqual([Buffer.from(key).toString('latin1')]);
    },
  );

  test('are held to conditions and limits', async () => {
    const { etag } = await db.put(bucket, 'key', 'one', { ifNoneMatch: '*' });
    await expect(db.put(bucket, 'key', 'two', { ifNoneMatch: '*' })).rejects.toMatchObject({
      code: 'PRECONDITION_FAILED',
      details: { mayHaveTakenEffect: false },
    });
    await db.put(bucket, 'key', 'two', { ifMatch: etag });
    expect((await db.get(bucket, 'key'))?.siblings.map(({ text }) => text)).toEqual(['two']);
    await expect(db.put(bucket, 'key', new Uint8Array(2 ** 20 + 1))).rejects.toMatchObject({ code: 'TOO_LARGE' });
    await expect(db.put(bucket, 'key', 'x', { w: 2 })).rejects.toMatchObject({ code: 'QUORUM_NOT_MET', details: { tries: 1 } });
    await expect(db.put(bucket, 'key', 'x', { context: 'nonsense' })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});

describe('concurrent updates', () => {
  test('of a set by eight writers lose nothing', async () => {
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      for (let i = 0; i < 25; i++) {
        await db.update(bucket, 'set', (siblings) => JSON.stringify([...union(siblings), `${writer}-${i}`]));
      }
    });
    await Promise.all(writers);
    const found = await db.get(bucket, 'set');
    expect(union(found?.siblings ?? [])).toHaveLength(200);
    expect(found?.siblings.length).toBeLessThanOrEqual(8);
  });

  test('of a number by eight writers with a guard lose nothing', async () => {
    const writers = Array.from({ length: 8 }, async () => {
      for (let i = 0; i < 10; i++) await db.update(bucket, 'count', ([one]) => String(Number(one?.text ?? 0) + 1), { guard: true });
    });
    await Promise.all(writers);
    expect((await db.get(bucket, 'count'))?.siblings.map(({ text }) => text)).toEqual(['80']);
  });
});

describe('many keys', () => {
  test('are written, listed by prefix and read, each once', async () => {
    const entries = Array.from({ length: 2500 }, (_, i) => ({ key: `${i % 2 === 0 ? 'even' : 'odd'}/${i}`, value: `value ${i}` }));
    const outcomes = await db.putMany(bucket, entries);
    expect(outcomes.every((outcome) => 'value' in outcome)).toBe(true);
    const even = await keysIn(db.keys(bucket, { prefix: 'even/', pageSize: 100 }));
    expect(even.toSorted()).toEqual(
      entries
        .map(({ key }) => key)
        .filter((key) => key.startsWith('even/'))
        .toSorted(),
    );
    const found = await db.getMany(
      bucket,
      entries.map(({ key }) => key),
    );
    expect(found.map((each) => each?.siblings[0].text)).toEqual(entries.map(({ value }) => value));
  });

  test('with values that are large together', async () => {
    const value = new Uint8Array(700_000).fill(7);
    const entries = Array.from({ length: 6 }, (_, i) => ({ key: `large-${i}`, value }));
    expect((await db.putMany(bucket, entries)).every((outcome) => 'value' in outcome)).toBe(true);
    const small = await connect(server.url, { answerBytesMax: 1_000_000 });
    const found = await small.getMany(
      bucket,
      entries.map(({ key }) => key),
    );
    await small.close();
    expect(found.map((each) => each?.siblings[0].value.length)).toEqual(Array(6).fill(700_000));
  });
});

/** Loses the answer to the first request that `matches`, once the server has given it. */
class ForgetfulTransport implements HttpTransport {
  readonly #transport = createNodeHttp();
  readonly #matches: (request: HttpRequest) => boolean;
  lost = 0;

  constructor(matches: (request: HttpRequest) => boolean) {
    this.#matches = matches;
  }

  async request(request: HttpRequest): Promise<HttpAnswer> {
    const answer = await this.#transport.request(request);
    if (this.lost > 0 || !this.#matches(request)) return answer;
    this.lost++;
    throw new CoterieError('CONNECTION_LOST', 'the connection broke', { details: { sent: true, reused: false } });
  }

  close(): void {
    this.#transport.close();
  }
}

describe('a lost answer', () => {
  test.each([
    ['a put', 'PUT', (client: Database) => client.put(bucket, 'key', 'x')],
    [
      'a batch',
      'POST',
      (client: Database) =>
        client.putMany(
          bucket,
          ['key', 'other'].map((key) => ({ key, value: 'x' })),
        ),
    ],
  ])('to %s does not make it happen twice', async (_what, method, write) => {
    const transport = new ForgetfulTransport((request) => request.method === method);
    const forgetful = await connect(server.url, { transport });
    await write(forgetful);
    await forgetful.close();
    expect(transport.lost).toBe(1);
    expect((await db.get(bucket, 'key'))?.siblings).toHaveLength(1);
    // Two writes that are two stay two.
    await db.put(bucket, 'key', 'x');
    expect((await db.get(bucket, 'key'))?.siblings).toHaveLength(2);
  });
});

describe('servers that go away', () => {
  test('are told of by name, and the next seed is asked', async () => {
    const other = await start('other');
    const both = await connect([other.url, server.url]);
    const only = await connect(other.url);
    await other.close();
    for (let i = 0; i < 10; i++) await both.put(bucket, `key-${i}`, 'x');
    expect(await keysIn(both.keys(bucket))).toHaveLength(10);
    await expect(only.put(bucket, 'key', 'x', { timeoutMs: 200 })).rejects.toMatchObject({
      code: 'CONNECTION_LOST',
      message: expect.stringContaining(`put ${bucket}/key at ${other.url} failed`),
      details: { endpoint: other.url, mayHaveTakenEffect: false },
    });
    await expect(connect(other.url, { timeoutMs: 200 })).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    await Promise.all([both.close(), only.close()]);
  });
});

describe('buckets and documents', () => {
  test('are shown, set, dropped', async () => {
    expect(await db.bucket(bucket).get()).toMatchObject({ name: bucket, exists: false });
    expect(await db.bucket(bucket).set({ siblingsMax: 2 })).toMatchObject({ exists: true, properties: { siblingsMax: 2 } });
    await db.put(bucket, 'key', '1');
    await db.put(bucket, 'key', '2');
    await expect(db.put(bucket, 'key', '3')).rejects.toMatchObject({ code: 'TOO_MANY_SIBLINGS' });
    await db.update(bucket, 'key', (all) =>
      all
        .map(({ text }) => text)
        .sort()
        .join(),
    );
    expect((await db.get(bucket, 'key'))?.siblings.map(({ text }) => text)).toEqual(['1,2']);
    await expect(db.bucket(bucket).set({ nn: 3 })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await db.bucket(bucket).drop();
    expect(await db.get(bucket, 'key')).toBeUndefined();
  });

  test('status and cluster', async () => {
    expect(await db.status()).toMatchObject({ node: { state: 'ready' } });
    expect(await db.cluster()).toMatchObject({ members: [{ name: expect.any(String) }] });
  });
});
