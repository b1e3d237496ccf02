/**
 * Data that is there before anything happens: what the ring's changes have to move. Never written again, so every key of it
 * must be found as it was in the end.
 */
import { partitionOf, tokenOf } from '../../packages/ring/dist/index.js';
import { eachOf } from '../torture/scene.mjs';
import { pause } from '../torture/patience.mjs';

const bucket = 'cargo';
const tries = 5;
const encoder = new TextEncoder();

/** So many values of one size. */
export class Cargo {
  /** @param {{ values: number, valueBytes: number }} size */
  constructor({ values, valueBytes }) {
    this.valueBytes = valueBytes;
    this.keys = Array.from({ length: values }, (_, at) => `value-${at}`);
  }

  get bytes() {
    return this.keys.length * this.valueBytes;
  }

  /** @param {import('../../packages/client/dist/index.js').Database} database */
  async load(database) {
    await eachOf(this.keys, async (key, at) => {
      await database.put(bucket, key, valueOf(at, this.valueBytes), { w: 2, contentType: 'text/plain' });
    });
  }

  /** @param {import('../../packages/client/dist/index.js').Database} database @returns {Promise<string[]>} keys that are not as they were */
  async missing(database) {
    /** @type {string[]} */
    const missing = [];
    await eachOf(this.keys, async (key, at) => {
      const found = await readPatiently(database, key);
      const isThere = found?.siblings.length === 1 && found.siblings[0]?.text === valueOf(at, this.valueBytes);
      if (!isThere) missing.push(key);
    });
    return missing;
  }

  /** What it weighs. @returns {Weighed[]} */
  get weighed() {
    return this.keys.map((key) => ({ bucket, key, bytes: this.valueBytes }));
  }
}

/** @typedef {{ bucket: string, key: string, bytes: number }} Weighed a value */

/** @param {readonly Weighed[]} values @param {number} partitions @returns {number[]} bytes of values by partition */
export function bytesByPartition(values, partitions) {
  const sums = Array.from({ length: partitions }, () => 0);
  for (const { bucket: name, key, bytes } of values) {
    const at = partitionOf(tokenOf(encoder.encode(name), encoder.encode(key)), partitions);
    sums[at] = (sums[at] ?? 0) + bytes;
  }
  return sums;
}

/** @param {import('../../packages/client/dist/index.js').Database} database @param {string} key */
async function readPatiently(database, key) {
  for (let left = tries; ; left--) {
    try {
      return await database.get(bucket, key, { r: 2 });
    } catch (error) {
      if (left === 1) throw error;
      await pause(500);
    }
  }
}

/** @param {number} at @param {number} bytes */
function valueOf(at, bytes) {
  return `${at}:`.padEnd(bytes, 'c');
}
