/**
 * Times the ways to a CRC-32, by length of input: the `crc-32` package, `node:zlib`'s, `crc32` of `@coterie/bytes` which picks
 * one of them, and its `crc32Range`, beside a native call on a view made for it. Medians over rounds, in CPU time of this
 * process. Build first; then `node benchmarks/micro/checksum.mjs`.
 */
import { crc32 as native } from 'node:zlib';
import { crc32, crc32Range } from '@coterie/bytes';
import pkg from 'crc-32';

const rounds = 9;
const block = Uint8Array.from({ length: 8192 }, (_, i) => (i * 131) & 0xff);

/** Way → function of an input and of where it lies in `block`. */
const ways = {
  'crc-32': (bytes) => pkg.buf(bytes, 0) >>> 0,
  'zlib.crc32': (bytes) => native(bytes, 0),
  'bytes crc32': (bytes) => crc32(bytes),
  'zlib on a new view': (_, start, end) => native(block.subarray(start, end), 0),
  'bytes crc32Range': (_, start, end) => crc32Range(block, start, end),
};

/** Nanoseconds of CPU time per call. */
function measure(way, length) {
  const calls = Math.max(2000, Math.floor(20_000_000 / (length + 100)));
  const bytes = block.slice(0, length);
  let sum = 0;
  const before = process.cpuUsage();
  for (let i = 0; i < calls; i++) sum ^= way(bytes, i & 7, (i & 7) + length);
  const used = process.cpuUsage(before);
  if (sum === 0.5) throw new Error('not to be');
  return ((used.user + used.system) * 1000) / calls;
}

const lengths = [16, 64, 130, 200, 256, 350, 512, 1024, 4096];
const table = {};
for (const [name, way] of Object.entries(ways)) {
  const row = {};
  for (const length of lengths) {
    const samples = Array.from({ length: rounds }, () => measure(way, length)).sort((a, b) => a - b);
    row[`${length} B`] = Math.round(samples[rounds >> 1]);
  }
  table[name] = row;
}
console.log(`ns per call, Node ${process.version}`);
console.table(table);
