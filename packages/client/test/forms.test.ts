/** What the client writes and reads: names, times, operation ids, rings, problems. */
import { formatToken, tokenOf } from '@coterie/ring';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { failureOf, failureOfLine } from '../src/failure.ts';
import { addressOf, decode, encode } from '../src/names.ts';
import { checkOperation, OperationIds } from '../src/operation-id.ts';
import { parseTime } from '../src/times.ts';
import { holdersOf, parseTopology } from '../src/topology.ts';
import { json, problem, ringOf } from './double/cluster.ts';

const utf8 = new TextEncoder();

describe('names', () => {
  it('come back from their encoded form, whatever bytes they are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(decode(encode(bytes))).toEqual(bytes);
      }),
    );
  });

  it('are encoded as the server writes them', () => {
    expect(addressOf('böse', 'a/b ..+%')).toMatchObject({ bucketText: 'b%C3%B6se', keyText: 'a%2Fb%20..+%25' });
    expect(encode(Uint8Array.of(0, 0xff, 0x41))).toBe('%00%FFA');
  });

  it.each(['%', '%4', '%4g', 'ä', '%-1'])('%j is no encoded form', (text) => expect(decode(text)).toBeUndefined());
});

describe('times', () => {
  it('are read in both forms, as Date writes them', () => {
    const time = fc.integer({ min: 0, max: 253_402_300_799_999 });
    fc.assert(
      fc.property(time, (ms) => {
        const date = new Date(ms);
        expect(parseTime(date.toISOString())).toBe(ms);
        expect(parseTime(date.toUTCString())).toBe(Math.floor(ms / 1000) * 1000);
      }),
      { numRuns: 1000 },
    );
  });

  it.each([undefined, '', 'yesterday', 'Sat, 21 Foo 2026 04:34:53 GMT', '2026-11-21'])('%j is none', (text) =>
    expect(parseTime(text)).toBeUndefined(),
  );
});

describe('operation ids', () => {
  const random = { u32: () => 0xabcdef01, fill: (into: Uint8Array) => into };
  const at = (now: number): OperationIds => new OperationIds({ clock: { now: () => now, monotonic: () => 0 }, random });

  it('have the form that nodes judge the age of', () => {
    expect(at(0x0192f3a4b5c6).mint()).toBe('0192f3a4b5c6-abcdef01abcdef01');
    expect(checkOperation(at(0).mint())).toBe('000000000000-abcdef01abcdef01');
  });

  it("are in the cluster's time when that differs, and in the client's when it does not", () => {
    const ids = at(Date.UTC(2026, 0, 1));
    const timeOf = (id: string): number => Number.parseInt(id.slice(0, 12), 16);
    ids.heard('Thu, 01 Jan 2026 03:00:00 GMT');
    expect(timeOf(ids.mint())).toBe(Date.UTC(2026, 0, 1, 3));
    ids.heard('Thu, 01 Jan 2026 00:00:03 GMT');
    expect(timeOf(ids.mint())).toBe(Date.UTC(2026, 0, 1));
    ids.heard('nonsense');
    expect(timeOf(ids.mint())).toBe(Date.UTC(2026, 0, 1));
  });
});

