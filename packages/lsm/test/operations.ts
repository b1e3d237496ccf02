/** Random operations on a store and its twin, as plain data that fast-check can shrink. */
import { compareBytes } from '@coterie/bytes';
import fc from 'fast-check';
import type { Snapshot, Store, StoreOptions } from '../src/index.ts';
import { show, Twin } from './twin.ts';

export type Step =
  | { readonly do: 'put' | 'putSync'; readonly key: string; readonly value: string; readonly durable: boolean }
  | { readonly do: 'delete'; readonly key: string }
  | { readonly do: 'deleteRange'; readonly from: string; readonly to: string }
  | { readonly do: 'batch'; readonly parts: readonly (readonly ['put' | 'delete' | 'range', string, string])[]; readonly sync: boolean }
  | { readonly do: 'get' | 'getSync'; readonly key: string }
  | { readonly do: 'getMany'; readonly keys: readonly string[]; readonly sync: boolean }
  | { readonly do: 'scan'; readonly from: string; readonly limit: number }
  | {
      readonly do: 'range';
      readonly from: string;
      readonly to: string;
      readonly open: boolean;
      readonly reverse: boolean;
      readonly limit: number;
    }
  | { readonly do: 'snapshot' | 'closeSnapshot' | 'checkSnapshot' | 'settle' | 'reopen' };

const key = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 40 }).map((n) => `k${String(n).padStart(2, '0')}`) },
  { weight: 2, arbitrary: fc.string({ unit: fc.constantFrom('\x00', 'a', 'k', '\xff'), minLength: 1, maxLength: 4 }) },
);
const value = fc.oneof(
  fc.string({ maxLength: 12 }).map(latin1),
  fc.integer({ min: 0, max: 900 }).map((n) => 'v'.repeat(n)),
);

function latin1(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

export const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 12, arbitrary: fc.record({ do: fc.constantFrom('put' as const, 'putSync' as const), key, value, durable: fc.boolean() }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('delete' as const), key }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('deleteRange' as const), from: key, to: key }) },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('batch' as const),
        parts: fc.array(fc.tuple(fc.constantFrom('put' as const, 'delete' as const, 'range' as const), key, key), { maxLength: 6 }),
        sync: fc.boolean(),
      }),
    },
    { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('get' as const, 'getSync' as const), key }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('getMany' as const), keys: fc.array(key, { maxLength: 5 }), sync: fc.boolean() }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('scan' as const), from: key, limit: fc.integer({ min: 0, max: 50 }) }) },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('range' as const),
        from: key,
        to: key,
        open: fc.boolean(),
        reverse: fc.boolean(),
        limit: fc.integer({ min: 0, max: 50 }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constantFrom('snapshot' as const, 'closeSnapshot' as const, 'settle' as const, 'reopen' as const) }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('checkSnapshot' as const) }) },
  ),
  { minLength: 1, maxLength: 120 },
);

/** Options from comfortable to absurd. */
export const storeOptions: fc.Arbitrary<StoreOptions> = fc.record({
  durable: fc.boolean(),
  writeBufferBytes: fc.constantFrom(1024, 2048, 16_384, 1_048_576),
  cacheBytes: fc.constantFrom(0, 1, 65_536, 8_388_608),
  blockBytes: fc.constantFrom(1, 64, 4096),
  tableBytes: fc.constantFrom(1024, 8192, 1_048_576),
  level0Tables: fc.constantFrom(1, 2, 12),
  level1Bytes: fc.constantFrom(1024, 65_536),
  tableHandles: fc.constantFrom(2, 3, 256),
  filterBitsPerKey: fc.constantFrom(0, 1, 10),
  compression: fc.constantFrom('none' as const, 'deflate' as const),
  reserveBytes: fc.constantFrom(0, 4096),
  logSegmentBytes: fc.constantFrom(65_536, 1_048_576),
});

export const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));

/** How a differing answer is told. */
export type Differ = (what: string, store: unknown, twin: unknown) => void;

/** A store with its twin. `open` opens the store again after a close. */
export class Pair {
  store: Store;
  readonly twin: Twin = new Twin();
  readonly #open: () => Promise<Store>;
  readonly #differ: Differ;
  #snapshots: { readonly snapshot: Snapshot; readonly twin: Twin }[] = [];

  constructor(store: Store, open: () => Promise<Store>, differ: Differ) {
    this.store = store;
    this.#open = open;
    this.#differ = differ;
  }

  async step(step: Step): Promise<void> {
    switch (step.do) {
      case 'put':
        this.twin.put(bytes(step.key), bytes(step.value));
        return this.store.put(bytes(step.key), bytes(step.value), { durable: step.durable });
      case 'putSync':
        this.twin.put(bytes(step.key), bytes(step.value));
        return this.store.putSync(bytes(step.key), bytes(step.value), { durable: step.durable });
      case 'delete':
        this.twin.delete(bytes(step.key));
        return this.store.delete(bytes(step.key));
      case 'deleteRange':
        this.twin.deleteRange(bytes(step.from), bytes(step.to));
        return this.store.deleteRange(bytes(step.from), bytes(step.to));
      case 'batch':
        return this.#batch(step);
      default:
        return this.#check(step);
    }
  }

