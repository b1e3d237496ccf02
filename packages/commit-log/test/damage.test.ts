/** One flipped bit anywhere in a log never gives wrong data: `CORRUPTION` with file and offset, or a reported cut of what was never promised. */
import { isCoterieError } from '@coterie/env';
import type { LogFields } from '@coterie/env';
import { createSimulation } from '@coterie/simulator';
import type { SimulatedDisk } from '@coterie/simulator';
import { describe, expect, it } from 'vitest';
import { CommitLog } from '../src/index.ts';
import { commit, directory, openIn, Replay, stage } from './workload.ts';
import type { Entry } from './workload.ts';

const long = process.env['COTERIE_LONG'] === '1';

interface Written {
  readonly disk: SimulatedDisk;
  readonly entries: readonly Entry[];
  /** Records whose durability a later group or the end mark claims: their loss must be noticed. */
  readonly claimed: number;
}

/** What opening a damaged log led to. */
type Outcome =
  | { readonly kind: 'opened'; readonly sequences: number[]; readonly warnings: { event: string; fields: LogFields | undefined }[] }
  | { readonly kind: 'corrupt'; readonly file: string | undefined; readonly offset: number | undefined };

async function write(sizes: readonly number[], end: 'close' | 'kill'): Promise<Written> {
  const simulation = createSimulation({ seed: 3 });
  const { log } = await openIn(simulation);
  const entries: Entry[] = [];
  for (const bytes of sizes) {
    entries.push(stage(log, bytes));
    await simulation.run(commit(log, 'asyncDurable'));
  }
  const claimed = end === 'close' ? sizes.length : sizes.length - 1;
  if (end === 'close') await simulation.run(log.close());
  simulation.disk.powerCut();
  return { disk: simulation.disk, entries, claimed };
}

async function openDamaged(written: Written, damage: (disk: SimulatedDisk) => void): Promise<Outcome> {
  const disk = written.disk.clone();
  disk.restart(1);
  damage(disk);
  const warnings: { event: string; fields: LogFields | undefined }[] = [];
  const nothing = (): void => {};
  const log = {
    debug: nothing,
    info: nothing,
    error: nothing,
    warn: (event: string, fields?: LogFields) => void warnings.push({ event, fields }),
  };
  const simulation = createSimulation({ seed: 4, disk, log });
  const replay = new Replay();
  try {
    await simulation.run(CommitLog.open(directory, { environment: simulation.environment, segmentBytes: 65_536 }, replay.handler));
  } catch (error) {
    if (!isCoterieError(error, 'CORRUPTION')) throw error;
    return { kind: 'corrupt', file: error.details.file, offset: error.details.offset };
  }
  return { kind: 'opened', sequences: replay.entries.map(({ sequence }) => sequence), warnings };
}

/** Segment files of a disk, with their sizes. */
function segmentsOf(disk: SimulatedDisk): { path: string; bytes: number }[] {
  const paths = disk.paths().filter((path) => path.endsWith('.log'));
  return paths.map((path) => ({ path, bytes: disk.contents(path).length }));
}

async function expectHonest(written: Written, damage: (disk: SimulatedDisk) => void): Promise<Outcome['kind']> {
  const outcome = await openDamaged(written, damage);
  if (outcome.kind === 'corrupt') {
    expect(outcome.file).toMatch(/\.log$/);
    expect(outcome.offset).toBeGreaterThanOrEqual(0);
    return 'corrupt';
  }
  expect(outcome.sequences).toEqual(written.entries.slice(0, outcome.sequences.length).map(({ sequence }) => sequence));
  expect(outcome.sequences.length).toBeGreaterThanOrEqual(written.claimed);
  const lost = written.entries.length - outcome.sequences.length;
  if (lost > 0)
    expect(outcome.warnings).toContainEqual({
      event: 'log tail cut',
      fields: expect.objectContaining({ file: expect.any(String) }) as LogFields,
    });
  return 'opened';
}

