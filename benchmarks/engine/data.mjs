/**
 * The keys and values that every engine is given, made the same way for each.
 *
 * A key is a number in [0, entries) as 16 decimal digits, zero-padded, as in db_bench; a missing key is a present one
 * with a `.` behind it, so that it falls between two present ones. Values come from a pool of random bytes, and the key's
 * number says which: so every read can be checked without keeping what was written.
 *
 * Numbers are drawn ahead of the measured time. Encoding a key into a fresh Buffer lies inside it, for all engines alike.
 */

const poolEntries = 1024;
const zero = 48;
const dot = 46;

/** A small seeded generator of uniform u32 (mulberry32), so that every engine meets the same sequence. */
export function createRandom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
}

/** `count` numbers drawn uniformly from [0, entries), with repetition: db_bench's fillrandom and readrandom. */
export function drawNumbers(count, entries, seed) {
  const random = createRandom(seed);
  const numbers = new Uint32Array(count);
  for (let i = 0; i < count; i++) numbers[i] = random() % entries;
  return numbers;
}

/** [0, entries) in ascending order. */
export function ascendingNumbers(entries) {
  return Uint32Array.from({ length: entries }, (_, i) => i);
}

/** [0, entries) in random order, each once. */
export function shuffledNumbers(entries, seed) {
  const random = createRandom(seed);
  const numbers = ascendingNumbers(entries);
  for (let i = entries - 1; i > 0; i--) {
    const j = random() % (i + 1);
    const kept = numbers[i];
    numbers[i] = numbers[j];
    numbers[j] = kept;
  }
  return numbers;
}

/** The key of `number`: 16 digits in a fresh Buffer. */
export function encodeKey(number) {
  const key = Buffer.allocUnsafe(16);
  writeDigits(key, number);
  return key;
}

/** A key that is not there, next to that of `number`. */
export function encodeMissingKey(number) {
  const key = Buffer.allocUnsafe(17);
  writeDigits(key, number);
  key[16] = dot;
  return key;
}

function writeDigits(key, number) {
  let rest = number;
  for (let at = 15; at >= 0; at--) {
    const next = (rest / 10) | 0;
    key[at] = zero + rest - next * 10;
    rest = next;
  }
}

/** The number that a key of 16 digits stands for. */
export function decodeKey(key) {
  let number = 0;
  for (let at = 0; at < 16; at++) number = number * 10 + key[at] - zero;
  return number;
}

/** Values of `valueBytes` random bytes, chosen by key number. */
export function createValues(valueBytes) {
  const random = createRandom(valueBytes);
  const pool = Array.from({ length: poolEntries }, () => {
    const value = Buffer.alloc(valueBytes);
    for (let i = 0; i < valueBytes; i++) value[i] = random();
    return value;
  });
  return { valueBytes, of: (number) => pool[number & (poolEntries - 1)] };
}
