/**
 * Times tables: building, point lookups with every block in memory, filter misses, seeks, scans. One table of 1 M entries,
 * keys of 16 digits like db_bench's, values of 100 bytes, 256 MiB of cache. Medians over rounds, in CPU time of this
 * process. Build first; then `node benchmarks/micro/sstable.mjs [entries]`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hash32, maxSequence } from '@coterie/bytes';
import { nodeFiles } from '@coterie/env-node';
import { BlockCache, createLookup, HandleCache, Table } from '@coterie/sstable';
import { TableBuilder } from '@coterie/sstable/builder';

const files = nodeFiles();
const entries = Number(process.argv[2] ?? 1_000_000);
const rounds = 5;
const lookups = 200_000;
const directory = mkdtempSync(join(tmpdir(), 'coterie-sstable-'));
const path = join(directory, 'table');
const value = new Uint8Array(100).fill(0x76);

/** Nanoseconds of CPU time each of `count` took, median of the rounds. */
function measure(name, count, run, repeat = rounds) {
  const samples = Array.from({ length: repeat }, () => {
    const before = process.cpuUsage();
    run();
    const used = process.cpuUsage(before);
    return ((used.user + used.system) * 1000) / count;
  }).sort((a, b) => a - b);
  const nanoseconds = samples[repeat >> 1];
  console.log(
    `${name.padEnd(58)} ${nanoseconds.toFixed(nanoseconds < 100 ? 1 : 0).padStart(7)} ns  ${(1000 / nanoseconds).toFixed(2).padStart(7)} M/s  best ${samples[0].toFixed(1)}`,
  );
}

function writeKey(into, number) {
  for (let i = 15, rest = number; i >= 0; i--) {
    const next = (rest / 10) | 0;
    into[i] = 0x30 + rest - next * 10;
    rest = next;
  }
}

let properties;
function build(options = {}) {
  rmSync(path, { force: true });
  const file = files.openSync(path, 'create');
  const builder = new TableBuilder(file, { tableId: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), expectedEntries: entries, ...options });
  const key = new Uint8Array(16);
  const entry = { keyBytes: key, keyStart: 0, keyEnd: 16, sequence: 0, type: 1, valueBytes: value, valueStart: 0, valueEnd: 100 };
  for (let i = 0; i < entries; i++) {
    writeKey(key, i);
    entry.sequence = 1 + ((i * 7919) % entries);
    builder.add(entry);
  }
  properties = builder.finish();
  file.closeSync();
}

console.log(`${entries} entries of 16 + 100 bytes, Node ${process.version}`);
try {
  measure('build, an entry (key made, sync write, fdatasync)', entries, () => build(), 3);
  const { fileBytes, filterBytes, indexBytes, blockCount } = properties;
  console.log(
    `  ${fileBytes} bytes, ${(fileBytes / entries / 116).toFixed(4)} of the user's; filter ${filterBytes}, index ${indexBytes}, ${blockCount} blocks`,
  );
  const handles = new HandleCache(files, { maxOpen: 8 });
  const blocks = new BlockCache({ bytes: 256 * 1024 * 1024, slotBytes: 4096 });
  let table;
  measure('open, a block of the table', blockCount, () => {
    table = Table.openSync({ handles, blocks }, path);
  });
  console.log(`  ${table.memoryBytes} bytes of memory`);

  const lookup = createLookup();
  lookup.maxSequence = maxSequence;
  // One key, written anew for each lookup: keys in objects of their own would be cache misses of the benchmark's.
  const key = new Uint8Array(16);
  const numbers = new Uint32Array(lookups).map(() => Math.random() * entries);
  const absent = new Uint32Array(lookups).map(() => Math.random() * 2 ** 32);
  const get = () => {
    for (let i = 0; i < lookups; i++) {
      writeKey(key, numbers[i]);
      lookup.key = key;
      lookup.keyHash = hash32(key, 0, 16);
      if (!table.find(lookup)) throw new Error('lost');
    }
  };

  const cursor = table.cursor({ access: 'read' });
  let sum = 0;
  const scan = () => {
    for (cursor.seekToFirst(); cursor.valid; cursor.next()) sum += cursor.keyEnd + cursor.valueEnd - cursor.valueStart;
  };
  measure('scan, first, every block read from the file', entries, scan, 1);
  measure('scan forwards, cached', entries, scan);
  measure('scan backwards, cached', entries, () => {
    for (cursor.seekToLast(); cursor.valid; cursor.previous()) sum += cursor.keyEnd;
  });
  const bulk = table.cursor({ access: 'read', fillCache: false, readAheadBytes: 1024 * 1024 });
  const other = Table.openSync({ handles, blocks: new BlockCache({ bytes: 0, slotBytes: 4096 }) }, path);
  other.cursor({ access: 'read', fillCache: false, readAheadBytes: 1024 * 1024 }, bulk);
  measure(
    'scan, nothing cached, 1 MiB read ahead',
    entries,
    () => {
      for (bulk.seekToFirst(); bulk.valid; bulk.next()) sum += bulk.keyEnd;
    },
    3,
  );

  measure('make a key and hash it: part of the following', lookups, () => {
    for (let i = 0; i < lookups; i++) {
      writeKey(key, numbers[i]);
      sum += hash32(key, 0, 16);
    }
  });
  measure('find, random, cached', lookups, get, 9);
  let passed = 0;
  measure('find, absent keys (filter)', lookups, () => {
    for (let i = 0; i < lookups; i++) {
      lookup.keyHash = absent[i];
      if (table.mayContain(absent[i])) passed++;
    }
  });
  console.log(`  ${((passed / rounds / lookups) * 100).toFixed(2)} % pass the filter`);
  measure('index alone', lookups, () => {
    for (let i = 0; i < lookups; i++) {
      writeKey(key, numbers[i]);
      sum += table.index.blockOf(key);
    }
  });
  measure('seek, random, cached', lookups, () => {
    for (let i = 0; i < lookups; i++) {
      writeKey(key, numbers[i]);
      cursor.seek(key);
    }
  });
  measure('seek and 50 next', lookups / 10, () => {
    for (let i = 0; i < lookups / 10; i++) {
      writeKey(key, numbers[i]);
      cursor.seek(key);
      for (let n = 0; n < 50 && cursor.valid; n++) {
        sum += cursor.valueEnd;
        cursor.next();
      }
    }
  });
  measure('new cursor', lookups, () => {
    for (let i = 0; i < lookups; i++) sum += table.cursor({ access: 'read' }).keyEnd;
  });
  measure('find, random, cached, again', lookups, get, 9);
  cursor.release();
  const small = new BlockCache({ bytes: 1024 * 1024, slotBytes: 4096 });
  table = Table.openSync({ handles, blocks: small }, path);
  measure('find, random, 1 MiB of cache: sync reads', lookups, get, 1);
  measure(
    'verify, an entry',
    entries,
    () => {
      for (const _ of table.verify()) sum++;
    },
    1,
  );
  measure('build with deflate, an entry', entries, () => build({ compression: 'deflate' }), 1);
  if (sum === 0) console.log(sum);
} finally {
  rmSync(directory, { recursive: true, force: true });
}
