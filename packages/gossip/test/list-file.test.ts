/** The list's file at every possible power failure: it is the old one or the new one, whole. */
import { CrashError, createSimulation } from '@coterie/simulator';
import { describe, expect, it } from 'vitest';
import { readListFile, writeListFile } from '../src/list-file.ts';

const older = Uint8Array.from({ length: 300 }, (_, i) => i);
const newer = Uint8Array.from({ length: 5000 }, (_, i) => i * 7);

/** Writes the newer list over the older, with power failing at one operation. Returns what is read afterwards, and whether it failed at all. */
async function writeWithCrashAt(
  operation: number,
  seed: number,
): Promise<{ readonly found: Uint8Array | undefined; readonly isDone: boolean }> {
  const first = createSimulation({ seed });
  await first.run(() => first.environment.files.makeDirectory('/data'));
  await first.run(() => writeListFile(first.environment.files, '/data', older));
  first.disk.crashAt(first.disk.operationCount + operation);
  let isDone = true;
  try {
    await first.run(() => writeListFile(first.environment.files, '/data', newer));
    first.disk.powerCut();
  } catch (error) {
    if (!(error instanceof CrashError)) throw error;
    isDone = false;
  }
  first.disk.crashAt(undefined);
  const second = createSimulation({ seed, disk: first.disk });
  const found = await second.run(() => readListFile(second.environment.files, '/data'));
  await second.run(() => writeListFile(second.environment.files, '/data', older));
  expect(await second.run(() => readListFile(second.environment.files, '/data'))).toEqual(older);
  return { found, isDone };
}

describe("the list's file", () => {
  it('is absent at first', async () => {
    const simulation = createSimulation({ seed: 1 });
    const { files } = simulation.environment;
    await simulation.run(() => files.makeDirectory('/data'));
    expect(await simulation.run(() => readListFile(files, '/data'))).toBeUndefined();
  });

  it('is the old or the new one, whole, wherever power fails; and the new one once it was written', async () => {
    let last = 0;
    for (let operation = 0; operation < 16; operation++) {
      for (let seed = 1; seed <= 6; seed++) {
        const { found, isDone } = await writeWithCrashAt(operation, seed);
        if (isDone) expect(found).toEqual(newer);
        else {
          expect([older, newer]).toContainEqual(found);
          last = operation;
        }
      }
    }
    expect(last).toBeGreaterThanOrEqual(5);
    expect(last).toBeLessThan(15);
  });
});
