/** Verify, dump and repair on stores that are whole, damaged here and there, or without a manifest. */
import { createSimulation, type Simulation } from '@coterie/simulator';
import { expect, test } from 'vitest';
import { dumpStore, openStore, repairStore, type Store, verifyStore } from '../../src/index.ts';
import { bytes } from '../operations.ts';

const options = { writeBufferBytes: 16_384, tableBytes: 8192, blockBytes: 512, level0Tables: 2, reserveBytes: 0, logSegmentBytes: 65_536 };

function open({ environment }: Simulation): Promise<Store> {
  return openStore('/data', { ...options, environment });
}

const value = (i: number): string => `${i}:`.padEnd(100, 'v');

/** A closed store of 1,000 keys in tables, ten deleted, and a few more in the log. */
async function made(): Promise<{ simulation: Simulation; expected: Map<string, string> }> {
  const simulation = createSimulation({ seed: 1 });
  const expected = new Map<string, string>();
  await simulation.run(async () => {
    const store = await open(simulation);
    for (let i = 0; i < 1000; i++) await put(store, i);
    for (let i = 0; i < 10; i++) {
      await store.delete(bytes(`key${String(i).padStart(4, '0')}`));
      expected.delete(`key${String(i).padStart(4, '0')}`);
    }
    await store.settle();
    for (let i = 1000; i < 1020; i++) await put(store, i);
    await store.close();
  });
  return { simulation, expected };

  async function put(store: Store, i: number): Promise<void> {
    const key = `key${String(i).padStart(4, '0')}`;
    expected.set(key, value(i));
    await store.put(bytes(key), bytes(value(i)), { durable: false });
  }
}

const text = (found: Uint8Array): string => Buffer.from(found).toString('latin1');

async function dumped(simulation: Simulation): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  await simulation.run(() => dumpStore('/data', simulation.environment, (key, stored) => found.set(text(key), text(stored))));
  return found;
}

function tables(simulation: Simulation): string[] {
  return simulation.disk.paths().filter((path) => /^\/data\/\d+\.sst$/.test(path));
}

test('a whole store verifies, dumps what was put, and repair leaves it alone', async () => {
  const { simulation, expected } = await made();
  const report = await simulation.run(() => verifyStore('/data', simulation.environment));
  expect(report.problems).toEqual([]);
  expect(report.entries).toBeGreaterThanOrEqual(expected.size);
  expect(await dumped(simulation)).toEqual(expected);
  expect(await simulation.run(() => repairStore('/data', simulation.environment))).toMatchObject({ setAside: [] });
  expect(await dumped(simulation)).toEqual(expected);
});

test('a damaged block is found by file and offset, and repair loses that block alone', async () => {
  const { simulation, expected } = await made();
  const [path] = tables(simulation);
  simulation.disk.flipBit(path, 700, 3);
  const { problems } = await simulation.run(() => verifyStore('/data', simulation.environment));
  expect(problems).toEqual([expect.objectContaining({ file: path, offset: expect.any(Number) })]);
  const { setAside } = await simulation.run(() => repairStore('/data', simulation.environment));
  expect(setAside.map((one) => one.file)).toContain(path);
  const left = await dumped(simulation);
  expect(left.size).toBeLessThan(expected.size);
  expect(left.size).toBeGreaterThan(expected.size - 20);
  for (const [key, stored] of left) expect(stored).toBe(expected.get(key));
  expect((await simulation.run(() => verifyStore('/data', simulation.environment))).problems).toEqual([]);
  await simulation.run(async () => {
    const store = await open(simulation);
    await store.put(bytes('after'), bytes('repair'));
    await store.settle();
    await store.close();
  });
  expect((await dumped(simulation)).get('after')).toBe('repair');
});

test('a store whose manifest is lost is put together again from its tables and its log', async () => {
  const { simulation, expected } = await made();
  simulation.disk.flipBit('/data/CURRENT', 2, 1);
  await expect(simulation.run(() => open(simulation))).rejects.toMatchObject({ code: 'CORRUPTION', details: { file: '/data/CURRENT' } });
  await simulation.run(() => repairStore('/data', simulation.environment));
  expect(await dumped(simulation)).toEqual(expected);
  expect((await simulation.run(() => verifyStore('/data', simulation.environment))).problems).toEqual([]);
});

test('a damaged log keeps what lies before the damage', async () => {
  const { simulation, expected } = await made();
  const segment = simulation.disk.paths().findLast((path) => path.startsWith('/data/log/') && simulation.disk.contents(path).length > 2000);
  expect(segment).toBeDefined();
  simulation.disk.flipBit(segment ?? '', 1200, 1);
  await expect(simulation.run(() => open(simulation))).rejects.toMatchObject({ code: 'CORRUPTION', details: { file: segment } });
  await simulation.run(() => repairStore('/data', simulation.environment));
  const left = await dumped(simulation);
  for (const [key, stored] of left) expect(stored).toBe(expected.get(key));
  expect(left.size).toBeGreaterThanOrEqual(990);
  expect(left.size).toBeLessThan(expected.size);
});

test('tools refuse a store that is open', async () => {
  const { simulation } = await made();
  await simulation.run(async () => {
    const store = await open(simulation);
    for (const tool of [verifyStore, repairStore])
      await expect(tool('/data', simulation.environment)).rejects.toMatchObject({ code: 'LOCKED' });
    await store.close();
  });
});
