/**
 * Times messages between nodes: what a body costs to write and to read (as `rpc` does it with msgpackr, by msgpackr alone,
 * by hand, as JSON), and requests over loopback between two processes, one and 64 in flight, with values of 100 bytes.
 * CPU time is that of each process. Build first; then `node benchmarks/micro/rpc.mjs`.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { ByteReader, ByteWriter } from '@coterie/bytes';
import { createNodeEnvironment } from '@coterie/env-node';
import { openEndpoint } from '@coterie/rpc';
import { Packr, Unpackr } from 'msgpackr/pack';
import { packBody, unpackBody } from '../../packages/rpc/dist/body.js';

const secondsEach = 3;
const headerBytes = 16;

function open(id) {
  return openEndpoint({
    environment: createNodeEnvironment(),
    listen: '127.0.0.1:0',
    identity: { id, incarnation: `${id}-1` },
    clusterId: 'benchmark',
  });
}

function cpuMicros(since) {
  const { user, system } = process.cpuUsage(since);
  return user + system;
}

async function serve() {
  const endpoint = await open('server');
  let since = process.cpuUsage();
  endpoint.register('put', async () => ({ body: [true, 12345] }));
  endpoint.register('get', async ({ body, values }) => ({ body: body[0], values }));
  endpoint.register('cpu', async () => {
    const used = cpuMicros(since);
    since = process.cpuUsage();
    return { body: used };
  });
  process.send(endpoint.address);
}

/** Requests for a while; rates and CPU time of both sides per request. */
async function load(client, address, { method, inFlight }) {
  const body = ['cart', 'customer-4711', 'f3a9c1d2e4b56789', 42, 17];
  const values = [new Uint8Array(100).fill(7)];
  const cpu = () => client.request(address, { method: 'cpu', epoch: 1, body: null }, { timeoutMs: 1000 });
  await cpu();
  const since = process.cpuUsage();
  const start = performance.now();
  const endAt = start + secondsEach * 1000;
  let done = 0;
  const worker = async () => {
    while (performance.now() < endAt) {
      await client.request(address, { method, epoch: 1, body, values, expect: 'server' }, { timeoutMs: 1000 });
      done++;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  const seconds = (performance.now() - start) / 1000;
  const own = cpuMicros(since);
  const { body: other } = await cpu();
  return {
    'requests/s': Math.round(done / seconds),
    'client µs': Number((own / done).toFixed(1)),
    'server µs': Number((other / done).toFixed(1)),
  };
}

async function loopback() {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), 'serve'], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const [address] = await once(child, 'message');
  const client = await open('client');
  const table = {};
  await load(client, address, { method: 'put', inFlight: 64 });
  for (const inFlight of [1, 64]) table[`put, ${inFlight} in flight`] = await load(client, address, { method: 'put', inFlight });
  table['get, 64 in flight'] = await load(client, address, { method: 'get', inFlight: 64 });
  console.log('\nover loopback, CPU per request');
  console.table(table);
  child.kill();
  await client.close();
}

const packr = new Packr({ useRecords: false, encodeUndefinedAsNil: true });
const unpackr = new Unpackr({ useRecords: false });
const writer = new ByteWriter();
const text = new TextEncoder();
const plain = new TextDecoder();

/** The question of a put, as `rpc` sends it. */
const question = ['put', 7, 500, ['cart', 'customer-4711', 'f3a9c1d2e4b56789', 42, 17]];

function byHand([method, epoch, left, [bucket, key, operation, counter, n]]) {
  return writer
    .restart()
    .string(method)
    .varint(epoch)
    .varint(left)
    .string(bucket)
    .string(key)
    .string(operation)
    .varint(counter)
    .varint(n)
    .finish();
}

function fromHand(bytes) {
  const reader = new ByteReader(bytes);
  const [method, epoch, left] = [reader.string(), reader.varint(), reader.varint()];
  return [method, epoch, left, [reader.string(), reader.string(), reader.string(), reader.varint(), reader.varint()]];
}

/** Way → [write, read]. */
const ways = {
  'rpc (msgpackr, checked)': [(body) => packBody(body, 0), (bytes) => unpackBody(bytes, headerBytes, bytes.length)],
  'msgpackr alone': [(body) => packr.pack(body), (bytes) => unpackr.unpack(bytes)],
  'by hand': [byHand, fromHand],
  JSON: [(body) => text.encode(JSON.stringify(body)), (bytes) => JSON.parse(plain.decode(bytes))],
};

function nanoseconds(work) {
  const calls = 200_000;
  const samples = Array.from({ length: 7 }, () => {
    const since = process.cpuUsage();
    for (let i = 0; i < calls; i++) work();
    return (cpuMicros(since) * 1000) / calls;
  });
  return Math.round(samples.sort((a, b) => a - b)[3]);
}

function bodies() {
  const table = {};
  for (const [name, [write, read]] of Object.entries(ways)) {
    const bytes = Uint8Array.from(write(question));
    table[name] = { write: nanoseconds(() => write(question)), read: nanoseconds(() => read(bytes)), bytes: bytes.length };
  }
  table['rpc (msgpackr, checked)'].bytes -= headerBytes;
  console.log(`ns per body of a put, Node ${process.version}`);
  console.table(table);
}

if (process.argv[2] === 'serve') await serve();
else {
  bodies();
  await loopback();
}
