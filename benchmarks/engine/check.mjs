/**
 * Nobody wins by not doing the work: after each fill a sample is read back byte by byte, and every measured read is counted
 * and summed, and held against what the key's number says it must have found.
 */
import { encodeKey } from './data.mjs';

const sampleEntries = 2000;

/** Throws unless a sample of `numbers` reads back as written. */
export async function assertReadable(engine, numbers, values) {
  const get = engine.getSync ?? engine.get;
  const step = Math.max(1, Math.floor(numbers.length / sampleEntries));
  for (let i = 0; i < numbers.length; i += step) {
    const found = await get(encodeKey(numbers[i]));
    const expected = values.of(numbers[i]);
    if (found === undefined || !expected.equals(found)) throw new Error(`key ${numbers[i]} does not read back as written`);
  }
}

/** Adds up what reads return: how many, how many bytes, and a sum over first and last bytes. */
export class Tally {
  found = 0;
  bytes = 0;
  sum = 0;

  /** Touches a value. */
  value(value) {
    if (value === undefined) return;
    this.found++;
    this.bytes += value.length;
    this.sum += value[0] + value[value.length - 1];
  }

  /** Touches a key and its value. */
  entry(key, value) {
    this.bytes += key.length;
    this.sum += key[15];
    this.value(value);
  }

  /** Throws unless both have seen the same. */
  assertEqual(expected, what) {
    if (this.found !== expected.found || this.bytes !== expected.bytes || this.sum !== expected.sum) {
      throw new Error(`${what}: read ${JSON.stringify(this)}, expected ${JSON.stringify(expected)}`);
    }
  }
}
