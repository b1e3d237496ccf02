/**
 * Times the memtable: adds, finds and moves at 122 k entries of 16 + 100 bytes in 16 MiB. Medians over rounds, in CPU
 * time of this process, because the machine may be shared. Build first; then `node benchmarks/micro/memtable.mjs [keys]`,
 * where keys is digits (as in db_bench, the default), random (bytes) or buckets (long prefixes in common).
 */
import { hash32 } from '@coterie/bytes';
import { Memtable } from '@coterie/memtable';

const count = 122_000;
const rounds = 9;
const shape = process.argv[2] ?? 'digits';
const valueBytes = new Uint8Array(100).fill(7);
const arena = new SharedArrayBuffer(17 * 2 ** 20);
const table = new Memtable(arena);
const results = new Map();

let state = 12345;
function random(limit) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * limit);
}

function keyOf(number) {
  if (shape === 'digits') return Buffer.from(String(number).padStart(16, '0'));
  if (shape === 'buckets') return Buffer.from(`shop/cart/${['alice', 'bobby', 'carol'][number % 3]}/${String(number).padStart(8, '0')}`);
  const key = Buffer.alloc(16);
  for (let i = 0; i < 16; i += 4) key.writeUInt32BE(Math.imul(number + i, 2654435761) >>> 0, i);
  return key;
}

/** Plain arrays, as the store's callers mostly pass. */
function keysOf(numbers) {
  return numbers.map((number) => {
    const bytes = new Uint8Array(keyOf(number));
    return { bytes, hash: hash32(bytes, 0, bytes.length) };
  });
}

function measure(name, operations, run) {
  const before = process.cpuUsage();
  const sum = run();
  const used = process.cpuUsage(before);
  if (sum === -1) throw new Error('not to be');
  const samples = results.get(name) ?? [];
  samples.push(((used.user + used.system) * 1000) / operations);
  results.set(name, samples);
}

const entry = { keyBytes: valueBytes, keyStart: 0, keyEnd: 0, keyHash: 0, sequence: 0, type: 1, valueBytes, valueStart: 0, valueEnd: 100 };
let sequence = 0;
function addAll(keys) {
  for (const key of keys) {
    entry.keyBytes = key.bytes;
    entry.keyEnd = key.bytes.length;
    entry.keyHash = key.hash;
    entry.sequence = ++sequence;
    table.add(entry);
  }
}

function findAll(keys) {
  let found = 0;
  for (const key of keys) if (table.find(key.bytes, key.hash, 2 ** 48 - 1) !== 0) found++;
  return found;
}

function walk(move) {
  const cursor = table.cursor();
  let sum = 0;
  if (move === 'next') for (cursor.seekToFirst(); cursor.valid; cursor.next()) sum += cursor.valueEnd;
  else for (cursor.seekToLast(); cursor.valid; cursor.previous()) sum += cursor.valueEnd;
  return sum;
}

const numbers = new Set();
while (numbers.size < count) numbers.add(random(1_000_000));
const shuffled = keysOf([...numbers]);
const missing = keysOf([...numbers].map((number) => number + 1_000_000));
const ascending = keysOf([...numbers].sort((a, b) => a - b));
const again = shuffled.map((_, i) => shuffled[Math.imul(i, 7919) % count >>> 0]);

let overhead = 0;
for (let round = 0; round < rounds; round++) {
  table.reset();
  measure('add, ascending', count, () => addAll(ascending));
  measure('next, added ascending', count, () => walk('next'));
  measure('reset', 1, () => table.reset());
  measure('add, random', count, () => addAll(shuffled));
  overhead = (table.usedBytes + table.indexBytes) / count - 100 - shuffled[0].bytes.length;
  measure('find, hit', count, () => findAll(again));
  measure('find, miss', count, () => findAll(missing));
  measure('next', count, () => walk('next'));
  measure('previous', count, () => walk('previous'));
  const cursor = table.cursor();
  measure('seek', count, () => again.forEach((key) => cursor.seek(key.bytes)));
  measure('freeze', 1, () => table.freeze());
  const attached = Memtable.attach(arena);
  measure('next, attached', count, () => {
    const other = attached.cursor();
    let sum = 0;
    for (other.seekToFirst(); other.valid; other.next()) sum += other.valueEnd;
    return sum;
  });
}

for (const [name, samples] of results) {
  samples.sort((a, b) => a - b);
  console.log(`${name.padEnd(24)} ${samples[rounds >> 1].toFixed(0).padStart(8)} ns   best ${samples[0].toFixed(0)}`);
}
console.log(`overhead ${overhead.toFixed(1)} B an entry, of it ${(table.indexBytes / count).toFixed(1)} beside the arena; 16 MiB hold ${Math.floor((2 ** 24 / (table.usedBytes / count)))}`);
