/**
 * What comparing copies costs. First a put's share: the hash of what a key was and is, the sum of its leaf, and one record
 * more in the batch. Then what two replicas send each other to find their differences in a partition of ten million keys.
 * Build first; then `node benchmarks/micro/merkle.mjs`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNodeEnvironment } from '@coterie/env-node';
import { openStore } from '@coterie/lsm';
import {
  answerLeaves,
  answerRoots,
  fanOut,
  findGroups,
  groupsAfter,
  groupsMax,
  HashTree,
  leafCount,
  noSums,
  sumBytes,
  unmatched,
} from '@coterie/merkle';

const rounds = 7;
const keysInAll = 10_000_000;
const keysInLeaf = Math.ceil(keysInAll / leafCount);

/** Microseconds of CPU time per call, median. */
async function measure(name, count, run) {
  const samples = [];
  for (let round = 0; round < rounds; round++) {
    const before = process.cpuUsage();
    await run();
    const used = process.cpuUsage(before);
    samples.push((used.user + used.system) / count);
  }
  samples.sort((a, b) => a - b);
  console.log(`${name.padEnd(60)} ${samples[rounds >> 1].toFixed(2).padStart(7)} µs`);
  return samples[rounds >> 1];
}

const changes = 200_000;
const tree = new HashTree();
for (let leaf = 0; leaf < leafCount; leaf++) tree.set(leaf, { high: leaf, low: leaf });
await measure('a leaf changed', changes, () => {
  for (let at = 0; at < changes; at++) tree.change((at * 97) % leafCount, { high: at, low: at }, { high: at + 1, low: at });
});

/** Batches as a node commits them: an object and its index entry, with or without the record of a leaf. */
async function batches(withLeaf) {
  const directory = mkdtempSync(join(tmpdir(), 'coterie-merkle-'));
  const store = await openStore(directory, { environment: createNodeEnvironment(), durable: false });
  const value = new Uint8Array(300);
  const sum = new Uint8Array(sumBytes);
  const count = 50_000;
  let next = 0;
  const key = (space, bytes) => {
    const made = Buffer.alloc(bytes);
    made[0] = space;
    made.writeUInt32BE(Math.imul(next, 0x9e3779b1) >>> 0, 1);
    return made;
  };
  const used = await measure(`a batch of an object${withLeaf ? ' and the record of its leaf' : ''}`, count, async () => {
    for (let at = 0; at < count; at += 50) {
      const group = [];
      for (let one = 0; one < 50; one++, next++) {
        const batch = store.batch();
        batch.put(key(0x10, 40), value);
        batch.put(key(0x20, 40), new Uint8Array());
        if (withLeaf) batch.put(key(0x28, 14), sum);
        group.push(batch.commit({ durable: false }));
      }
      await Promise.all(group);
    }
  });
  await store.close();
  rmSync(directory, { recursive: true });
  return used;
}
const without = await batches(false);
const withLeaf = await batches(true);
console.log(`a leaf's record in the batch: ${(withLeaf - without).toFixed(2)} µs`);

/** A replica of one partition whose keys are numbers; some of them are missing. */
class Replica {
  #tree = new HashTree();
  #missing;

  constructor(missing) {
    this.#missing = missing;
    for (let leaf = 0; leaf < leafCount; leaf++) {
      for (let key = 0; key < keysInLeaf; key++)
        if (!missing.has(leaf * keysInLeaf + key)) this.#tree.change(leaf, { high: 0, low: 0 }, hashOf(leaf, key));
    }
  }

  root() {
    return this.#tree.root;
  }

  groups() {
    const groups = noSums(fanOut);
    this.#tree.addGroupsTo(groups);
    return groups;
  }

  leaves(_partition, group) {
    const leaves = noSums(fanOut);
    this.#tree.addLeavesTo(leaves, group);
    return leaves;
  }

  async hashes(_partition, leaf) {
    const words = [];
    for (let key = 0; key < keysInLeaf; key++) {
      if (this.#missing.has(leaf * keysInLeaf + key)) continue;
      const { high, low } = hashOf(leaf, key);
      words.push(high, low);
    }
    return Uint32Array.from(words);
  }
}

function hashOf(leaf, key) {
  return { high: Math.imul(leaf * keysInLeaf + key + 1, 0x9e3779b1) >>> 0, low: Math.imul(key + 7, 0x85ebca6b) >>> 0 };
}

/** Trips and bytes until every difference is found; small integers count five bytes. */
async function find(here, there) {
  const wire = { trips: 0, bytes: 0, found: 0 };
  const other = {
    compareRoots: async (partitions, roots) => {
      const answer = answerRoots(there, partitions, roots);
      wire.trips += 1;
      wire.bytes += partitions.length * 13 + answer.length * (5 + fanOut * sumBytes);
      return answer;
    },
    compareLeaves: async (groups) => {
      const answer = await answerLeaves(there, groups);
      wire.trips += 1;
      wire.bytes += groups.length * (15 + fanOut * sumBytes);
      for (const { hashes } of answer.leaves) wire.bytes += 15 + 4 * hashes.length;
      return answer;
    },
  };
  let { groups } = await findGroups(here, other, [0]);
  while (groups.length > 0) {
    const { leaves, more } = await other.compareLeaves(groups.slice(0, groupsMax));
    for (const { leaf, hashes } of leaves) wire.found += unmatched(await here.hashes(0, leaf), hashes).own.length;
    const last = leaves.at(-1);
    groups = more && last !== undefined ? groupsAfter(here, groups, last) : groups.slice(groupsMax);
  }
  return wire;
}

const table = {};
const whole = new Replica(new Set());
for (const differences of [0, 1, 10, 100, 1000, 10_000, 100_000]) {
  const missing = new Set();
  for (let at = 0; missing.size < differences; at++) missing.add((Math.imul(at, 0x9e3779b1) >>> 0) % (leafCount * keysInLeaf));
  const { trips, bytes, found } = await find(whole, new Replica(missing));
  if (found !== differences) throw new Error(`${found} found of ${differences}`);
  table[differences] = {
    trips,
    KiB: Number((bytes / 1024).toFixed(1)),
    'bytes each': differences === 0 ? '' : Math.round(bytes / differences),
  };
}
console.log(`one partition of ${keysInAll.toLocaleString('en')} keys: until the keys that differ are known`);
console.table(table);
