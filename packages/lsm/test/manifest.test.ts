/** The manifest alone: what is read back, and what a failure or a power cut at every one of its operations leaves. */
import { isCoterieError } from '@coterie/env';
import { CrashError, createSimulation, type DiskOperation, type SimulatedDisk } from '@coterie/simulator';
import { describe, expect, test } from 'vitest';
import { isFinal } from '../src/final.ts';
import { Manifest } from '../src/manifest.ts';
import { type ManifestState, readCurrent, readManifest } from '../src/manifest-format.ts';
import { tablesOf, type VersionEdit } from '../src/version.ts';
import { meta } from './meta.ts';

const edit = (number: number): VersionEdit => ({
  removed: number > 12 ? [number - 3] : [],
  added: [{ level: 0, table: meta(number, 1, 9) }],
  flushedSequence: number * 10,
  nextFileNumber: number + 1,
});
const whole = (number: number): VersionEdit & { readonly number: number } => ({
  ...edit(10),
  removed: [],
  number,
  nextFileNumber: number + 1,
});

async function read(disk: SimulatedDisk): Promise<ManifestState> {
  const simulation = createSimulation({ seed: 1, disk });
  const { files } = simulation.environment;
  return simulation.run(async () => readManifest(files, `/data/${await readCurrent(files, '/data')}`));
}

const numbersOf = (state: ManifestState): number[] =>
  tablesOf(state.version)
    .map((table) => table.number)
    .toSorted((a, b) => a - b);

/** Each step of a manifest's life, and the tables that it leads to. */
const steps: readonly { readonly name: string; readonly tables: readonly number[]; run(manifest: Manifest): void }[] = [
  { name: 'append', tables: [10, 11], run: (manifest) => manifest.append(edit(11)) },
  { name: 'sync', tables: [10, 11], run: (manifest) => manifest.syncSync() },
  { name: 'confirm', tables: [10, 11], run: (manifest) => manifest.confirm() },
  { name: 'append another', tables: [10, 11, 12], run: (manifest) => manifest.append(edit(12)) },
  { name: 'sync it', tables: [10, 11, 12], run: (manifest) => manifest.syncSync() },
  { name: 'replace', tables: [10], run: (manifest) => manifest.replace(whole(20)) },
  { name: 'append to the new one', tables: [10, 13], run: (manifest) => manifest.append({ ...edit(13), removed: [] }) },
  { name: 'sync that', tables: [10, 13], run: (manifest) => manifest.syncSync() },
  { name: 'close', tables: [10, 13], run: (manifest) => manifest.close() },
];

function begin(): { simulation: ReturnType<typeof createSimulation>; manifest: Manifest } {
  const simulation = createSimulation({ seed: 1 });
  simulation.environment.files.makeDirectorySync('/data');
  return { simulation, manifest: Manifest.create(simulation.environment.files, '/data', whole(1)) };
}

test('what was synced is read back, whole and in order, and the old file is gone', async () => {
  const { simulation, manifest } = begin();
  for (const { run } of steps) run(manifest);
  expect(simulation.disk.openHandles).toBe(0);
  expect(simulation.disk.paths()).toEqual(['/data/CURRENT', '/data/MANIFEST-000020']);
  const state = await read(simulation.disk);
  expect(numbersOf(state)).toEqual([10, 13]);
  expect(state).toMatchObject({ flushedSequence: 130, nextFileNumber: 14, tornBytes: 0 });
});

describe('a power cut at any operation', () => {
  test('leaves what was synced, or what came next', async () => {
    const moments: { disk: SimulatedDisk; synced: readonly number[]; step: string }[] = [];
    const { simulation, manifest } = begin();
    let [synced, step] = [[10] as readonly number[], ''];
    simulation.disk.setFault(() => void moments.push({ disk: simulation.disk.clone(), synced, step }));
    for (const one of steps) {
      step = one.name;
      one.run(manifest);
      if (/sync|replace/.test(one.name)) synced = one.tables;
    }
    expect(moments.length).toBeGreaterThan(15);
    for (const moment of moments) {
      const after = steps[steps.findIndex((one) => one.name === moment.step)].tables;
      for (let seed = 0; seed < 10; seed++) {
        const disk = moment.disk.clone();
        disk.restart(seed);
        const found = numbersOf(await read(disk));
        expect([moment.synced, after].map(String), `${moment.step}, seed ${seed}`).toContain(String(found));
      }
    }
  });
});

describe.each(['EIO', 'ENOSPC'] as const)('a failure of any operation (%s)', (error) => {
  test('is taken back, or ends the manifest for good; what was synced stays', async () => {
    const finals: string[] = [];
    for (let at = 0; ; at++) {
      const { simulation, manifest } = begin();
      let count = 0;
      let struck: DiskOperation | undefined;
      simulation.disk.setFault((operation) => {
        if (struck !== undefined || operation.kind === 'close' || count++ !== at) return undefined;
        struck = operation;
        return { error };
      });
      const ended = endure(manifest);
      if (struck === undefined) break;
      if (ended) finals.push(struck.kind);
      for (let seed = 0; seed < 3; seed++) {
        const disk = simulation.disk.clone();
        disk.restart(seed);
        const found = String(numbersOf(await read(disk)));
        const possible = steps.map((step) => String(step.tables));
        expect([...possible, '10', '10,11,12,13', '10,12', '10,12,13'], `${struck.kind} ${struck.path}`).toContain(found);
        if (!ended) expect(found.endsWith('13')).toBe(true);
      }
      manifest.close();
      expect(simulation.disk.openHandles, `${struck.kind} ${struck.path}`).toBe(0);
    }
    expect(new Set(finals)).toEqual(new Set(['sync', 'syncDirectory', 'rename']));
  });
});

/** Takes all steps, each twice if it failed and may be tried again; returns whether the manifest ended. */
function endure(manifest: Manifest): boolean {
  for (const { run } of steps.slice(0, -1)) {
    try {
      tryTwice(() => run(manifest));
    } catch (error) {
      if (error instanceof CrashError || !isCoterieError(error)) throw error;
      expect(isFinal(error), error.message).toBe(true);
      expect(() => manifest.append(edit(40))).toThrow(expect.objectContaining({ code: error.code }));
      expect(() => manifest.syncSync()).toThrow(expect.objectContaining({ code: error.code }));
      expect(() => manifest.replace(whole(50))).toThrow(expect.objectContaining({ code: error.code }));
      return true;
    }
  }
  return false;
}

function tryTwice(step: () => void): void {
  try {
    step();
  } catch (error) {
    if (isFinal(error)) throw error;
    step();
  }
}

test('a sync under way when the manifest is replaced says nothing of the new file', async () => {
  const { simulation, manifest } = begin();
  await simulation.run(async () => {
    manifest.append(edit(11));
    const syncing = manifest.sync();
    manifest.syncSync();
    manifest.replace(whole(20));
    await syncing;
    manifest.append({ ...edit(13), removed: [] });
  });
  const length = simulation.disk.contents('/data/MANIFEST-000020').length;
  for (let seed = 0; seed < 20; seed++) {
    const disk = simulation.disk.clone();
    disk.restart(seed);
    expect(disk.contents('/data/MANIFEST-000020').length).toBeLessThanOrEqual(length);
    expect(['10', '10,13']).toContain(String(numbersOf(await read(disk))));
  }
});
