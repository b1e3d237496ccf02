/**
 * What was told to whom: every write with the requests that carried it, every read with what it showed. Kept here and
 * nowhere near the store; the judges of the simulator read it (`packages/simulator/src/cluster/checkers`).
 */

/** @typedef {import('../../packages/simulator/dist/cluster/index.js').Write} Write */
/** @typedef {import('../../packages/simulator/dist/cluster/index.js').Read} Read */
/** @typedef {import('../../packages/simulator/dist/cluster/index.js').Attempt} Attempt */
/** @typedef {import('../../packages/simulator/dist/cluster/index.js').History} History */

const operationPrefix = 'torture-';
const decoder = new TextDecoder();

/** The history of one round. */
export class Ledger {
  /** @type {Map<number, Write>} */
  #writes = new Map();
  /** @type {Read[]} */
  #reads = [];
  /** @type {Read[]} */
  #last = [];
  #next = 0;

  /** A write begins. @param {Omit<Write, 'id' | 'attempts'>} write @returns {Write} */
  begin(write) {
    const made = { ...write, id: this.#next++, attempts: [] };
    this.#writes.set(made.id, made);
    return made;
  }

  /** @param {string | undefined} operation @returns {Write | undefined} the write that an operation id names */
  writeOf(operation) {
    return operation?.startsWith(operationPrefix) ? this.#writes.get(Number(operation.split('-').at(-1))) : undefined;
  }

  /** @param {Read} read */
  read(read) {
    this.#reads.push(read);
  }

  /** @param {Read} read one of every key, after everything has come to rest */
  readAtRest(read) {
    this.#last.push(read);
  }

  /** @returns {number} */
  get operations() {
    return this.#writes.size + this.#reads.length;
  }

  /** @returns {History[]} the histories of the keys, each by itself */
  get histories() {
    /** @type {Map<string, { writes: Write[], reads: Read[], last: Read[] }>} */
    const byKey = new Map();
    const of = (/** @type {{ bucket: string, key: string }} */ { bucket, key }) => {
      const name = `${bucket}/${key}`;
      const known = byKey.get(name) ?? { writes: [], reads: [], last: [] };
      byKey.set(name, known);
      return known;
    };
    for (const write of this.#writes.values()) of(write).writes.push(write);
    for (const read of this.#reads) of(read).reads.push(read);
    for (const read of this.#last) of(read).last.push(read);
    return [...byKey.values()];
  }
}

/** @param {string} run @param {number} id @returns {string} the operation id of a write; another in every run */
export function operationOf(run, id) {
  return `${operationPrefix}${run}-${id}`;
}

/** @param {number} id @param {number} bytes @returns {string} the value of a write: its number, and filler */
export function valueOf(id, bytes) {
  return `${id}:`.padEnd(bytes, 'x');
}

/** @param {Uint8Array} value @returns {number} the number of the write that made a value */
export function idIn(value) {
  return Number.parseInt(decoder.decode(value), 10);
}
