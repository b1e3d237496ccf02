/** A memtable and its twin, each with a cursor, taken through the same operations. */
import fc from 'fast-check';
import { expect } from 'vitest';
import { addEntry, current, findEntry, memtableOf } from './drive.ts';
import { Twin, type TwinEntry } from './twin.ts';

const piece = fc.constantFrom([0], [0xff], [0x61], [0x62], [0, 0, 0, 0], [0x61, 0x61, 0x61, 0x61], [0xff, 0xff, 0xff, 0xff]);
const key = fc.array(piece, { minLength: 1, maxLength: 5 }).map((pieces) => Uint8Array.from(pieces.flat()));
const value = fc.oneof(fc.uint8Array({ maxLength: 8 }), fc.uint8Array({ minLength: 90, maxLength: 130 }));

/** Any operation, on keys that often share prefixes. */
export const operation = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('add' as const),
      key,
      value,
      type: fc.constantFrom(0, 1),
      gap: fc.constantFrom(1, 1, 2 ** 33),
      surround: fc.constantFrom(0, 0, 1, 3),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('range' as const), from: key, to: key }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('find' as const), key, back: fc.nat(40) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('seek' as const), key, back: fc.option(fc.nat(40)) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('seekBefore' as const), key }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('next' as const) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('previous' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('ends' as const), last: fc.boolean() }) },
);

export type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

export class Pair {
  readonly table = memtableOf(64 * 1024);
  readonly twin = new Twin();
  readonly ranges: object[] = [];
  readonly #cursor = this.table.cursor();
  #at: TwinEntry | undefined;
  first = 0;
  sequence = 0;

  step(step: Operation): void {
    if (step.kind === 'add') this.#add(step);
    else if (step.kind === 'range') this.#addRange(step);
    else if (step.kind === 'find') this.#find(step);
    else this.#move(step);
    if (this.first === 0) this.first = this.sequence;
    expect(current(this.#cursor)).toEqual(this.#at);
  }

  #add(step: Extract<Operation, { kind: 'add' }>): void {
    this.sequence += step.gap;
    const entry = { key: step.key, value: step.value, type: step.type, sequence: this.sequence };
    addEntry(this.table, entry, step.surround);
    this.twin.add(entry);
  }

  #addRange(step: Extract<Operation, { kind: 'range' }>): void {
    const range = { from: step.from, to: step.to, sequence: ++this.sequence };
    this.ranges.push(range);
    this.table.addRangeDelete(range);
  }

  #find(step: Extract<Operation, { kind: 'find' }>): void {
    const sequence = this.sequence - step.back;
    expect(findEntry(this.table, step.key, sequence)).toEqual(this.twin.find(step.key, sequence));
  }

  #move(step: Exclude<Operation, { kind: 'add' | 'range' | 'find' }>): void {
    const cursor = this.#cursor;
    switch (step.kind) {
      case 'seek': {
        const sequence = step.back === null ? undefined : this.sequence - step.back;
        cursor.seek(step.key, sequence);
        this.#at = this.twin.seek(step.key, sequence);
        return;
      }
      case 'seekBefore':
        cursor.seekBefore(step.key);
        this.#at = this.twin.seekBefore(step.key);
        return;
      case 'next':
        cursor.next();
        this.#at = this.#at && this.twin.after(this.#at);
        return;
      case 'previous':
        cursor.previous();
        this.#at = this.#at && this.twin.before(this.#at);
        return;
      case 'ends':
        if (step.last) cursor.seekToLast();
        else cursor.seekToFirst();
        this.#at = this.twin.entries.at(step.last ? -1 : 0);
    }
  }
}
