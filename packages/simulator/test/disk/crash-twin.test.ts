/**
 * What a crash may leave, against a dumb twin that keeps every file's whole history and says for each byte which values
 * are allowed, and for each name which files.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createSimulation } from '../../src/index.ts';
import type { SimulatedDisk } from '../../src/index.ts';

type Step =
  | { readonly kind: 'write'; readonly name: string; readonly position: number; readonly length: number }
  | { readonly kind: 'truncate'; readonly name: string; readonly size: number }
  | { readonly kind: 'create' | 'remove' | 'sync'; readonly name: string }
  | { readonly kind: 'rename' | 'link'; readonly name: string; readonly to: string }
  | { readonly kind: 'syncDirectory'; readonly name: string };

const names = ['/one/a', '/one/b', '/one/c', '/two/a', '/two/b'];
const nameArbitrary = fc.constantFrom(...names);
const smallArbitrary = fc.oneof(fc.nat(40), fc.nat(3000), fc.integer({ min: 4000, max: 5000 }));

const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('write'), name: nameArbitrary, position: smallArbitrary, length: smallArbitrary } as const),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('truncate'), name: nameArbitrary, size: smallArbitrary } as const) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constantFrom('create', 'remove', 'sync', 'create', 'sync'), name: nameArbitrary } as const),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('rename', 'link'), name: nameArbitrary, to: nameArbitrary } as const) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('syncDirectory'), name: fc.constantFrom('/one', '/two') } as const) },
);

/** A file of the twin: bytes as they would be if all went well, as they are on the platter, and which of them are open. */
class TwinFile {
  readonly id: number;
  bytes: number[] = [];
  durable: number[] = [];
  /** Offsets that something unsynced has touched. */
  touched = new Set<number>();
  /** Sizes that the file has had since its last sync. */
  sizes = [0];

  constructor(id: number) {
    this.id = id;
  }

  write(position: number, length: number, fill: number): void {
    if (length === 0) return;
    while (this.bytes.length < position) this.set(this.bytes.length, 0);
    for (let i = position; i < position + length; i++) this.set(i, fill);
    this.sizes.push(this.bytes.length);
  }

  truncate(size: number): void {
    for (let i = size; i < this.bytes.length; i++) this.touched.add(i);
    this.bytes.length = Math.min(this.bytes.length, size);
    while (this.bytes.length < size) this.set(this.bytes.length, 0);
    this.sizes.push(size);
  }

  sync(): void {
    this.durable = this.bytes.slice();
    this.touched.clear();
    this.sizes = [this.bytes.length];
  }

  private set(offset: number, value: number): void {
    this.bytes[offset] = value;
    this.touched.add(offset);
  }
}

/** The twin of a disk: names now, and for each name every file (or none) that it stood for since it was last durable. */
class Twin {
  readonly now = new Map<string, TwinFile>();
  readonly possible = new Map<string, Set<TwinFile | undefined>>(names.map((name) => [name, new Set([undefined])]));
  #files = 0;

