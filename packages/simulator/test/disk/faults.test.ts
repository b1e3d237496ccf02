import { isCoterieError } from '@coterie/env';
import type { FileHandle } from '@coterie/env';
import { beforeEach, describe, expect, test } from 'vitest';
import { createSimulation } from '../../src/index.ts';
import type { DiskOperation, Simulation } from '../../src/index.ts';

let simulation: Simulation;
let handle: FileHandle;

beforeEach(() => {
  simulation = createSimulation({ seed: 3 });
  simulation.environment.files.makeDirectorySync('/d');
  handle = simulation.environment.files.openSync('/d/a', 'create');
});

function failure(work: () => unknown): { code: string; osCode: string | undefined } {
  try {
    work();
  } catch (error) {
    if (isCoterieError(error)) return { code: error.code, osCode: error.details.osCode };
    throw error;
  }
  throw new Error('it did not fail');
}

const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(9);

describe('a plan', () => {
  test('sees every operation of both forms in one numbered stream', async () => {
    const seen: DiskOperation[] = [];
    const { disk, environment } = simulation;
    const first = disk.operationCount;
    disk.setFault((operation) => void seen.push(operation));
    handle.writeSync(bytes(3), 0, 3, 5);
    await simulation.run(() => handle.read(bytes(4), 0, 4, 0));
    environment.files.renameSync('/d/a', '/d/b');
    expect(seen).toMatchObject([
      { index: first, kind: 'write', path: '/d/a', position: 5, length: 3 },
      { index: first + 1, kind: 'read', path: '/d/a', position: 0, length: 4, mutation: undefined },
      { index: first + 2, kind: 'rename', path: '/d/a', to: '/d/b' },
    ]);
    expect(seen[2].mutation).toBe((seen[0].mutation ?? NaN) + 1);
    expect(disk.operationCount).toBe(first + 3);
  });

  test('fails an operation before it has any effect', () => {
    simulation.disk.setFault(({ kind }) => (kind === 'rename' ? { error: 'EIO' } : undefined));
    expect(failure(() => simulation.environment.files.renameSync('/d/a', '/d/b'))).toEqual({ code: 'DISK_IO', osCode: 'EIO' });
    expect(simulation.disk.paths()).toEqual(['/d/a']);
    simulation.disk.setFault(undefined);
    simulation.environment.files.renameSync('/d/a', '/d/b');
    expect(simulation.disk.paths()).toEqual(['/d/b']);
  });

  test('cuts a write short', () => {
    simulation.disk.failNext('write', { shortWriteBytes: 2 });
    expect(failure(() => handle.writeSync(bytes(5), 0, 5, 0))).toEqual({ code: 'DISK_FULL', osCode: 'ENOSPC' });
    expect(handle.sizeSync()).toBe(2);
    simulation.disk.failNext('write', { shortWriteBytes: 3, error: 'EIO' });
    expect(failure(() => handle.writeSync(bytes(5), 0, 5, 0))).toEqual({ code: 'DISK_IO', osCode: 'EIO' });
    expect(handle.sizeSync()).toBe(3);
  });

  test('delays operations in virtual time, async ones without stopping others', async () => {
    const { clock } = simulation.environment;
    simulation.disk.failNext('write', { delayMs: 500 });
    const before = clock.monotonic();
    handle.writeSync(bytes(1), 0, 1, 0);
    expect(clock.monotonic() - before).toBeGreaterThan(500);
    simulation.disk.failNext('sync', { delayMs: 700 });
    const order: string[] = [];
    await simulation.run(async () => {
      await Promise.all([handle.sync().then(() => order.push('sync')), handle.read(bytes(1), 0, 1, 0).then(() => order.push('read'))]);
    });
    expect(order).toEqual(['read', 'sync']);
  });

  test('can clone the disk before each operation: every crash point in one run', () => {
    const clones: { disk: Simulation['disk']; written: number }[] = [];
    let written = 0;
    simulation.environment.files.syncDirectorySync('/d');
    simulation.disk.setFault(() => void clones.push({ disk: simulation.disk.clone(), written }));
    for (let i = 0; i < 20; i++) {
      handle.writeSync(bytes(100), 0, 100, i * 100);
      handle.syncSync();
      written += 100;
    }
    expect(clones).toHaveLength(40);
    for (const { disk, written: synced } of clones) {
      disk.restart();
      expect(disk.contents('/d/a').subarray(0, synced)).toEqual(bytes(synced));
    }
  });
});

