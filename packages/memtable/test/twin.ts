/** The dumb twin of a memtable: a sorted array, searched from end to end. */
import { compareBytes, maxSequence } from '@coterie/bytes';

export interface TwinEntry {
  key: Uint8Array;
  sequence: number;
  type: number;
  value: Uint8Array;
}

export function compareEntries(a: TwinEntry, b: TwinEntry): number {
  return compareBytes(a.key, b.key) || b.sequence - a.sequence;
}

export class Twin {
  readonly entries: TwinEntry[] = [];

  add(entry: TwinEntry): void {
    const at = this.entries.findIndex((other) => compareEntries(other, entry) > 0);
    this.entries.splice(at < 0 ? this.entries.length : at, 0, entry);
  }

  find(key: Uint8Array, sequence: number): TwinEntry | undefined {
    return this.entries.find((entry) => compareBytes(entry.key, key) === 0 && entry.sequence <= sequence);
  }

  seek(key: Uint8Array, sequence: number = maxSequence): TwinEntry | undefined {
    return this.entries.find(
      (entry) => compareBytes(entry.key, key) > 0 || (compareBytes(entry.key, key) === 0 && entry.sequence <= sequence),
    );
  }

  seekBefore(key: Uint8Array): TwinEntry | undefined {
    return this.entries.findLast((entry) => compareBytes(entry.key, key) < 0);
  }

  after(entry: TwinEntry): TwinEntry | undefined {
    return this.entries.find((other) => compareEntries(other, entry) > 0);
  }

  before(entry: TwinEntry): TwinEntry | undefined {
    return this.entries.findLast((other) => compareEntries(other, entry) < 0);
  }
}
