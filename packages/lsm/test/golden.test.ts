/**
 * Stores of each released version, read for ever, and the bytes that `docs/formats/store.md` shows. `COTERIE_WRITE_GOLDEN=1`
 * writes the store of this version anew, which is right only before its release.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createSimulation } from '@coterie/simulator';
import { describe, expect, test } from 'vitest';
import { Batch } from '../src/batch.ts';
import { verifyStore } from '../src/index.ts';
import { Manifest } from '../src/manifest.ts';
import { decodeEdit } from '../src/version-edit.ts';
import { type Operation, operationType, readOperation } from '../src/record.ts';
import { bytes } from './operations.ts';
import { show, Twin } from './twin.ts';
import { contents, contentsSync, World } from './world.ts';

const golden = fileURLToPath(new URL('./golden/v1', import.meta.url));
const options = { writeBufferBytes: 4096, tableBytes: 1024, level1Bytes: 2048, blockBytes: 256, logSegmentBytes: 65_536 };

/** Makes the golden store: tables of both codecs in several levels, versions under a snapshot, deletes of both kinds, a log. */
async function makeStore(world: World, twin: Twin): Promise<void> {
  let store = await world.open({ ...options, compression: 'deflate' });
  const put = async (key: string, value: string): Promise<void> => {
    twin.put(bytes(key), bytes(value));
    await store.put(bytes(key), bytes(value));
  };
  await world.run(async () => {
    for (let i = 0; i < 40; i++) await put(`deflated ${i}`, `value ${i} `.repeat(3));
    await store.settle();
    await store.close();
  });
  store = await world.open(options);
  await world.run(async () => {
    for (let i = 0; i < 20; i++) await put(`plain ${i}`, `value ${i}`);
    store.snapshot();
    for (let i = 0; i < 20; i += 2) await put(`plain ${i}`, `a newer value ${i}`);
    await store.deleteRange(bytes('deflated 2'), bytes('deflated 3'));
    twin.deleteRange(bytes('deflated 2'), bytes('deflated 3'));
    await store.settle();
    for (let i = 0; i < 10; i++) await put(`\x00\xff ${i}`, '');
    await store.checkpoint('/elsewhere');
    await put('in the log', 'x'.repeat(200));
    await store
      .batch()
      .put(bytes('of a batch'), bytes('1'))
      .delete(bytes('plain 7'))
      .deleteRange(bytes('plain 10'), bytes('plain 13'))
      .commit();
    twin.put(bytes('of a batch'), bytes('1'));
    twin.delete(bytes('plain 7'));
    twin.deleteRange(bytes('plain 10'), bytes('plain 13'));
    await store.close();
  });
}

/** Files below a directory, by their paths in it. */
function filesIn(directory: string, prefix = ''): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? filesIn(join(directory, entry.name), `${prefix}${entry.name}/`) : [`${prefix}${entry.name}`],
  );
}

function writeGolden(world: World): void {
  rmSync(golden, { recursive: true, force: true });
  for (const path of world.disk.paths().filter((one) => one.startsWith('/data/'))) {
    const to = join(golden, path.slice('/data/'.length));
    mkdirSync(dirname(to), { recursive: true });
    writeFileSync(to, world.disk.contents(path));
  }
}

/** A world whose disk holds the golden store. */
async function goldenWorld(): Promise<World> {
  const world = new World(1);
  const { files } = world.simulation.environment;
  await world.run(async () => {
    for (const name of filesIn(golden)) {
      await files.makeDirectory(dirname(`/data/${name}`));
      const content = new Uint8Array(readFileSync(join(golden, name)));
      const file = await files.open(`/data/${name}`, 'create');
      await file.write(content, 0, content.length, 0);
      await file.close();
    }
  });
  return world;
}

