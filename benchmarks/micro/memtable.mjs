/**
 * Times the memtable: adds, finds and moves at 122 k entries of 16 + 100 bytes in 16 MiB. Medians over rounds, in CPU
 * time of this process, because the machine may be shared. Build first; then `node benchmarks/micro/memtable.mjs [keys]`,
 * where keys is digits (as in db_bench, the default), random (bytes) or buckets (long prefixes in common).
 */
import { hash32 } from '@coterie/bytes';
import { Memtable } from '@coterie/memtable';

const count = 122_000;
const rounds = 9;
const newest = 2 ** 48 - 1;
const shape = process.argv[2] ?? 'digits';
const value = new Uint8Array(100).fill(7);
const arena = new SharedArrayBuffer((shape === 'buckets' ? 17 : 16) * 2 ** 20);
const table = new Memtable(arena);
const cursor = table.cursor();
const entry = {
  keyBytes: value,
  keyStart: 0,
  keyEnd: 0,
  keyHash: 0,
  sequence: 0,
  type: 1,
  valueBytes: value,
  valueStart: 0,
  valueEnd: 100,
};
const results = new Map();

let seed = 12345;
function random(limit) {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return Math.floor((seed / 2 ** 32) * limit);
}

function keyOf(number) {
  if (shape === 'digits') return Buffer.from(String(number).padStart(16, '0'));
  if (shape === 'buckets') return Buffer.from(`shop/cart/${['alice', 'bobby', 'carol'][number % 3]}/${String(number).padStart(8, '0')}`);
  const key = Buffer.alloc(16);
  for (let i = 0; i < 16; i += 4) key.writeUInt32BE(Math.imul(number + i, 2654435761) >>> 0, i);
  return key;
}

/** Keys one after another in the order of use, so that what is timed is the memtable's memory and not the caller's. */
function keysOf(numbers) {
  const keys = numbers.map(keyOf);
  const width = keys[0].length;
  const hashes = Float64Array.from(keys, (key) => hash32(key, 0, width));
  return { width, bytes: new Uint8Array(Buffer.concat([...keys, value])), hashes };
}

function measure(name, operations, run) {
  const before = process.cpuUsage();
  run();
  const used = process.cpuUsage(before);
  const samples = results.get(name) ?? [];
  samples.push(((used.user + used.system) * 1000) / operations);
  results.set(name, samples);
}

/** Adds as the store does: key and value are parts of one array, the log's. */
function addAll({ width, bytes, hashes }) {
  entry.keyBytes = bytes;
  entry.valueBytes = bytes;
  entry.valueStart = count * width;
  entry.valueEnd = entry.valueStart + value.length;
  addEach(width, hashes);
}

/** Adds values that are arrays of their own. */
function addAllWhole({ width, bytes, hashes }) {
  entry.keyBytes = bytes;
  entry.valueBytes = value;
  entry.valueStart = 0;
  entry.valueEnd = value.length;
  addEach(width, hashes);
}

function addEach(width, hashes) {
  for (let i = 0; i < count; i++) {
    entry.keyStart = i * width;
    entry.keyEnd = entry.keyStart + width;
    entry.keyHash = hashes[i];
    entry.sequence = table.lastSequence + 1;
    table.add(entry);
  }
}

/** Calls `visit` with each key in one array that is used again, as it would just have come from a client. */
function eachKey({ width, bytes, hashes }, visit) {
  const key = new Uint8Array(width);
  let sum = 0;
  for (let i = 0, at = 0; i < count; i++) {
    for (let j = 0; j < width; j++) key[j] = bytes[at++];
    sum += visit(key, hashes[i]);
  }
  return sum;
}

const nothing = (key, hash) => key[0] + hash;
const find = (key, hash) => table.find(key, hash, newest);
const seek = (key) => {
  cursor.seek(key);
  return cursor.valueEnd;
};

function forward(over) {
  let sum = 0;
  for (over.seekToFirst(); over.valid; over.next()) sum += over.valueEnd + over.keyEnd;
  return sum;
}

function backward(over) {
  let sum = 0;
  for (over.seekToLast(); over.valid; over.previous()) sum += over.valueEnd + over.keyEnd;
  return sum;
}

/** A read and a copy of every value, as a flush or a scan does it. */
function copyOut(over) {
  const copy = new Uint8Array(128);
  let sum = 0;
  for (over.seekToFirst(); over.valid; over.next()) {
    const { valueBytes, valueStart, valueEnd } = over;
    for (let i = valueStart; i < valueEnd; i += 16) copy[i & 127] = valueBytes[i];
    sum += copy[0];
  }
  return sum;
}

const numbers = new Set();
while (numbers.size < count) numbers.add(random(1_000_000));
const inOrderOfAdding = [...numbers];
const shuffled = keysOf(inOrderOfAdding);
const missing = keysOf(inOrderOfAdding.map((number) => number + 1_000_000));
const ascending = keysOf([...numbers].sort((a, b) => a - b));
const again = keysOf(inOrderOfAdding.map((_, i) => inOrderOfAdding[(i * 7919) % count]));

let overhead = 0;
for (let round = 0; round < rounds; round++) {
  table.reset();
  measure('add, ascending', count, () => addAll(ascending));
  measure('next, added ascending', count, () => forward(cursor));
  measure('reset', 1, () => table.reset());
  measure('add, random, whole value', count, () => addAllWhole(shuffled));
  table.reset();
  measure('add, random', count, () => addAll(shuffled));
  overhead = (table.usedBytes + table.indexBytes) / count - 100 - shuffled.width;
  measure('(making a key)', count, () => eachKey(again, nothing));
  measure('find, hit', count, () => eachKey(again, find));
  measure('find, miss', count, () => eachKey(missing, find));
  measure('seek', count, () => eachKey(again, seek));
  measure('next', count, () => forward(cursor));
  measure('next, value touched', count, () => copyOut(cursor));
  measure('previous', count, () => backward(cursor));
  measure('freeze', 1, () => table.freeze());
  const attached = Memtable.attach(arena);
  measure('next, attached', count, () => forward(attached.cursor()));
}

function median(name) {
  return results.get(name).sort((a, b) => a - b)[rounds >> 1];
}

const making = median('(making a key)');
for (const [name, samples] of results) {
  const less = /find|seek/.test(name) ? making : 0;
  console.log(`${name.padEnd(24)} ${(median(name) - less).toFixed(0).padStart(8)} ns   best ${(samples[0] - less).toFixed(0)}`);
}
const inArena = Math.floor(2 ** 24 / (table.usedBytes / count));
console.log(
  `overhead ${overhead.toFixed(1)} B an entry, of it ${(table.indexBytes / count).toFixed(1)} beside the arena; 16 MiB hold ${inArena}`,
);
