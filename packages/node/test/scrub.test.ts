/** The pace of the scrub: paid off by waiting, put off under load, resumed after a restart, once a day. */
import { createSimulation, type Simulation } from '@coterie/simulator';
import { expect, it } from 'vitest';
import { Scrub } from '../src/store/scrub.ts';
import type { Store } from '../src/store/store.ts';
import { MemoryDisk } from './memory-store.ts';

const mebibyte = 2 ** 20;

/** A store of three tables of 16 MiB, which says which were read. */
async function tables(simulation: Simulation, disk: MemoryDisk, read: number[]): Promise<Store> {
  const inner = await disk.open('/', { environment: simulation.environment, durable: true });
  const scrubNext = async (after: number) => {
    const table = after + 1;
    if (table > 3) return undefined;
    read.push(table);
    return { table, bytes: 16 * mebibyte, ...(table === 2 ? { damage: new Error('rot') } : {}) };
  };
  return Object.assign(inner, { scrubNext });
}

it('reads at its pace, not under load, goes on after a restart, and once a day', async () => {
  const simulation = createSimulation({ seed: 1 });
  const { environment } = simulation;
  const disk = new MemoryDisk();
  const read: number[] = [];
  let operations = 0;
  const step = (scrub: Scrub): Promise<void> => simulation.run(() => scrub.step());
  const scrub = new Scrub(environment, await tables(simulation, disk, read), () => operations);
  await step(scrub);
  await step(scrub);
  expect(read, 'the bytes are paid off first').toEqual([1]);
  await simulation.advance(2000);
  operations = 1000;
  await step(scrub);
  expect(read, "the disk is the clients'").toEqual([1]);
  operations = 0;
  await step(scrub);
  expect(read).toEqual([1, 2]);
  const again = new Scrub(environment, await tables(simulation, disk, read), () => operations);
  for (let i = 0; i < 5; i++) {
    await step(again);
    await simulation.advance(2000);
  }
  expect(read).toEqual([1, 2, 3]);
  expect(again.figures).toMatchObject({ scrubPassBytes: 48 * mebibyte, scrubDamagedTables: 1 });
  await simulation.advance(24 * 3_600_000);
  await step(again);
  expect(read).toEqual([1, 2, 3, 1]);
});

it('reads everything at once when it is asked to', async () => {
  const simulation = createSimulation({ seed: 1 });
  const read: number[] = [];
  const scrub = new Scrub(simulation.environment, await tables(simulation, new MemoryDisk(), read), () => 1000);
  expect(await simulation.run(() => scrub.pass())).toEqual({ bytes: 48 * mebibyte, damaged: 1 });
  expect(read).toEqual([1, 2, 3]);
});