  step(step: Step, fill: number): void {
    const file = this.now.get(step.name);
    if (step.kind === 'create') {
      if (file === undefined) this.set(step.name, new TwinFile(this.#files++));
    } else if (step.kind === 'syncDirectory') this.syncDirectory(step.name);
    else if (file !== undefined) this.stepFile(step, file, fill);
  }

  private stepFile(step: Exclude<Step, { kind: 'syncDirectory' }>, file: TwinFile, fill: number): void {
    if (step.kind === 'write') file.write(step.position, step.length, fill);
    else if (step.kind === 'truncate') file.truncate(step.size);
    else if (step.kind === 'sync') file.sync();
    else if (step.kind === 'remove') this.set(step.name, undefined);
    else if (step.kind === 'link' && !this.now.has(step.to)) this.set(step.to, file);
    else if (step.kind === 'rename' && this.now.get(step.to) !== file) {
      this.set(step.to, file);
      this.set(step.name, undefined);
    }
  }

  private set(name: string, file: TwinFile | undefined): void {
    if (file === undefined) this.now.delete(name);
    else this.now.set(name, file);
    this.possible.get(name)?.add(file);
  }

  private syncDirectory(directory: string): void {
    for (const name of names) if (name.startsWith(`${directory}/`)) this.possible.set(name, new Set([this.now.get(name)]));
  }
}

function play(steps: readonly Step[]): { disk: SimulatedDisk; twin: Twin } {
  const { disk, environment } = createSimulation({ seed: 5 });
  const { files } = environment;
  files.makeDirectorySync('/one');
  files.makeDirectorySync('/two');
  const twin = new Twin();
  steps.forEach((step, i) => {
    const fill = 1 + (i % 255);
    try {
      act(files, step, fill);
    } catch {
      // The twin does nothing when it cannot either; conformance tests compare the errors.
    }
    twin.step(step, fill);
  });
  return { disk, twin };
}

type Files = ReturnType<typeof createSimulation>['environment']['files'];

function act(files: Files, step: Step, fill: number): void {
  if (step.kind === 'create') return files.openSync(step.name, 'create').closeSync();
  if (step.kind === 'remove') return files.removeSync(step.name);
  if (step.kind === 'rename') return files.renameSync(step.name, step.to);
  if (step.kind === 'link') return files.linkSync(step.name, step.to);
  if (step.kind === 'syncDirectory') return files.syncDirectorySync(step.name);
  const handle = files.openSync(step.name, 'update');
  if (step.kind === 'write') handle.writeSync(new Uint8Array(step.length).fill(fill), 0, step.length, step.position);
  else if (step.kind === 'truncate') handle.truncateSync(step.size);
  else handle.syncSync();
  handle.closeSync();
}

/** Whether some file that the name may stand for allows these bytes. */
function isAllowed(candidates: ReadonlySet<TwinFile | undefined>, actual: Uint8Array | undefined): boolean {
  return [...candidates].some((file) => (actual === undefined || file === undefined ? actual === file : allows(file, actual)));
}

function allows(file: TwinFile, actual: Uint8Array): boolean {
  if (actual.length > Math.max(...file.sizes, file.durable.length) || actual.length < Math.min(...file.sizes, file.durable.length))
    return false;
  return actual.every((byte, i) => file.touched.has(i) || byte === file.durable[i]);
}

describe('a crash', () => {
  test('leaves only what its unsynced changes allow, and everything else as synced', () => {
    fc.assert(
      fc.property(fc.array(stepArbitrary, { maxLength: 60 }), fc.nat(), (steps, seed) => {
        const { disk, twin } = play(steps);
        for (let outcome = 0; outcome < 5; outcome++) {
          const copy = disk.clone();
          copy.restart(seed + outcome);
          const paths = new Set(copy.paths());
          for (const name of names) {
            const actual = paths.has(name) ? copy.contents(name) : undefined;
            const candidates = twin.possible.get(name) ?? new Set();
            if (!isAllowed(candidates, actual))
              throw new Error(`outcome ${seed + outcome}: ${name} is ${actual === undefined ? 'missing' : `${actual.length} bytes`}`);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  test('never damages a synced byte that no unsynced change covers', () => {
    const contentArbitrary = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({
          kind: fc.constant('write'),
          name: fc.constant('/one/a'),
          position: smallArbitrary,
          length: smallArbitrary,
        } as const),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('truncate'), name: fc.constant('/one/a'), size: smallArbitrary } as const) },
      { weight: 2, arbitrary: fc.constant({ kind: 'sync', name: '/one/a' } as const) },
    );
    const before: Step[] = [
      { kind: 'create', name: '/one/a' },
      { kind: 'syncDirectory', name: '/one' },
      { kind: 'write', name: '/one/a', position: 0, length: 6000 },
      { kind: 'sync', name: '/one/a' },
    ];
    fc.assert(
      fc.property(fc.array(contentArbitrary, { minLength: 1, maxLength: 12 }), fc.nat(), (steps, seed) => {
        const { disk, twin } = play([...before, ...steps]);
        const file = twin.now.get('/one/a') as TwinFile;
        for (let outcome = 0; outcome < 10; outcome++) {
          const copy = disk.clone();
          copy.restart(seed + outcome);
          expect(allows(file, copy.contents('/one/a'))).toBe(true);
        }
      }),
      { numRuns: 150 },
    );
  });

  test('leaves everything exactly when everything was synced', () => {
    fc.assert(
      fc.property(fc.array(stepArbitrary, { maxLength: 60 }), fc.nat(), (steps, seed) => {
        const syncs = [
          ...names.map((name) => ({ kind: 'sync', name }) as const),
          { kind: 'syncDirectory', name: '/one' } as const,
          { kind: 'syncDirectory', name: '/two' } as const,
        ];
        const { disk, twin } = play([...steps, ...syncs]);
        disk.restart(seed);
        expect(disk.paths()).toEqual([...twin.now.keys()].sort());
        for (const [name, { bytes }] of twin.now) expect(Buffer.compare(disk.contents(name), Uint8Array.from(bytes))).toBe(0);
      }),
      { numRuns: 100 },
    );
  });

  test('is the same for the same seed, and leaves its original alone', () => {
    fc.assert(
      fc.property(fc.array(stepArbitrary, { maxLength: 40 }), fc.nat(), (steps, seed) => {
        const { disk } = play(steps);
        const before = describeDisk(disk);
        const [first, second] = [disk.clone(), disk.clone()];
        first.restart(seed);
        second.restart(seed);
        expect(describeDisk(first)).toEqual(describeDisk(second));
        expect(describeDisk(disk)).toEqual(before);
      }),
      { numRuns: 50 },
    );
  });
});

function describeDisk(disk: SimulatedDisk): string[] {
  return disk.paths().map((path) => `${path} ${Buffer.from(disk.contents(path)).toString('base64')}`);
}
