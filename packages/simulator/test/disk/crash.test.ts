import { describe, expect, test } from 'vitest';
import { CrashError, createSimulation } from '../../src/index.ts';
import type { SimulatedDisk, Simulation } from '../../src/index.ts';

const seeds = Array.from({ length: 300 }, (_, seed) => seed);

function start(): { simulation: Simulation; disk: SimulatedDisk } {
  const simulation = createSimulation({ seed: 1 });
  simulation.environment.files.makeDirectorySync('/d');
  return { simulation, disk: simulation.disk };
}

function write(simulation: Simulation, path: string, bytes: Uint8Array, how: 'synced' | 'unsynced'): void {
  const { files } = simulation.environment;
  const handle = files.openSync(path, files.existsSync(path) ? 'update' : 'create');
  handle.writeSync(bytes, 0, bytes.length, 0);
  if (how === 'synced') handle.syncSync();
  handle.closeSync();
}

/** What each seed leaves, as texts. */
function outcomes(disk: SimulatedDisk, look: (disk: SimulatedDisk) => string): Set<string> {
  return new Set(
    seeds.map((seed) => {
      const copy = disk.clone();
      copy.restart(seed);
      return look(copy);
    }),
  );
}

const names = (disk: SimulatedDisk): string => disk.paths().join(' ');

describe('names', () => {
  test('a synced file without a synced directory may lose its name', () => {
    const { simulation, disk } = start();
    write(simulation, '/d/a', Uint8Array.of(1), 'synced');
    expect(outcomes(disk, names)).toEqual(new Set(['', '/d/a']));
    simulation.environment.files.syncDirectorySync('/d');
    expect(outcomes(disk, names)).toEqual(new Set(['/d/a']));
  });

  test('unrelated names survive in any combination', () => {
    const { simulation, disk } = start();
    for (const name of ['a', 'b']) write(simulation, `/d/${name}`, new Uint8Array(0), 'unsynced');
    expect(outcomes(disk, names)).toEqual(new Set(['', '/d/a', '/d/b', '/d/a /d/b']));
  });

  test('a rename is whole: the old name or the new, never none or both', () => {
    const { simulation, disk } = start();
    const { files } = simulation.environment;
    write(simulation, '/d/new', Uint8Array.of(2), 'synced');
    write(simulation, '/d/current', Uint8Array.of(1), 'synced');
    files.syncDirectorySync('/d');
    files.renameSync('/d/new', '/d/current');
    const look = (copy: SimulatedDisk): string => `${names(copy)} = ${copy.contents('/d/current').join()}`;
    expect(outcomes(disk, look)).toEqual(new Set(['/d/current /d/new = 1', '/d/current = 2']));
    files.syncDirectorySync('/d');
    expect(outcomes(disk, look)).toEqual(new Set(['/d/current = 2']));
  });

  test('a chain of renames is cut at one place: one name, always', () => {
    const { simulation, disk } = start();
    const { files } = simulation.environment;
    write(simulation, '/d/a', new Uint8Array(0), 'synced');
    files.syncDirectorySync('/d');
    files.renameSync('/d/a', '/d/b');
    files.renameSync('/d/b', '/d/c');
    expect(outcomes(disk, names)).toEqual(new Set(['/d/a', '/d/b', '/d/c']));
  });

  test('a rename across directories is made durable by either', () => {
    for (const synced of ['/d', '/e']) {
      const { simulation, disk } = start();
      const { files } = simulation.environment;
      files.makeDirectorySync('/e');
      write(simulation, '/d/a', new Uint8Array(0), 'unsynced');
      files.renameSync('/d/a', '/e/a');
      files.syncDirectorySync(synced);
      expect(outcomes(disk, names)).toEqual(new Set(['/e/a']));
    }
  });

  test('a removed file may come back until the directory is synced, with its bytes', () => {
    const { simulation, disk } = start();
    const { files } = simulation.environment;
    write(simulation, '/d/a', Uint8Array.of(7), 'synced');
    files.syncDirectorySync('/d');
    files.removeSync('/d/a');
    const look = (copy: SimulatedDisk): string =>
      copy
        .paths()
        .map((path) => `${path}=${copy.contents(path).join()}`)
        .join();
    expect(outcomes(disk, look)).toEqual(new Set(['', '/d/a=7']));
    files.syncDirectorySync('/d');
    expect(outcomes(disk, look)).toEqual(new Set(['']));
  });

  test('made directories are durable at once, with their parents', () => {
    const { simulation, disk } = start();
    simulation.environment.files.makeDirectorySync('/x/y/z');
    for (const seed of seeds) {
      const life = createSimulation({ seed, disk: disk.clone() });
      expect(life.environment.files.listSync('/x/y')).toEqual(['z']);
    }
  });
});