describe('limits', () => {
  test('a full disk takes what fits, then DISK_FULL; removing makes room', () => {
    const { disk, environment } = simulation;
    disk.capacityBytes = 3 * 4096;
    expect(failure(() => handle.writeSync(bytes(20_000), 0, 20_000, 100))).toEqual({ code: 'DISK_FULL', osCode: 'ENOSPC' });
    expect(handle.sizeSync()).toBe(3 * 4096);
    expect(environment.files.freeBytesSync('/d')).toBe(0);
    handle.writeSync(bytes(4096), 0, 4096, 4096);
    const other = environment.files.openSync('/d/b', 'create');
    expect(failure(() => other.writeSync(bytes(1), 0, 1, 0)).code).toBe('DISK_FULL');
    environment.files.removeSync('/d/a');
    expect(environment.files.freeBytesSync('/d')).toBe(0);
    handle.closeSync();
    expect(environment.files.freeBytesSync('/d')).toBe(3 * 4096);
    other.writeSync(bytes(1), 0, 1, 0);
    expect(environment.files.freeBytesSync('/d')).toBe(2 * 4096);
  });

  test('a hole takes no space, and cutting gives it back', () => {
    const { disk } = simulation;
    disk.capacityBytes = 2 * 4096;
    handle.truncateSync(1_000_000);
    handle.writeSync(bytes(10), 0, 10, 500_000);
    expect(disk.freeBytes).toBe(4096);
    handle.truncateSync(0);
    expect(disk.freeBytes).toBe(2 * 4096);
  });

  test('space is counted anew after a crash', () => {
    const { disk, environment } = simulation;
    disk.capacityBytes = 10 * 4096;
    environment.files.syncDirectorySync('/d');
    environment.files.linkSync('/d/a', '/d/b');
    environment.files.syncDirectorySync('/d');
    handle.writeSync(bytes(5000), 0, 5000, 0);
    handle.syncSync();
    environment.files.openSync('/d/lost', 'create').writeSync(bytes(4096), 0, 4096, 0);
    const left = Array.from({ length: 20 }, (_, seed) => {
      const copy = disk.clone();
      copy.restart(seed);
      return copy.freeBytes - (copy.paths().includes('/d/lost') ? 10 - 3 : 10 - 2) * 4096;
    });
    // A lost name takes its file's space along; a kept one may have lost its bytes.
    for (const difference of left) expect([0, 4096]).toContain(difference);
  });

  test('a read-only disk refuses every change and serves every read', () => {
    const { disk, environment } = simulation;
    const { files } = environment;
    handle.writeSync(bytes(4), 0, 4, 0);
    disk.readOnly = true;
    const changes = [
      () => handle.writeSync(bytes(1), 0, 1, 0),
      () => handle.syncSync(),
      () => handle.truncateSync(0),
      () => files.openSync('/d/b', 'create'),
      () => files.openSync('/d/a', 'update'),
      () => files.renameSync('/d/a', '/d/b'),
      () => files.removeSync('/d/a'),
      () => files.linkSync('/d/a', '/d/b'),
      () => files.makeDirectorySync('/e'),
      () => files.lockSync('/d'),
    ];
    for (const change of changes) expect(failure(change)).toEqual({ code: 'DISK_IO', osCode: 'EROFS' });
    const reader = files.openSync('/d/a', 'read');
    expect(reader.readSync(bytes(4), 0, 4, 0)).toBe(4);
    reader.closeSync();
    handle.closeSync();
    expect(files.listSync('/d')).toEqual(['a']);
  });

  test('handles are bounded', async () => {
    const { disk, environment } = simulation;
    disk.maxOpen = 2;
    const second = environment.files.openSync('/d/a', 'read');
    expect(failure(() => environment.files.openSync('/d/a', 'read'))).toEqual({ code: 'DISK_IO', osCode: 'EMFILE' });
    await simulation.run(() => second.close());
    environment.files.openSync('/d/a', 'read').closeSync();
    disk.restart();
    expect(disk.openHandles).toBe(0);
  });

  test('a flipped bit is flipped now, after a sync, and after a crash', () => {
    handle.writeSync(bytes(3), 0, 3, 0);
    simulation.environment.files.syncDirectorySync('/d');
    simulation.disk.flipBit('/d/a', 1, 2);
    expect([...simulation.disk.contents('/d/a')]).toEqual([9, 13, 9]);
    handle.syncSync();
    simulation.disk.restart(4);
    expect([...simulation.disk.contents('/d/a')]).toEqual([9, 13, 9]);
    expect(() => simulation.disk.flipBit('/d/a', 3, 0)).toThrow(RangeError);
  });
});

describe('what lies under a path', () => {
  test('is lost for good while nobody uses the disk, with what was pending there', () => {
    const { disk, environment } = simulation;
    const { files } = environment;
    files.makeDirectorySync('/e');
    files.makeDirectorySync('/e/deep');
    for (const path of ['/e/kept', '/d/gone']) files.openSync(path, 'create').closeSync();
    files.openSync('/e/deep/gone', 'create').closeSync();
    files.linkSync('/d/gone', '/e/linked');
    expect(() => disk.erase('/d')).toThrow('in use');
    disk.kill();
    const { usedBlocks } = disk;
    disk.erase('/d');
    disk.erase('/e/deep');
    disk.erase('/nothing');
    expect(disk.paths()).toEqual(['/e/kept', '/e/linked']);
    expect(disk.usedBlocks).toBeLessThanOrEqual(usedBlocks);
    disk.restart();
    disk.crash(1);
    disk.restart();
    expect(disk.paths().filter((path) => path.startsWith('/d') || path.startsWith('/e/deep'))).toEqual([]);
  });
});
