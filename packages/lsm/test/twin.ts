/** The dumb twin of a store: a sorted array of keys with values, copied whole for a snapshot. */
import { compareBytes } from '@coterie/bytes';

export type TwinEntry = [key: Uint8Array, value: Uint8Array];

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

export class Twin {
  readonly #values: Map<string, TwinEntry>;

  constructor(values: Iterable<[string, TwinEntry]> = []) {
    this.#values = new Map(values);
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#values.set(text(key), [key, value]);
  }

  delete(key: Uint8Array): void {
    this.#values.delete(text(key));
  }

  deleteRange(from: Uint8Array, to: Uint8Array): void {
    for (const [name, [key]] of this.#values) {
      if (compareBytes(key, from) >= 0 && compareBytes(key, to) < 0) this.#values.delete(name);
    }
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#values.get(text(key))?.[1];
  }

  entries(): TwinEntry[] {
    return [...this.#values.values()].sort((a, b) => compareBytes(a[0], b[0]));
  }

  copy(): Twin {
    return new Twin(this.#values);
  }
}

/** A readable form of entries, for comparisons whose failure can be read. */
export function show(entries: Iterable<readonly [Uint8Array, Uint8Array]>): string[] {
  return Array.from(entries, ([key, value]) => `${text(key)}=${text(value)}`);
}