describe('bytes', () => {
  test('an unsynced overwrite leaves old, new, and torn sectors in between', () => {
    const { simulation, disk } = start();
    write(simulation, '/d/a', new Uint8Array(2048).fill(1), 'synced');
    simulation.environment.files.syncDirectorySync('/d');
    write(simulation, '/d/a', new Uint8Array(2048).fill(2), 'unsynced');
    const kinds = (copy: SimulatedDisk): string => {
      const bytes = copy.contents('/d/a');
      return [0, 512, 1024, 1536].map((at) => kindOf(bytes.subarray(at, at + 512))).join('');
    };
    const seen = outcomes(disk, kinds);
    expect(seen.has('1111')).toBe(true);
    expect(seen.has('2222')).toBe(true);
    expect([...seen].some((kind) => /^1.*2/.test(kind))).toBe(true);
    expect([...seen].some((kind) => /^2.*1/.test(kind))).toBe(true);
    expect([...seen].some((kind) => kind.includes('?'))).toBe(true);
  });

  test('an unsynced append may leave its length without its bytes', () => {
    const { simulation, disk } = start();
    write(simulation, '/d/a', new Uint8Array(2000).fill(3), 'unsynced');
    simulation.environment.files.syncDirectorySync('/d');
    const seen = outcomes(disk, (copy) => copy.contents('/d/a').join());
    expect(seen.has('')).toBe(true);
    expect(
      [...seen].some(
        (bytes) =>
          bytes
            .split(',')
            .slice(0, 512)
            .every((byte) => byte === '0') && bytes.split(',').length > 512,
      ),
    ).toBe(true);
  });

  test('a failed sync loses for good what it should have written, though it can still be read', () => {
    const { simulation, disk } = start();
    const { files } = simulation.environment;
    write(simulation, '/d/a', Uint8Array.of(1, 1), 'synced');
    files.syncDirectorySync('/d');
    const handle = files.openSync('/d/a', 'update');
    handle.writeSync(Uint8Array.of(2), 0, 1, 0);
    disk.failNext('sync', { error: 'EIO' });
    expect(() => handle.syncSync()).toThrow('EIO');
    expect([...disk.contents('/d/a')]).toEqual([2, 1]);
    handle.writeSync(Uint8Array.of(3), 0, 1, 1);
    handle.syncSync();
    expect(outcomes(disk, (copy) => copy.contents('/d/a').join())).toEqual(new Set(['1,3']));
  });
});

function kindOf(sector: Uint8Array): string {
  const first = sector[0];
  return sector.every((byte) => byte === first) && (first === 1 || first === 2) ? String(first) : '?';
}

describe('the life of a process', () => {
  test('power can fail at any operation: it has effect, part of it, or none, and nothing after it has', async () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 60; seed++) {
      const simulation = createSimulation({ seed });
      const { disk, environment } = simulation;
      environment.files.makeDirectorySync('/d');
      const handle = environment.files.openSync('/d/a', 'create');
      environment.files.syncDirectorySync('/d');
      disk.crashAtMutation(disk.mutationCount);
      expect(() => handle.writeSync(Uint8Array.of(5, 6, 7), 0, 3, 0)).toThrow(CrashError);
      expect(disk.isDown).toBe(true);
      expect(() => handle.readSync(new Uint8Array(1), 0, 1, 0)).toThrow(CrashError);
      expect(() => environment.files.listSync('/d')).toThrow(CrashError);
      seen.add(disk.contents('/d/a').join());
    }
    expect(seen).toEqual(new Set(['', '5', '5,6', '5,6,7']));
  });

  test('a run ends with the power; what was in flight never happens and never answers', async () => {
    const { simulation, disk } = start();
    const { files, timers } = simulation.environment;
    const handle = files.openSync('/d/a', 'create');
    let answers = 0;
    const work = async (): Promise<void> => {
      const writes = [0, 1, 2, 3].map((i) => handle.write(Uint8Array.of(i), 0, 1, i).then(() => answers++));
      timers.after(1000, () => answers++);
      await Promise.all(writes);
    };
    disk.crashAt(disk.operationCount + 2);
    await expect(simulation.run(work)).rejects.toThrow(CrashError);
    expect(answers).toBe(2);
    disk.restart(1);
    await simulation.advance(5000);
    expect(answers).toBe(2);
  });

  test('the next life has a world of its own; the old one stays dead', async () => {
    const { simulation, disk } = start();
    const old = simulation.environment;
    old.files.lockSync('/d');
    old.files.syncDirectorySync('/d');
    disk.restart();
    const { files } = simulation.environment;
    expect(files).not.toBe(old.files);
    expect(() => old.files.listSync('/d')).toThrow('take simulation.environment again');
    files.lockSync('/d').releaseSync();
    await expect(simulation.run(old.files.list('/d'))).rejects.toThrow('asked of a life that had ended');
  });

  test('a disk serves one simulation after another', () => {
    const { simulation, disk } = start();
    write(simulation, '/d/a', Uint8Array.of(1), 'synced');
    simulation.environment.files.syncDirectorySync('/d');
    const lock = simulation.environment.files.lockSync('/d');
    const next = createSimulation({ seed: 9, disk: disk.clone() });
    expect(next.disk.isDown).toBe(false);
    expect([...next.disk.contents('/d/a')]).toEqual([1]);
    next.environment.files.lockSync('/d').releaseSync();
    lock.releaseSync();
  });
});