describe.each(['close', 'kill'] as const)('one flipped bit in a small log (%s)', (end) => {
  it('at any byte is damage or a reported cut', async () => {
    const written = await write([10, 0, 200, 77], end);
    const [{ path, bytes }] = segmentsOf(written.disk);
    const used = Math.min(bytes, 520);
    const kinds = new Set<string>();
    for (let offset = long || end === 'kill' ? 0 : 1; offset < used; offset += long ? 1 : 2) {
      kinds.add(await expectHonest(written, (disk) => disk.flipBit(path, offset, offset % 8)));
    }
    expect(kinds).toEqual(new Set(['corrupt', 'opened']));
  });
});

describe.each(['close', 'kill'] as const)('one flipped bit in a log of several segments (%s)', (end) => {
  it('is damage or a reported cut', async () => {
    const written = await write([20_000, 30_000, 100, 40_000, 50_000, 10], end);
    const segments = segmentsOf(written.disk);
    expect(segments.length).toBeGreaterThan(2);
    for (const { path, bytes } of segments) {
      const places = long ? 200 : 12;
      const step = Math.max(1, Math.floor(bytes / places));
      const offsets = Array.from({ length: places }, (_, i) => [i * 5, i * step + (i % 3)]).flat();
      for (const offset of offsets.filter((one) => one < bytes))
        await expectHonest(written, (disk) => disk.flipBit(path, offset, offset % 8));
    }
  });

  it('names the damaged file and a place at or before the damage', async () => {
    const written = await write([20_000, 30_000, 100, 40_000, 50_000, 10], end);
    const [{ path }] = segmentsOf(written.disk);
    const outcome = await openDamaged(written, (disk) => disk.flipBit(path, 25_000, 0));
    expect(outcome).toMatchObject({ kind: 'corrupt', file: path });
    expect(outcome.kind === 'corrupt' && outcome.offset).toBeLessThanOrEqual(25_000);
  });
});

describe('a missing file', () => {
  it('in the midst of a log is damage', async () => {
    const written = await write([30_000, 40_000, 50_000, 60_000], 'close');
    const middle = segmentsOf(written.disk)[1].path;
    const simulation = createSimulation({ seed: 1, disk: written.disk.clone() });
    simulation.environment.files.removeSync(middle);
    await expect(openIn(simulation)).rejects.toMatchObject({ code: 'CORRUPTION' });
  });

  it('at the start is damage when startAfter says what must be there', async () => {
    const written = await write([30_000, 40_000, 50_000], 'close');
    const first = segmentsOf(written.disk)[0].path;
    const simulation = createSimulation({ seed: 1, disk: written.disk.clone() });
    simulation.environment.files.removeSync(first);
    await expect(openIn(simulation, { startAfter: 0 })).rejects.toMatchObject({ code: 'CORRUPTION' });
  });
});

describe('a cut tail', () => {
  it('is reported with file, offset and length, and only once', async () => {
    const lines: LogFields[] = [];
    const nothing = (): void => {};
    const warn = (_: string, fields: LogFields = {}): void => void lines.push(fields);
    const simulation = createSimulation({ seed: 9, log: { debug: nothing, info: nothing, error: nothing, warn } });
    const { log } = await openIn(simulation, { lock: false });
    for (const form of ['syncDurable', 'sync'] as const) {
      stage(log, 100);
      await commit(log, form);
    }
    const [{ path, bytes }] = log.segments();
    simulation.disk.flipBit(path, bytes - 1, 0);
    const { replay } = await openIn(simulation, { lock: false });
    expect(replay.entries).toEqual([{ sequence: 1, bytes: 100 }]);
    expect(lines).toEqual([{ file: path, offset: 64 + 22 + 109 + 22, bytes: 109, segmentsRemoved: 0 }]);
    await openIn(simulation, { lock: false });
    expect(lines).toHaveLength(1);
  });
});