describe('the golden store of version 1', () => {
  test('is read, whole, and can be written to', async () => {
    const twin = new Twin();
    const made = new World(1);
    await makeStore(made, twin);
    if (process.env['COTERIE_WRITE_GOLDEN'] !== undefined) writeGolden(made);
    expect(filesIn(golden)).toEqual(expect.arrayContaining(['CURRENT', 'log/0000000002.log']));
    const world = await goldenWorld();
    const report = await world.run(() => verifyStore('/data', world.simulation.environment));
    expect(report.problems).toEqual([]);
    const store = await world.open();
    expect(store.statistics()['tables']).toBeGreaterThan(3);
    const wanted = show(twin.entries());
    expect(contentsSync(store)).toEqual(wanted);
    expect(await world.run(() => contents(store))).toEqual(wanted);
    for (const [key, value] of twin.entries()) expect(store.getSync(key)).toEqual(value);
    await world.run(() => store.settle());
    expect(contentsSync(store)).toEqual(wanted);
    await world.run(() => store.put(bytes('new'), bytes('one')));
    await world.run(() => store.close());
    expect(contentsSync(await world.open())).toContain('new=one');
  });
});

/** The bytes shown under a heading of the format document. */
function shown(heading: string): Uint8Array {
  const page = readFileSync(new URL('../../../docs/formats/store.md', import.meta.url), 'utf8');
  const section = page.split(/^## /m).find((one) => one.startsWith(heading)) ?? '';
  const lines = [...section.matchAll(/^[0-9a-f]{4} {2}((?:[0-9a-f]{2} ?)+)$/gm)].map(([, hex]) => hex);
  return new Uint8Array(Buffer.from(lines.join('').replaceAll(' ', ''), 'hex'));
}

describe('the format document', () => {
  test('shows a record as it is written, and as it is read', () => {
    const batch = new Batch({ commitBatch: () => Promise.resolve(), commitBatchSync: () => undefined });
    batch.put(bytes('apple'), bytes('red')).delete(bytes('banana')).deleteRange(bytes('c'), bytes('d'));
    const record = shown('Worked example: a log record');
    expect(record).toEqual(batch.bytes.slice(0, batch.length));
    const operation: Operation = { type: 0, keyStart: 0, keyEnd: 0, valueStart: 0, valueEnd: 0 };
    const read: unknown[] = [];
    for (let at = 0; at < record.length; ) {
      at = readOperation(record, at, record.length, operation);
      const [first, second] = [record.slice(operation.keyStart, operation.keyEnd), record.slice(operation.valueStart, operation.valueEnd)];
      read.push([operation.type, Buffer.from(first).toString(), Buffer.from(second).toString()]);
    }
    expect(read).toEqual([
      [operationType.put, 'apple', 'red'],
      [operationType.delete, 'banana', ''],
      [operationType.rangeDelete, 'c', 'd'],
    ]);
  });

  test('shows a manifest and CURRENT as they are written, and the edits that are read', () => {
    const simulation = createSimulation({ seed: 1 });
    const { files } = simulation.environment;
    files.makeDirectorySync('/data');
    const manifest = Manifest.create(files, '/data', { number: 7, removed: [], added: [], flushedSequence: 0, nextFileNumber: 8 });
    const table = {
      number: 8,
      fileBytes: 310,
      entries: 3,
      tombstones: 2,
      rangeDeletes: 1,
      smallestSequence: 2,
      largestSequence: 5,
      lower: bytes('apple'),
      upper: bytes('c'),
      upperExclusive: true,
    };
    const edit = { removed: [], added: [{ level: 0, table }], flushedSequence: 5, nextFileNumber: 9 };
    manifest.append(edit);
    manifest.syncSync();
    manifest.confirm();
    manifest.close();
    const file = shown('Worked example: a manifest');
    expect(file).toEqual(simulation.disk.contents('/data/MANIFEST-000007'));
    expect(decodeEdit(file.slice(0x3f, 0x57))).toEqual(edit);
    expect(shown('Worked example: CURRENT')).toEqual(simulation.disk.contents('/data/CURRENT'));
  });
});
