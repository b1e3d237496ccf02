/**
 * Times a Bloom filter of 10 bits a key: the `bloom-filters` package as it comes, the same with its hashing overridden, and
 * the same bits probed in place. Medians over rounds, in CPU time of this process. Build first; then
 * `node benchmarks/micro/bloom.mjs`.
 */
import { hash32 } from '@coterie/bytes';
import bloomFilters from 'bloom-filters';

const { BloomFilter } = bloomFilters;
const keys = 100_000;
const rounds = 7;
const probes = 7;

const present = Array.from({ length: keys }, (_, i) => Buffer.from(String(i).padStart(16, '0')));
const absent = Array.from({ length: keys }, (_, i) => Buffer.from(String(i + keys).padStart(16, '0')));

/** The places of a key's bits: double hashing of one 32-bit hash. */
function places(key, size, count) {
  const hash = hash32(key, 0, key.length);
  const step = (hash >>> 17) | (hash << 15);
  return Array.from({ length: count }, (_, i) => ((hash + Math.imul(i, step)) >>> 0) % size);
}

function makeFilter(override) {
  const filter = new BloomFilter(keys * 10, probes);
  if (override) filter._hashing.getIndexes = (key, size, count) => places(key, size, count);
  return filter;
}

/** Nanoseconds of CPU time per key, median. */
function measure(name, count, run) {
  const samples = Array.from({ length: rounds }, () => {
    const before = process.cpuUsage();
    run();
    const used = process.cpuUsage(before);
    return ((used.user + used.system) * 1000) / count;
  }).sort((a, b) => a - b);
  console.log(`${name.padEnd(44)} ${Math.round(samples[rounds >> 1])} ns`);
}

/** The package's own bits, read in place. */
function probe(bits, size, key) {
  const hash = hash32(key, 0, key.length);
  const step = (hash >>> 17) | (hash << 15);
  let place = hash;
  for (let i = 0; i < probes; i++) {
    const bit = (place >>> 0) % size;
    if ((bits[bit >>> 3] & (1 << (bit & 7))) === 0) return false;
    place = (place + step) | 0;
  }
  return true;
}

console.log(`per key of 16 bytes, ${keys} keys, 10 bits a key, ${probes} probes, Node ${process.version}`);
const few = 2000;
const plain = makeFilter(false);
measure('package as it comes: add', few, () => present.slice(0, few).forEach((key) => plain.add(key)));
measure('package as it comes: has', few, () => present.slice(0, few).forEach((key) => plain.has(key)));
const own = makeFilter(true);
measure('package, hashing overridden: add', keys, () => present.forEach((key) => own.add(key)));
measure('package, hashing overridden: has, present', keys, () => present.forEach((key) => own.has(key)));
measure('package, hashing overridden: has, absent', keys, () => absent.forEach((key) => own.has(key)));
const bits = own._filter.array;
const twin = absent.filter((key) => own.has(key)).length;
measure('its bits in place, present', keys, () => present.forEach((key) => probe(bits, keys * 10, key)));
measure('its bits in place, absent', keys, () => absent.forEach((key) => probe(bits, keys * 10, key)));
const positives = absent.filter((key) => probe(bits, keys * 10, key)).length;
console.log(`false positives: ${((positives / keys) * 100).toFixed(2)} % in place, ${((twin / keys) * 100).toFixed(2)} % by the package`);
if (!present.every((key) => probe(bits, keys * 10, key))) throw new Error('a present key is missed');
