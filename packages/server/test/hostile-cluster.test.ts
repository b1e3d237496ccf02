/**
 * What should not be, at a running cluster of processes: bytes that are no messages, members of other clusters, directories
 * that are started twice or copied. Each is refused in clear words, and nothing of what the cluster holds is touched.
 */
import { cpSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type ServerProcess, forget, makeDirectory, run, startProcess } from './double/process.ts';

const directory = makeDirectory();
const nodes: ServerProcess[] = [];
const keys = Array.from({ length: 20 }, (_, at) => `k${at}`);

function fieldOf({ lines }: ServerProcess, name: 'peer' | 'id'): string {
  const ready = lines.map((line) => JSON.parse(line) as Record<string, string>).find(({ msg }) => msg === 'ready');
  return String(ready?.[name]);
}

async function documentAt(node: ServerProcess, path: string): Promise<any> {
  return (await fetch(node.url + path)).json();
}

beforeAll(async () => {
  nodes.push(await startProcess(join(directory, 'a'), '--name', 'a', '--partitions', '64'));
  for (const name of ['b', 'c']) nodes.push(await startProcess(join(directory, name), '--name', name, '--seed', fieldOf(nodes[0], 'peer')));
  while ((await documentAt(nodes[0], '/v1/cluster')).effectiveN !== 3);
  for (const key of keys) expect((await fetch(`${nodes[0].url}/v1/kv/cart/${key}?w=3`, { method: 'PUT', body: key })).status).toBe(204);
});
afterAll(() => forget(directory));

afterEach(async () => {
  for (const node of nodes) {
    const { members, change } = await documentAt(node, '/v1/cluster');
    expect([members.map(({ name, state }: { name: string; state: string }) => `${name} ${state}`).sort(), change]).toEqual([
      ['a alive', 'b alive', 'c alive'],
      undefined,
    ]);
    const found = await Promise.all(keys.map(async (key) => (await fetch(`${node.url}/v1/kv/cart/${key}?r=3`)).text()));
    expect(found).toEqual(keys);
  }
});

/** Says something at the peer address of a node; resolves with all that it answers before it hangs up. */
function say(node: ServerProcess, ...parts: readonly Uint8Array[]): Promise<string> {
  const [host = '', port] = fieldOf(node, 'peer').split(':');
  return new Promise((resolve) => {
    let heard = '';
    const socket = connect({ host, port: Number(port) });
    socket.on('data', (chunk) => (heard += chunk.toString('latin1')));
    socket.on('error', () => {});
    socket.on('close', () => resolve(heard));
    for (const part of parts) socket.write(part);
  });
}

const preamble = Buffer.from('COTRPC\r\n');

/** A hello as `docs/formats/rpc.md` describes it, made by hand. */
function hello(change: { readonly versions?: [number, number]; readonly clusterId?: string; readonly id?: string }): Uint8Array {
  const { versions = [1, 1], clusterId = 'elsewhere', id = '00000000000000aa' } = change;
  const texts = [clusterId, id, 'i', 'nowhere:1'].flatMap((text) => [0xa0 + text.length, ...Buffer.from(text)]);
  const body = Buffer.from([0x97, ...versions, ...texts, 0x90]);
  const header = Buffer.alloc(16);
  header.writeUInt32LE(body.length, 0);
  header[4] = 1;
  header.writeUInt32LE(crc32(body, crc32(header.subarray(0, 12))), 12);
  return Buffer.concat([header, body]);
}

