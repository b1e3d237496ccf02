/** Random operations on `Files` against a dumb twin: a map of names to shared byte arrays. */
import { isCoterieError } from '@coterie/env';
import type { FileHandle, Files } from '@coterie/env';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { World } from './world.ts';

type Step =
  | { readonly kind: 'write'; readonly name: string; readonly position: number; readonly length: number; readonly fill: number }
  | { readonly kind: 'truncate'; readonly name: string; readonly size: number }
  | { readonly kind: 'rename' | 'link'; readonly name: string; readonly to: string }
  | { readonly kind: 'create' | 'remove' | 'sync'; readonly name: string };

const nameArbitrary = fc.constantFrom('a', 'b', 'c', 'd');
const positionArbitrary = fc.oneof(fc.nat(20), fc.integer({ min: 4080, max: 4110 }), fc.nat(20_000));

const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('write'),
      name: nameArbitrary,
      position: positionArbitrary,
      length: fc.nat(9000),
      fill: fc.nat(255),
    } as const),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('truncate'), name: nameArbitrary, size: positionArbitrary } as const) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('rename', 'link'), name: nameArbitrary, to: nameArbitrary } as const) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('create', 'remove', 'sync'), name: nameArbitrary } as const) },
);

/** Runs the property against a world. */
export function filesTwin(name: string, makeWorld: () => Promise<World>, runs: number): void {
  test(`random operations on the files of ${name} agree with a map of byte arrays`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(stepArbitrary, fc.boolean()), { maxLength: 40 }), async (steps) => {
        const world = await makeWorld();
        try {
          await compare(world, steps);
        } finally {
          await world.close();
        }
      }),
      { numRuns: runs },
    );
  });
}

interface TwinFile {
  bytes: Uint8Array;
}

async function compare(world: World, steps: readonly (readonly [Step, boolean])[]): Promise<void> {
  const { files } = world.environment;
  const twin = new Map<string, TwinFile>();
  for (const [step, sync] of steps) {
    const expected = stepTwin(twin, step);
    const actual = await outcome(
      sync ? async () => stepSync(files, world.directory, step) : () => world.run(() => stepAsync(files, world.directory, step)),
    );
    expect({ step, ended: actual }).toEqual({ step, ended: expected });
  }
  expect(files.listSync(world.directory)).toEqual([...twin.keys()].sort());
  for (const [name, { bytes }] of twin) {
    const handle = files.openSync(`${world.directory}/${name}`, 'read');
    const into = new Uint8Array(handle.sizeSync());
    expect(handle.readSync(into, 0, into.length, 0)).toBe(into.length);
    handle.closeSync();
    expect(Buffer.compare(into, bytes)).toBe(0);
  }
}

function stepTwin(twin: Map<string, TwinFile>, step: Step): string {
  const file = twin.get(step.name);
  if (step.kind === 'create') {
    if (file !== undefined) return 'EEXIST';
    twin.set(step.name, { bytes: new Uint8Array(0) });
    return 'done';
  }
  if (file === undefined) return 'ENOENT';
  if (step.kind === 'write') writeTwin(file, step);
  else if (step.kind === 'truncate') file.bytes = resized(file.bytes, step.size);
  else if (step.kind === 'remove') twin.delete(step.name);
  else if (step.kind === 'link' && twin.has(step.to)) return 'EEXIST';
  else if (step.kind === 'link') twin.set(step.to, file);
  // A rename between two names of one file does nothing, says POSIX.
  else if (step.kind === 'rename' && twin.get(step.to) !== file) {
    twin.set(step.to, file);
    twin.delete(step.name);
  }
  return 'done';
}

function writeTwin(file: TwinFile, step: Extract<Step, { kind: 'write' }>): void {
  if (step.length === 0) return;
  file.bytes = resized(file.bytes, Math.max(file.bytes.length, step.position + step.length));
  file.bytes.fill(step.fill, step.position, step.position + step.length);
}

function resized(bytes: Uint8Array, size: number): Uint8Array {
  const result = new Uint8Array(size);
  result.set(bytes.subarray(0, size));
  return result;
}

async function outcome(work: () => Promise<void>): Promise<string> {
  try {
    await work();
    return 'done';
  } catch (error) {
    if (!isCoterieError(error)) throw error;
    return error.details.osCode ?? error.code;
  }
}

function stepSync(files: Files, directory: string, step: Step): void {
  const path = `${directory}/${step.name}`;
  if (step.kind === 'create') return files.openSync(path, 'create').closeSync();
  if (step.kind === 'remove') return files.removeSync(path);
  if (step.kind === 'rename') return files.renameSync(path, `${directory}/${step.to}`);
  if (step.kind === 'link') return files.linkSync(path, `${directory}/${step.to}`);
  const handle = files.openSync(path, 'update');
  if (step.kind === 'write') handle.writeSync(new Uint8Array(step.length).fill(step.fill), 0, step.length, step.position);
  else if (step.kind === 'truncate') handle.truncateSync(step.size);
  else handle.syncSync();
  handle.closeSync();
}

async function stepAsync(files: Files, directory: string, step: Step): Promise<void> {
  const path = `${directory}/${step.name}`;
  if (step.kind === 'create') return (await files.open(path, 'create')).close();
  if (step.kind === 'remove') return files.remove(path);
  if (step.kind === 'rename') return files.rename(path, `${directory}/${step.to}`);
  if (step.kind === 'link') return files.link(path, `${directory}/${step.to}`);
  const handle: FileHandle = await files.open(path, 'update');
  if (step.kind === 'write') await handle.write(new Uint8Array(step.length).fill(step.fill), 0, step.length, step.position);
  else if (step.kind === 'truncate') await handle.truncate(step.size);
  else await handle.sync();
  await handle.close();
}
