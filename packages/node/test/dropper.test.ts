/** How a dropped bucket is cleared: page after page, each beginning where the last one ended, at rest as long as at work. */
import { compareBytes } from '@coterie/bytes';
import { createSimulation } from '@coterie/simulator';
import { describe, expect, it } from 'vitest';
import { Dropper } from '../src/buckets/dropper.ts';
import { addressOf, indexKey, space } from '../src/store/layout.ts';
import type { Store, StoreBatch, StoreRange } from '../src/store/store.ts';
import { MemoryDisk } from './memory-store.ts';

const count = 2000;
const nameBytes = new TextEncoder().encode('b');
const scopeOf = (key: string) => ({ bucket: 'b', bucketBytes: nameBytes, generation: 1, key: new TextEncoder().encode(key) });

/** A store with a bucket's objects and index, that tells where scans begin and what range deletes cover. */
async function filled(): Promise<{ disk: MemoryDisk; store: Store; scans: Uint8Array[]; ranges: [Uint8Array, Uint8Array][] }> {
  const disk = new MemoryDisk();
  const inner = await disk.open('/data', { environment: createSimulation({ seed: 1 }).environment, durable: true });
  const put = (key: Uint8Array): unknown => disk.entries.set(Buffer.from(key).toString('latin1'), new Uint8Array(1));
  for (let at = 0; at < count; at++) {
    put(addressOf(scopeOf(`k${at}`)).objectKey);
    put(indexKey(scopeOf(`k${at}`)));
  }
  const [scans, ranges]: [Uint8Array[], [Uint8Array, Uint8Array][]] = [[], []];
  const store: Store = {
    get: (key) => inner.get(key),
    range: (range: StoreRange) => {
      scans.push(range.gte);
      return inner.range(range);
    },
    batch: (): StoreBatch => {
      const batch = inner.batch();
      return {
        put: (key, value) => batch.put(key, value),
        delete: (key) => batch.delete(key),
        deleteRange: (from, to) => {
          ranges.push([from, to]);
          batch.deleteRange(from, to);
        },
        commit: (options) => batch.commit(options),
      };
    },
    close: () => inner.close(),
  };
  return { disk, store, scans, ranges };
}

const left = ({ entries }: MemoryDisk, kind: number): number => [...entries.keys()].filter((key) => key.charCodeAt(0) === kind).length;

describe('clearing a dropped bucket', () => {
  it('never walks over what it has deleted, and covers nothing twice', async () => {
    const simulation = createSimulation({ seed: 1 });
    const { disk, store, scans, ranges } = await filled();
    const dropper = new Dropper({ store, trees: { recordKey: () => Uint8Array.of(space.leaf) }, environment: simulation.environment });
    dropper.add({ nameBytes, generation: 1 });
    await simulation.run(dropper.idle());
    expect([left(disk, space.object), left(disk, space.index), dropper.pending]).toEqual([0, 0, 0]);
    const [first] = scans;
    const again = scans.findIndex((gte, at) => at > 0 && compareBytes(gte, first) === 0);
    for (let at = 1; at < again; at++) expect(compareBytes(scans[at - 1], scans[at])).toBeLessThan(0);
    for (let at = 1; at < ranges.length; at++) expect(compareBytes(ranges[at - 1][1], ranges[at][0])).toBeLessThanOrEqual(0);
    expect(scans.length - again).toBe(1);
  });

  it('takes what comes behind it, of a write that had begun', async () => {
    const simulation = createSimulation({ seed: 2 });
    const { disk, store, scans } = await filled();
    const late = scopeOf('a');
    const dropper = new Dropper({
      store,
      trees: {
        recordKey: () => {
          if (scans.length === 3)
            for (const key of [indexKey(late), addressOf(late).objectKey])
              disk.entries.set(Buffer.from(key).toString('latin1'), new Uint8Array(1));
          return Uint8Array.of(space.leaf);
        },
      },
      environment: simulation.environment,
    });
    dropper.add({ nameBytes, generation: 1 });
    await simulation.run(dropper.idle());
    expect([left(disk, space.object), left(disk, space.index)]).toEqual([0, 0]);
  });
});