describe('at the peer address', () => {
  const header = (bytes: number): Uint8Array => Buffer.from(Uint32Array.of(bytes, 1, 0, 0).buffer);
  test.each([
    ['HTTP', [Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')], 'does not speak this protocol'],
    ['a greeting of TLS', [Buffer.from('16030100f8010000f40303', 'hex')], 'does not speak this protocol'],
    ['random bytes behind the preamble', [preamble, Buffer.alloc(4096, 0xa5)], 'where 65536 are allowed'],
    ['a frame of 4 GiB', [preamble, header(0xffffffff)], 'where 65536 are allowed'],
    ['a frame that fails its checksum', [preamble, header(0), Buffer.alloc(16)], 'fails its checksum'],
    ['an older version', [preamble, hello({ versions: [0, 0] })], 'no common one'],
    ['a newer version', [preamble, hello({ versions: [7, 9] })], 'no common one'],
    ['a member of another cluster', [preamble, hello({})], 'belong to different clusters'],
  ])('%s is refused, and says why', async (_what, parts, words) => {
    for (const node of nodes) expect(await say(node, ...parts)).toContain(words);
  });

  test('who says that it is this node is told so', async () => {
    const id = fieldOf(nodes[1], 'id');
    const { clusterId } = await documentAt(nodes[1], '/v1/cluster');
    expect(await say(nodes[1], preamble, hello({ id, clusterId }))).toContain('was a data directory copied?');
  });

  test('hundreds who say nothing keep nobody out', async () => {
    const [host = '', port] = fieldOf(nodes[2], 'peer').split(':');
    const silent = Array.from({ length: 300 }, () => connect({ host, port: Number(port) }).on('error', () => {}));
    await Promise.all(silent.map((socket) => new Promise((resolve) => socket.once('connect', resolve))));
    expect((await fetch(`${nodes[2].url}/v1/kv/cart/k0?w=3`, { method: 'PUT', body: 'k0' })).status).toBe(204);
    const ended = Promise.all(silent.map((socket) => new Promise((resolve) => socket.once('close', resolve))));
    for (const socket of silent) socket.resume();
    await ended;
    // The write stands beside the first: one of both again.
    const { headers } = await fetch(`${nodes[2].url}/v1/kv/cart/k0?r=3`);
    const context = headers.get('coterie-context') ?? '';
    const put = { method: 'PUT', body: 'k0', headers: { 'coterie-context': context } };
    expect((await fetch(`${nodes[2].url}/v1/kv/cart/k0?w=3`, put)).status).toBe(204);
  });
});

const anyPort = ['--http', '127.0.0.1:0', '--peer', '127.0.0.1:0'];

describe('a process', () => {
  test('on a directory that is in use is refused by name of the process that has it', async () => {
    const { code, err } = await run(['start', '--data-dir', join(directory, 'b'), ...anyPort]);
    expect([code, err]).toEqual([1, expect.stringMatching(new RegExp(`is in use: .*process ${nodes[1].child.pid}\\b`))]);
  });

  test('on a peer address that is taken is refused', async () => {
    const args = ['start', '--data-dir', join(directory, 'new'), '--http', '127.0.0.1:0', '--peer', fieldOf(nodes[0], 'peer')];
    const { code, err } = await run(args);
    expect([code, err]).toEqual([1, expect.stringContaining('something else listens there')]);
  });

  test('on a copy of the directory of a member that runs is refused', async () => {
    const copy = join(directory, 'copy');
    cpSync(join(directory, 'b'), copy, { recursive: true, filter: (path) => !/LOCK$/.test(path) });
    const { code, err } = await run(['start', '--data-dir', copy, ...anyPort]);
    expect([code, err]).toEqual([1, expect.stringMatching(/runs at 127\.0\.0\.1:\d+ already/)]);
  });

  test('that is the member of another cluster stays one, whatever seed it is told', async () => {
    const alone = await startProcess(join(directory, 'alone'), '--name', 'alone', '--partitions', '64');
    const { clusterId } = await documentAt(alone, '/v1/cluster');
    alone.child.kill('SIGTERM');
    expect(await alone.ended).toBe(0);
    const again = await startProcess(join(directory, 'alone'), '--seed', fieldOf(nodes[0], 'peer'));
    const cluster = await documentAt(again, '/v1/cluster');
    expect([cluster.clusterId, cluster.members.length]).toEqual([clusterId, 1]);
    expect(again.lines.join('\n')).toContain('only member of a cluster of its own: --seed changes nothing');
    again.child.kill('SIGTERM');
    expect(await again.ended).toBe(0);
  });

  test('that wants the name of a member is told so, and that it can be replaced', async () => {
    const args = ['start', '--data-dir', join(directory, 'named'), '--name', 'c', '--seed', fieldOf(nodes[0], 'peer'), ...anyPort];
    const { code, err } = await run(args);
    expect([code, err]).toEqual([1, expect.stringContaining('the name c ')]);
  });
});