describe('the topology', () => {
  const from = 'http://a:7070';

  it('of a cluster names the holders of each partition, in order', () => {
    const topology = parseTopology({ ...ringOf(['a', 'b', 'c'], 7), from });
    expect(topology).toMatchObject({ epoch: 7, partitions: 64, endpoints: ['http://a:7070', 'http://b:7070', 'http://c:7070'] });
    expect(topology?.holders[1]).toEqual(['http://b:7070', 'http://c:7070', 'http://a:7070']);
    const token = tokenOf(utf8.encode('cart'), utf8.encode('alice'));
    const partition = Number.parseInt(formatToken(token).slice(0, 2), 16) >> 2;
    expect(topology && holdersOf(topology, token)).toEqual(topology?.holders[partition]);
  });

  it('is read from what nodes answer', () => {
    const member = {
      zone: '',
      weight: 1,
      isSelf: false,
      sinceMs: 5259.69,
      isSteward: false,
      replicas: 64,
      primaries: 32,
      ideal: 64,
      hints: 0,
    };
    const cluster = {
      clusterId: 'e3bc8f0cdda0c451',
      epoch: 4,
      partitions: 64,
      members: [
        { ...member, id: 'de0a30c66d3d2b80', name: 'a', peer: '127.0.0.1:7271', http: '127.0.0.1:7171', state: 'dead' },
        { ...member, id: 'a8e8216a87a00012', name: 'b', peer: '127.0.0.1:7272', http: '127.0.0.1:7172', state: 'alive' },
        { ...member, id: '6235ea90a84673a6', name: 'c', peer: '127.0.0.1:7273', http: '', state: 'alive' },
      ],
    };
    const members = cluster.members.map(({ id, name, http }) => ({ id, name, http }));
    const ring = {
      epoch: 4,
      partitions: 64,
      members,
      replicas: Array.from({ length: 64 }, (_, i) => (i % 2 === 0 ? [0, 1, 2] : [2, 1, 0])),
    };
    const topology = parseTopology({ ring, cluster, from: 'http://127.0.0.1:7171' });
    expect(topology?.epoch).toBe(4);
    expect(topology?.holders.slice(0, 2)).toEqual(Array(2).fill(['http://127.0.0.1:7172', 'http://127.0.0.1:7171']));
  });

  it('without addresses is none', () => {
    const ring = { partitions: 1024, ranges: [{ from: '0000000000000000', to: 'ffffffffffffffff', owners: ['node'] }] };
    expect(
      parseTopology({ ring, cluster: { members: [{ name: 'node', nodeId: '1', state: 'ready', partitions: 1024 }] }, from }),
    ).toBeUndefined();
  });

  it('in ranges of tokens is read as well', () => {
    const ring = {
      partitions: 4,
      ranges: [
        { from: '0000000000000000', to: '7fffffffffffffff', owners: ['x', 'y'] },
        { from: '8000000000000000', to: 'ffffffffffffffff', owners: ['y'] },
      ],
    };
    const members = [
      { name: 'x', httpAddress: 'http://x:1' },
      { name: 'y', httpAddress: 'y:2' },
    ];
    expect(parseTopology({ ring, cluster: { members }, from })?.holders).toEqual([
      ['http://x:1', 'http://y:2'],
      ['http://x:1', 'http://y:2'],
      ['http://y:2'],
      ['http://y:2'],
    ]);
  });

  it('puts those who are down last and leaves out addresses that lead nowhere', () => {
    const { ring } = ringOf(['a', 'b', 'c', 'd', 'e']);
    const member = (name: string, state: string, httpAddress: string): object => ({ name, state, httpAddress });
    const members = [
      member('a', 'dead', 'a:1'),
      member('b', 'alive', '0.0.0.0:7070'),
      member('c', 'alive', '127.0.0.1:7070'),
      member('d', 'alive', 'd:1'),
      member('e', 'alive', 'not an address'),
    ];
    expect(parseTopology({ ring, cluster: { members }, from })?.holders[0]).toEqual(['http://d:1', 'http://a:1']);
    const local = parseTopology({ ring, cluster: { members }, from: 'http://localhost:7070' });
    expect(local?.holders[0]).toEqual(['http://127.0.0.1:7070', 'http://d:1', 'http://a:1']);
  });

  it('of anything else is none, and never throws', () => {
    const fragment = fc.anything();
    const nearly = fc.record({
      epoch: fragment,
      partitions: fc.constantFrom(2, 4, 64),
      members: fragment,
      replicas: fragment,
      ranges: fragment,
    });
    fc.assert(
      fc.property(fc.oneof(fragment, nearly), fc.oneof(fragment, fc.record({ members: fc.array(fragment) })), (ring, cluster) => {
        const topology = parseTopology({ ring, cluster, from });
        if (topology !== undefined) expect(topology.holders).toHaveLength(topology.partitions);
      }),
      { numRuns: 500 },
    );
  });
});

describe('failures', () => {
  it('carry what a problem says', () => {
    expect(failureOf(problem('OVERLOADED'))).toEqual({
      from: 'answer',
      status: 503,
      code: 'OVERLOADED',
      detail: 'the detail of OVERLOADED',
      retryable: true,
      mayHaveTakenEffect: false,
      retryAfterMs: 1000,
    });
    expect(failureOf(problem('QUORUM_NOT_MET', { retryable: false, mayHaveTakenEffect: undefined }))).toMatchObject({
      retryable: false,
      mayHaveTakenEffect: true,
    });
  });

  it('of a code that this version does not know are kept, under PROTOCOL', () => {
    expect(failureOf(problem('INVALID_ARGUMENT', { code: 'UNKNOWN_PATH', detail: 'nothing here' }))).toMatchObject({
      code: 'PROTOCOL',
      detail: 'UNKNOWN_PATH: nothing here',
    });
  });

  it.each([
    [{ status: 200 }, undefined],
    [{ status: 404, code: 'NOT_FOUND' }, undefined],
    [{ status: 404, code: 'UNKNOWN_PATH', detail: '', retryable: false }, 'PROTOCOL'],
    [{ status: 503, code: 'OVERLOADED', detail: '', retryable: true }, 'OVERLOADED'],
    [{ status: 503 }, 'NOT_READY'],
    [{}, 'PROTOCOL'],
  ])('of the line %j: %s', (line, code) => expect(failureOfLine(line)?.code).toBe(code));

  it.each(['soon', '-1', '99999999'])('take no Retry-After of %j', (after) => {
    expect(failureOf(json(503, {}, { 'retry-after': after })).retryAfterMs).toBeUndefined();
  });
});
