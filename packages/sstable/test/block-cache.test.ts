import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BlockCache } from '../src/index.ts';

class Owner {
  slots: Int32Array;
  constructor(blocks: number) {
    this.slots = new Int32Array(blocks).fill(-1);
  }
}

/** Block n of an owner is `length` bytes of n. */
function place(block: number, length: number): { bytes: Uint8Array; start: number; end: number } {
  return { bytes: new Uint8Array(length + 2).fill(block), start: 1, end: length + 1 };
}

function cached(owner: Owner): number[] {
  return [...owner.slots.keys()].filter((block) => owner.slots[block] >= 0);
}

describe('a block cache', () => {
  it('keeps what it is given, within its budget, whatever happens', () => {
    const anyStep = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({
          step: fc.constant('read' as const),
          owner: fc.nat(2),
          block: fc.nat(30),
          length: fc.constantFrom(1, 100, 512, 513, 900, 2500),
        }),
      },
      { weight: 2, arbitrary: fc.record({ step: fc.constant('pin' as const), owner: fc.nat(2), block: fc.nat(30) }) },
      { weight: 2, arbitrary: fc.record({ step: fc.constant('unpin' as const) }) },
      { weight: 1, arbitrary: fc.record({ step: fc.constant('retire' as const), owner: fc.nat(2) }) },
    );
    fc.assert(
      fc.property(fc.constantFrom(0, 512, 1500, 5000, 20_000), fc.array(anyStep, { maxLength: 200 }), (bytes, steps) => {
        const cache = new BlockCache({ bytes, slotBytes: 512 });
        const owners = [0, 1, 2].map(() => new Owner(31));
        const pins: { owner: Owner; block: number; id: number; retired: boolean }[] = [];
        for (const step of steps) {
          if (step.step === 'read') {
            const owner = owners[step.owner];
            if (owner.slots[step.block] < 0) cache.insert(owner, step.block, place(step.block, step.length));
            else cache.replacement.uses[owner.slots[step.block]]++;
          } else if (step.step === 'pin') {
            const owner = owners[step.owner];
            const id = owner.slots[step.block];
            if (id < 0) continue;
            cache.pin(id);
            pins.push({ owner, block: step.block, id, retired: false });
          } else if (step.step === 'unpin') {
            const pin = pins.shift();
            if (pin !== undefined) cache.unpin(pin.id);
          } else {
            cache.dropAll(owners[step.owner]);
            for (const pin of pins) if (pin.owner === owners[step.owner]) pin.retired = true;
          }
          for (const owner of owners) {
            for (const block of cached(owner)) {
              const { bytes: copy } = cache.copyOf(owner.slots[block]);
              expect(copy.every((byte) => byte === block)).toBe(true);
            }
          }
          for (const pin of pins) {
            if (!pin.retired) expect(pin.owner.slots[pin.block]).toBe(pin.id);
            expect(cache.copyOf(pin.id).bytes.every((byte) => byte === pin.block)).toBe(true);
          }
          const { blocks, usedBytes, capacityBytes } = cache.stats;
          expect(blocks).toBe(owners.reduce((sum, owner) => sum + cached(owner).length, 0));
          expect(usedBytes).toBeLessThanOrEqual(capacityBytes);
        }
        for (const { id } of pins) cache.unpin(id);
        expect(cache.stats.pinned).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  it('holds one block when it has room for one', () => {
    const cache = new BlockCache({ bytes: 1, slotBytes: 4096 });
    const owner = new Owner(3);
    expect(cache.insert(owner, 0, place(0, 4096))).toBe(0);
    expect(cache.insert(owner, 1, place(1, 10))).toBe(0);
    expect(cached(owner)).toEqual([1]);
    cache.pin(0);
    expect(cache.insert(owner, 2, place(2, 10))).toBe(-1);
    cache.unpin(0);
    expect(cache.insert(owner, 2, place(2, 10))).toBe(0);
  });

  it('takes memory little by little', () => {
    const cache = new BlockCache({ bytes: 64 * 1024 * 1024, slotBytes: 4096 });
    expect(cache.stats.usedBytes).toBe(0);
    cache.insert(new Owner(1), 0, place(0, 4096));
    expect(cache.stats.usedBytes).toBeLessThanOrEqual(4 * 1024 * 1024);
  });

  it('keeps what is used over and over through a scan', () => {
    const cache = new BlockCache({ bytes: 100 * 512, slotBytes: 512 });
    const hot = new Owner(50);
    const scanned = new Owner(10_000);
    const touch = (owner: Owner, block: number): void => {
      if (owner.slots[block] < 0) cache.insert(owner, block, place(block, 512));
      else cache.replacement.uses[owner.slots[block]] = Math.min(3, cache.replacement.uses[owner.slots[block]] + 1);
    };
    for (let round = 0; round < 3; round++) for (let block = 0; block < 50; block++) touch(hot, block);
    for (let block = 0; block < 10_000; block++) touch(scanned, block);
    expect(cached(hot).length).toBeGreaterThanOrEqual(45);
  });

  it('takes a block that comes back soon for one that is wanted', () => {
    const cache = new BlockCache({ bytes: 20 * 512, slotBytes: 512 });
    const owner = new Owner(200);
    const read = (block: number): void => {
      if (owner.slots[block] < 0) cache.insert(owner, block, place(block, 512));
    };
    for (let block = 0; block < 21; block++) read(block);
    const ghost = [...owner.slots.keys()].find((block) => owner.slots[block] <= -2) as number;
    read(ghost);
    for (let block = 100; block < 200; block++) read(block);
    expect(owner.slots[ghost]).toBeGreaterThanOrEqual(0);
  });

  it('gives slots back for blocks apart, and the other way round', () => {
    const cache = new BlockCache({ bytes: 4 * 1024 * 1024, slotBytes: 4096 });
    const small = new Owner(2000);
    const long = new Owner(20);
    for (let block = 0; block < 2000; block++) cache.insert(small, block, place(block & 0xff, 4096));
    expect(cached(small)).toHaveLength(1024);
    for (let block = 0; block < 20; block++) expect(cache.insert(long, block, place(block, 700_000))).toBeGreaterThanOrEqual(0);
    expect(cached(long).length).toBeGreaterThanOrEqual(3);
    expect(cache.stats.usedBytes).toBeLessThanOrEqual(4 * 1024 * 1024);
    expect(cache.insert(long, 0, place(0, 3 * 1024 * 1024))).toBe(-1);
    for (let block = 0; block < 2000; block++) if (small.slots[block] < 0) cache.insert(small, block, place(block & 0xff, 4096));
    expect(cached(small).length).toBeGreaterThan(600);
  });
});
