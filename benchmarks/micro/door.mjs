/**
 * What the HTTP door costs by itself: a server whose node answers at once, asked for puts and gets of 100 bytes on 17 kept
 * connections by another process. The same server reads plain requests itself and leaves the others to node:http; here
 * they differ in nothing but what is asked of the connection, so the pair is the cost of node:http. Processor time of the
 * server a request, the two in turns. Build first; then `node benchmarks/micro/door.mjs`.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { silentLog } from '@coterie/env';
import { createNodeEnvironment } from '@coterie/env-node';
import { resolveSettings, startServer } from '@coterie/server';
import { Wire } from '../http/wire.mjs';

const rounds = 9;
const requests = 40_000;
const lines = 17;
const value = Buffer.alloc(100, 'v');

/** A node without anything behind it. */
function emptyNode() {
  const reached = { primaries: 2, fallbacks: 0, synced: 2 };
  const told = { context: 'c'.repeat(60), etag: '"0123456789abcdef"', reached };
  const sibling = { value, contentType: 'application/octet-stream', writtenAt: 1_700_000_000_000, etag: told.etag };
  return {
    epoch: 1,
    put: async () => told,
    get: async () => ({ ...told, state: 'found', siblings: [sibling] }),
    close: async () => {},
  };
}

async function serve() {
  const { settings } = resolveSettings({ flags: { http: '127.0.0.1:0' }, variables: {} });
  const environment = createNodeEnvironment({ log: silentLog });
  const { url } = await startServer({ settings, environment, openNode: async () => emptyNode() });
  process.on('message', () => process.send(process.cpuUsage()));
  process.on('disconnect', () => process.exit());
  process.send(Number(new URL(url).port));
}

const asks = {
  put: (wire, header) => wire.request(`PUT /v1/kv/bench/0000000000000001?w=2 HTTP/1.1${header}`, value),
  get: (wire, header) => wire.request(`GET /v1/kv/bench/0000000000000001?r=2 HTTP/1.1${header}`),
};
/** A wish that node:http reads past, and that plain requests do not have. */
const headers = { plain: '', 'node:http': '\r\nconnection: keep-alive, x' };

async function measure() {
  const child = fork(fileURLToPath(import.meta.url), ['serve']);
  const [port] = await once(child, 'message');
  const used = async () => {
    child.send('used?');
    const [{ user, system }] = await once(child, 'message');
    return user + system;
  };
  const samples = new Map();
  for (let round = 0; round < rounds; round++) {
    const ways = Object.keys(headers);
    for (const way of round % 2 === 0 ? ways : ways.toReversed()) {
      const wires = await Promise.all(Array.from({ length: lines }, () => Wire.open({ host: '127.0.0.1', port })));
      for (const [kind, ask] of Object.entries(asks)) {
        const before = await used();
        let left = requests;
        const drive = async (wire) => {
          while (left-- > 0) {
            const { status } = await ask(wire, headers[way]);
            if (status !== (kind === 'put' ? 204 : 200)) throw new Error(`${kind}: ${status}`);
          }
        };
        await Promise.all(wires.map(drive));
        const name = `${kind}, ${way}`;
        samples.set(name, [...(samples.get(name) ?? []), ((await used()) - before) / requests]);
      }
      for (const wire of wires) wire.close();
    }
  }
  child.disconnect();
  for (const [name, all] of samples) {
    // The first round is for the compiler.
    const counted = all.slice(1).sort((a, b) => a - b);
    const [least, median, most] = [counted[0], counted[counted.length >> 1], counted[counted.length - 1]];
    console.log(`${name.padEnd(16)} ${median.toFixed(1).padStart(6)} µs (${least.toFixed(1)} to ${most.toFixed(1)})`);
  }
}

await (process.argv[2] === 'serve' ? serve() : measure());