  async #batch(step: Step & { do: 'batch' }): Promise<void> {
    const batch = this.store.batch();
    for (const [what, first, second] of step.parts) {
      if (what === 'put') {
        batch.put(bytes(first), bytes(second));
        this.twin.put(bytes(first), bytes(second));
      } else if (what === 'delete') {
        batch.delete(bytes(first));
        this.twin.delete(bytes(first));
      } else {
        batch.deleteRange(bytes(first), bytes(second));
        this.twin.deleteRange(bytes(first), bytes(second));
      }
    }
    if (step.sync) batch.commitSync();
    else await batch.commit();
  }

  async #check(step: Step): Promise<void> {
    switch (step.do) {
      case 'get':
        return this.#differ(`get ${step.key}`, await this.store.get(bytes(step.key)), this.twin.get(bytes(step.key)));
      case 'getSync':
        return this.#differ(`getSync ${step.key}`, this.store.getSync(bytes(step.key)), this.twin.get(bytes(step.key)));
      case 'getMany': {
        const keys = step.keys.map(bytes);
        const found = step.sync ? this.store.getManySync(keys) : await this.store.getMany(keys);
        return this.#differ(
          'getMany',
          found,
          keys.map((one) => this.twin.get(one)),
        );
      }
      case 'scan':
        return this.#scan(step);
      case 'range':
        return this.#range(step);
      default:
        return this.#life(step);
    }
  }

  #scan(step: Step & { do: 'scan' }): void {
    const found: [Uint8Array, Uint8Array][] = [];
    const count = this.store.scanSync(bytes(step.from), step.limit, (k, v) => found.push([k, v]));
    const expected = this.twin
      .entries()
      .filter(([k]) => compareBytes(k, bytes(step.from)) >= 0)
      .slice(0, step.limit);
    this.#differ(`scan from ${step.from}`, show(found), show(expected));
    this.#differ('scan count', count, expected.length);
  }

  async #range(step: Step & { do: 'range' }): Promise<void> {
    const [from, to] = [bytes(step.from), bytes(step.to)];
    const bounds = step.open ? { gt: from, lte: to } : { gte: from, lt: to };
    const found: [Uint8Array, Uint8Array][] = [];
    for await (const entry of this.store.range({ ...bounds, reverse: step.reverse, limit: step.limit })) found.push(entry);
    const inside = this.twin.entries().filter(([k]) => {
      const [low, high] = [compareBytes(k, from), compareBytes(k, to)];
      return step.open ? low > 0 && high <= 0 : low >= 0 && high < 0;
    });
    if (step.reverse) inside.reverse();
    this.#differ(`range ${JSON.stringify(step)}`, show(found), show(inside.slice(0, step.limit)));
  }

  async #life(step: Step): Promise<void> {
    switch (step.do) {
      case 'snapshot':
        if (this.#snapshots.length < 4) this.#snapshots.push({ snapshot: this.store.snapshot(), twin: this.twin.copy() });
        return;
      case 'closeSnapshot':
        return this.#snapshots.shift()?.snapshot.close();
      case 'checkSnapshot':
        return this.#checkSnapshots();
      case 'settle':
        return this.store.settle();
      case 'reopen':
        for (const { snapshot } of this.#snapshots) snapshot.close();
        this.#snapshots = [];
        await this.store.close();
        this.store = await this.#open();
        return this.checkAll();
      default:
        throw new Error(`no such step: ${JSON.stringify(step)}`);
    }
  }

  async #checkSnapshots(): Promise<void> {
    for (const { snapshot, twin } of this.#snapshots) {
      const found: [Uint8Array, Uint8Array][] = [];
      for await (const entry of snapshot.range()) found.push(entry);
      this.#differ('snapshot', show(found), show(twin.entries()));
      for (const [k, v] of twin.entries().slice(0, 3)) this.#differ('snapshot get', snapshot.getSync(k), v);
    }
  }

  /** Compares everything, both ways and by point reads. */
  async checkAll(): Promise<void> {
    const expected = this.twin.entries();
    const scanned: [Uint8Array, Uint8Array][] = [];
    this.store.scanSync(undefined, Number.POSITIVE_INFINITY, (k, v) => scanned.push([k, v]));
    this.#differ('full scan', show(scanned), show(expected));
    const reversed: [Uint8Array, Uint8Array][] = [];
    for await (const entry of this.store.range({ reverse: true })) reversed.push(entry);
    this.#differ('reverse range', show(reversed), show(expected.toReversed()));
    for (const [k, v] of expected) this.#differ('point read', this.store.getSync(k), v);
  }
}
