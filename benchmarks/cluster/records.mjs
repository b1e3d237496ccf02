/**
 * What is written and what must be read. A value of 100 bytes says which key it belongs to and which write of it it is, so
 * every answer can be held against what was acknowledged.
 *
 * ```
 *  value = key, 16 digits │ version, 16 digits │ filling, 68 bytes
 * ```
 *
 * Each key has one writer at a time: the line it belongs to.
 */
const valueBytes = 100;
const digits = 16;
const filling = 'three stores hold what one acknowledged '.repeat(2).slice(0, valueBytes - 2 * digits);

/** Text of a key. */
export function keyText(key) {
  return String(key).padStart(digits, '0');
}

/** The value of this version of a key. */
export function valueOf(key, version) {
  return Buffer.from(keyText(key) + keyText(version) + filling, 'latin1');
}

/** What was acknowledged of each key. */
export class Records {
  /** Key → last version that was acknowledged. */
  #versions;
  /** Key → context of its last write, where a subject has such a thing. */
  contexts = new Map();
  /** Reads that showed an older version than the last acknowledged. */
  older = 0;

  constructor(keys) {
    this.keys = keys;
    this.#versions = new Uint32Array(keys);
  }

  /** The value to write next. */
  next(key) {
    return valueOf(key, this.#versions[key] + 1);
  }

  /** The next value was acknowledged. */
  acknowledged(key) {
    this.#versions[key]++;
  }

  /** Holds what a read showed against what it must be. @throws when it is of another key, from nowhere, or (`exact`) not the last */
  check(key, value, exact) {
    const text = value.latin1Slice === undefined ? Buffer.from(value).latin1Slice() : value.latin1Slice();
    const version = Number(text.slice(digits, 2 * digits));
    const isWhole = text.length === valueBytes && text.startsWith(keyText(key)) && text.endsWith(filling);
    if (!isWhole || version > this.#versions[key] || version < 1) throw new Error(`key ${key} holds ${JSON.stringify(text)}`);
    if (version === this.#versions[key]) return;
    this.older++;
    if (exact) throw new Error(`key ${key} is read at version ${version}, after ${this.#versions[key]} was acknowledged`);
  }
}
