import { CoterieError } from '@coterie/env';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Door, RawClient, ask, openDoor } from './double/door.ts';

let door: Door;
beforeEach(async () => {
  door = await openDoor({ flags: { 'batch-line-bytes-max': '1KiB' } });
});
afterEach(() => door.server.destroy());

const ndjson = { 'content-type': 'application/x-ndjson' };

async function batch(body: string | Uint8Array): Promise<Record<string, any>[]> {
  const answer = await ask(door, 'POST /v1/batch', { headers: ndjson, body });
  expect([answer.status, answer.headers['content-type']]).toEqual([200, 'application/x-ndjson']);
  return answer.text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, any>);
}

function lines(...operations: object[]): string {
  return operations.map((operation) => `${JSON.stringify(operation)}\n`).join('');
}

describe('a batch', () => {
  test('answers each line in its place, in the form of single requests', async () => {
    const results = await batch(
      lines(
        { op: 'put', bucket: 'cart', key: 'a', text: 'milk', ttl: '30s' },
        { op: 'put', bucket: 'cart', key: '%00%FF', value: 'AP8=', contentType: 'a/b', w: 1 },
        { op: 'get', bucket: 'cart', key: 'a' },
        { op: 'get', bucket: 'cart', key: '%00%ff', monotonic: true },
        { op: 'delete', bucket: 'cart', key: 'a' },
        { op: 'get', bucket: 'cart', key: 'a' },
        { op: 'get', bucket: 'cart', key: 'é' },
      ),
    );
    const reached = { primaries: 1, fallbacks: 0, synced: 1 };
    expect(results.map((result) => result['status'])).toEqual([204, 204, 200, 200, 204, 404, 404]);
    expect(results[0]).toEqual({ status: 204, context: '1', etag: '"1"', reached });
    expect(results[2]?.['siblings']).toEqual([
      {
        value: 'bWlsaw==',
        contentType: 'text/plain; charset=utf-8',
        writtenAt: '2023-11-14T22:13:20.000Z',
        expiresAt: '2023-11-14T22:13:50.000Z',
        etag: '"1"',
      },
    ]);
    expect(results[3]?.['siblings'][0]).toMatchObject({ value: 'AP8=', contentType: 'a/b' });
    expect([results[5], results[6]]).toMatchObject([{ code: 'DELETED', context: '3' }, { code: 'NOT_FOUND' }]);
  });

  test('lines of one key run in their order, whatever else runs beside them', async () => {
    const operations = fc.array(fc.record({ key: fc.constantFrom('a', 'b', 'c'), op: fc.constantFrom('put', 'get', 'delete') }), {
      minLength: 1,
      maxLength: 60,
    });
    let run = 0;
    await fc.assert(
      fc.asyncProperty(operations, async (list) => {
        const bucket = `run-${run++}`;
        await door.node.setBucket(bucket, { conflict: 'lww' });
        const model = new Map<string, string | undefined>();
        const expected = list.map(({ key, op }, index) => {
          if (op === 'put') model.set(key, String(index));
          else if (op === 'delete') model.set(key, undefined);
          else return model.get(key) === undefined ? 404 : Buffer.from(model.get(key) as string).toString('base64');
          return 204;
        });
        const results = await batch(
          lines(...list.map(({ key, op }, index) => ({ op, bucket, key, ...(op === 'put' ? { text: String(index) } : {}) }))),
        );
        expect(results.map((result) => result['siblings']?.[0].value ?? result['status'])).toEqual(expected);
      }),
      { numRuns: 30 },
    );
  });

  test('a line that is wrong answers for itself', async () => {
    const wrong = [
      ['not json', 'not JSON'],
      ['[]', '"op" is put, get or delete'],
      ['{"op":"merge"}', '"op" is put, get or delete'],
      ['{"op":"get","bucket":"b"}', '"key"'],
      ['{"op":"get","bucket":"b","key":"%zz"}', 'hex digits'],
      ['{"op":"get","bucket":"b","key":"k","w":1}', '"w"'],
      ['{"op":"put","bucket":"b","key":"k"}', 'either "value"'],
      ['{"op":"put","bucket":"b","key":"k","text":"a","value":"YQ=="}', 'either "value"'],
      ['{"op":"put","bucket":"b","key":"k","value":"!"}', 'not base64'],
      ['{"op":"put","bucket":"b","key":"k","text":"a","ttl":"soon"}', '"ttl" is'],
      ['{"op":"put","bucket":"b","key":"k","text":"a","contentType":"a/b\\r\\nX: y"}', 'content type'],
      ['{"op":"put","bucket":"b","key":"k","text":"a","w":-1}', '"w"'],
      ['{"op":"put","bucket":"b","key":"","text":"a"}', '1 byte to 2 KiB'],
      ['{"op":"put","bucket":"b","key":"k","text":"a","__proto__":1}', '__proto__'],
      [`"${'x'.repeat(1024)}"`, '1024 bytes'],
    ];
    const results = await batch(`${wrong.map(([line]) => line).join('\n')}\n${lines({ op: 'get', bucket: 'b', key: 'k' })}`);
    expect(results).toHaveLength(wrong.length + 1);
    wrong.forEach(([line, detail], index) => {
      const result = results[index] as Record<string, any>;
      const long = line?.startsWith('"xxx') ?? false;
      expect([line, result['status'], result['code'], result['detail']]).toEqual([
        line,
        long ? 413 : 400,
        long ? 'TOO_LARGE' : 'INVALID_ARGUMENT',
        expect.stringContaining(detail as string),
      ]);
    });
    expect(results.at(-1)?.['code']).toBe('NOT_FOUND');
  });

  test('failures of the node are told with whether they may have taken effect', async () => {
    door.node.failures = [new CoterieError('QUORUM_NOT_MET', 'one of two', { details: { mayHaveTakenEffect: true } }), new Error('bug')];
    const results = await batch(lines({ op: 'put', bucket: 'b', key: 'a', text: 'x' }, { op: 'get', bucket: 'b', key: 'b' }));
    expect(results).toMatchObject([
      { status: 503, code: 'QUORUM_NOT_MET', retryable: true, mayHaveTakenEffect: true },
      { status: 500, code: 'REMOTE' },
    ]);
  });

  test('an empty batch, blank lines, no line end at the end, not UTF-8', async () => {
    expect(await batch('')).toEqual([]);
    expect(await batch('\n\r\n\n')).toEqual([]);
    expect(await batch('{"op":"get","bucket":"b","key":"k"}')).toHaveLength(1);
    expect((await batch(Buffer.from([0xff, 0xfe, 10])))[0]).toMatchObject({ detail: 'the line is not UTF-8' });
  });

  test('comes as NDJSON or not at all', async () => {
    for (const headers of [{}, { 'content-type': 'text/plain' }, { 'content-type': 'application/json' }]) {
      expect((await ask(door, 'POST /v1/batch', { headers, body: '{}' })).status).toBe(415);
    }
  });

  test('ten thousand lines come back in order while being sent', async () => {
    const results = await batch(
      lines(...Array.from({ length: 10_000 }, (_, index) => ({ op: 'put', bucket: 'b', key: `k${index}`, text: 'x' }))),
    );
    expect(results).toHaveLength(10_000);
    expect(new Set(results.map((result) => result['status']))).toEqual(new Set([204]));
    expect(door.server.service.transfers.reserved).toBe(0);
  });

  test('results come while the batch is still being sent', async () => {
    const client = new RawClient(door);
    client.send('POST /v1/batch HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n');
    const line = '{"op":"get","bucket":"b","key":"k"}\n';
    client.send(`${line.length.toString(16)}\r\n${line}\r\n`);
    await client.until(/NOT_FOUND/);
    client.send('0\r\n\r\n');
    await client.until(/\r\n0\r\n\r\n$/);
    expect(door.server.service.meters.counted('batch', 'OK')).toBe(1);
    client.close();
  });

  test('a client that goes away in the middle leaves nothing behind', async () => {
    const client = new RawClient(door);
    client.send('POST /v1/batch HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\nContent-Length: 1000\r\n\r\n');
    client.send(`${lines({ op: 'put', bucket: 'b', key: 'whole', text: 'x' })}{"op":"put","bucket":"b","key":"ha`);
    await client.until(/"status":204/);
    client.close();
    while (door.server.service.meters.inFlight > 0) await door.server.service.timers.turn();
    expect(door.server.service.batches).toBe(0);
    expect(door.server.service.transfers.count).toBe(0);
    expect(door.node.puts).toHaveLength(1);
  });

  test('more batches than allowed are refused', async () => {
    await door.server.destroy();
    door = await openDoor({ flags: { 'batches-max': '1' } });
    const client = new RawClient(door);
    client.send(
      'POST /v1/batch HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\nContent-Length: 1000\r\n\r\n{"op":"get","bucket":"b","key":"k"}\n',
    );
    await client.until(/NOT_FOUND/);
    const refused = await ask(door, 'POST /v1/batch', { headers: ndjson, body: '' });
    expect([refused.status, refused.json()['code'], refused.headers['retry-after']]).toEqual([503, 'OVERLOADED', '1']);
    client.close();
  });
});
