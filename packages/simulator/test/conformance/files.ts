/** What every `Files` must do, in sync and async forms alike. */
import { isCoterieError } from '@coterie/env';
import type { ErrorCode, FileHandle, Files } from '@coterie/env';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { World } from './world.ts';

/** Runs the suite against a world. */
export function filesConformance(name: string, makeWorld: () => Promise<World>): void {
  describe(`files of ${name}`, () => {
    let world: World;
    let files: Files;
    let at: (file: string) => string;

    beforeEach(async () => {
      world = await makeWorld();
      files = world.environment.files;
      at = (file) => `${world.directory}/${file}`;
    });
    afterEach(() => world.close());

    for (const form of ['sync', 'async'] as const) {
      describe(`${form} forms`, () => {
        const call = (): CallForm => (form === 'sync' ? syncForm(files) : asyncForm(files, world));
        contentTests(call, (file) => at(file));
        nameTests(call, (file) => at(file));
        directoryTests(
          call,
          (file) => at(file),
          () => world.directory,
        );
        lockTests(call, () => world.directory);
      });
    }

    mixedTests(() => ({ world, files, at }));
  });
}

/** One of the two forms, made to look like one interface. */
interface CallForm {
  open(path: string, mode: 'read' | 'update' | 'create'): Promise<FileHandle>;
  read(handle: FileHandle, span: { length: number; position: number }): Promise<Uint8Array>;
  write(handle: FileHandle, text: string, position: number): Promise<void>;
  on<K extends 'sync' | 'size' | 'close'>(handle: FileHandle, action: K): Promise<number | void>;
  truncate(handle: FileHandle, size: number): Promise<void>;
  files<K extends keyof Files & string>(action: K, ...args: string[]): Promise<unknown>;
}

type AnyFunction = (...args: unknown[]) => unknown;

function syncForm(files: Files): CallForm {
  const call = (target: object, action: string, args: unknown[]): unknown =>
    ((target as Record<string, AnyFunction>)[`${action}Sync`] as AnyFunction).apply(target, args);
  return formOf(files, async (target, action, args) => call(target, action, args));
}

function asyncForm(files: Files, world: World): CallForm {
  const call = (target: object, action: string, args: unknown[]): unknown =>
    ((target as Record<string, AnyFunction>)[action] as AnyFunction).apply(target, args);
  return formOf(files, (target, action, args) => world.run(async () => call(target, action, args)));
}

function formOf(files: Files, call: (target: object, action: string, args: unknown[]) => Promise<unknown>): CallForm {
  return {
    open: (path, mode) => call(files, 'open', [path, mode]) as Promise<FileHandle>,
    async read(handle, { length, position }) {
      const into = new Uint8Array(length + 2).fill(0xee);
      const count = (await call(handle, 'read', [into, 1, 1 + length, position])) as number;
      expect([into[0], into[1 + count]]).toEqual([0xee, 0xee]);
      return into.slice(1, 1 + count);
    },
    write: (handle, text, position) =>
      call(handle, 'write', [bytesOf(`<${text}>`), 1, 1 + bytesOf(text).length, position]) as Promise<void>,
    on: (handle, action) => call(handle, action, []) as Promise<number | void>,
    truncate: (handle, size) => call(handle, 'truncate', [size]) as Promise<void>,
    files: (action, ...args) => call(files, action, args),
  };
}

function contentTests(call: () => CallForm, at: (file: string) => string): void {
  test('a file reads back what was written, short only at its end', async () => {
    const form = call();
    const handle = await form.open(at('a'), 'create');
    expect(handle.path).toBe(at('a'));
    await form.write(handle, 'hello world', 0);
    expect(textOf(await form.read(handle, { length: 5, position: 6 }))).toBe('world');
    expect(textOf(await form.read(handle, { length: 100, position: 6 }))).toBe('world');
    expect(await form.read(handle, { length: 10, position: 11 })).toHaveLength(0);
    expect(await form.read(handle, { length: 10, position: 5000 })).toHaveLength(0);
    await form.on(handle, 'sync');
    expect(await form.on(handle, 'size')).toBe(11);
    await form.on(handle, 'close');
  });

  test('a write past the end leaves zeros between, an empty one changes nothing', async () => {
    const form = call();
    const handle = await form.open(at('a'), 'create');
    await form.write(handle, 'x', 9000);
    await form.write(handle, '', 20_000);
    expect(await form.on(handle, 'size')).toBe(9001);
    const bytes = await form.read(handle, { length: 9001, position: 0 });
    expect(bytes.slice(0, 9000).every((byte) => byte === 0)).toBe(true);
    expect(bytes[9000]).toBe(120);
    await form.on(handle, 'close');
  });

  test('truncate cuts, and what it extends reads as zeros, old bytes too', async () => {
    const form = call();
    const handle = await form.open(at('a'), 'create');
    await form.write(handle, 'abcdef', 0);
    await form.truncate(handle, 2);
    await form.truncate(handle, 5);
    expect([...(await form.read(handle, { length: 10, position: 0 }))]).toEqual([97, 98, 0, 0, 0]);
    await form.truncate(handle, 0);
    expect(await form.on(handle, 'size')).toBe(0);
    await form.on(handle, 'close');
  });

  test('two handles see one file; one only for reading refuses writes', async () => {
    const form = call();
    const first = await form.open(at('a'), 'create');
    const second = await form.open(at('a'), 'update');
    const third = await form.open(at('a'), 'read');
    await form.write(first, 'one', 0);
    await form.write(second, 'two', 3);
    expect(textOf(await form.read(third, { length: 9, position: 0 }))).toBe('onetwo');
    await expectCode(form.write(third, 'no', 0), 'DISK_IO', 'EBADF');
    for (const handle of [first, second, third]) await form.on(handle, 'close');
  });

  test('a closed handle refuses everything but another close', async () => {
    const form = call();
    const handle = await form.open(at('a'), 'create');
    await form.on(handle, 'close');
    await form.on(handle, 'close');
    await expectCode(form.write(handle, 'x', 0), 'CLOSED');
    await expectCode(form.read(handle, { length: 1, position: 0 }), 'CLOSED');
    await expectCode(form.on(handle, 'sync'), 'CLOSED');
    await expectCode(form.on(handle, 'size'), 'CLOSED');
    await expectCode(form.truncate(handle, 1), 'CLOSED');
  });
}

function nameTests(call: () => CallForm, at: (file: string) => string): void {
  const make = async (form: CallForm, file: string, text: string): Promise<void> => {
    const handle = await form.open(at(file), 'create');
    await form.write(handle, text, 0);
    await form.on(handle, 'close');
  };
  const content = async (form: CallForm, file: string): Promise<string> => {
    const handle = await form.open(at(file), 'read');
    const text = textOf(await form.read(handle, { length: 1000, position: 0 }));
    await form.on(handle, 'close');
    return text;
  };

  test('create wants a new name, the other modes an old one', async () => {
    const form = call();
    await expectCode(form.open(at('a'), 'read'), 'DISK_IO', 'ENOENT');
    await expectCode(form.open(at('a'), 'update'), 'DISK_IO', 'ENOENT');
    await make(form, 'a', 'x');
    await expectCode(form.open(at('a'), 'create'), 'DISK_IO', 'EEXIST');
    await expectCode(form.open(at('no/a'), 'create'), 'DISK_IO', 'ENOENT');
    await expectCode(form.open(at('a/b'), 'create'), 'DISK_IO', 'ENOTDIR');
    expect(await content(form, 'a')).toBe('x');
  });

  test('rename moves a name and replaces another', async () => {
    const form = call();
    await make(form, 'a', 'first');
    await make(form, 'b', 'second');
    const open = await form.open(at('b'), 'read');
    await form.files('rename', at('a'), at('b'));
    expect(await content(form, 'b')).toBe('first');
    expect(await form.files('exists', at('a'))).toBe(false);
    expect(textOf(await form.read(open, { length: 9, position: 0 }))).toBe('second');
    await form.on(open, 'close');
    await form.files('rename', at('b'), at('b'));
    expect(await content(form, 'b')).toBe('first');
    await expectCode(form.files('rename', at('a'), at('c')), 'DISK_IO', 'ENOENT');
    await expectCode(form.files('rename', at('b'), at('no/c')), 'DISK_IO', 'ENOENT');
  });

  test('link gives a second name to one file', async () => {
    const form = call();
    await make(form, 'a', 'one');
    await form.files('link', at('a'), at('b'));
    const handle = await form.open(at('b'), 'update');
    await form.write(handle, 'two', 0);
    await form.on(handle, 'close');
    expect(await content(form, 'a')).toBe('two');
    expect(await form.files('identity', at('a'))).toEqual(await form.files('identity', at('b')));
    await expectCode(form.files('link', at('a'), at('b')), 'DISK_IO', 'EEXIST');
    await expectCode(form.files('link', at('no'), at('c')), 'DISK_IO', 'ENOENT');
    await form.files('remove', at('a'));
    expect(await content(form, 'b')).toBe('two');
  });

  test('remove takes the name; open handles keep the file', async () => {
    const form = call();
    await make(form, 'a', 'still here');
    const handle = await form.open(at('a'), 'read');
    await form.files('remove', at('a'));
    expect(await form.files('exists', at('a'))).toBe(false);
    expect(textOf(await form.read(handle, { length: 99, position: 0 }))).toBe('still here');
    await form.on(handle, 'close');
    await expectCode(form.files('remove', at('a')), 'DISK_IO', 'ENOENT');
  });

  test('identity belongs to the file, not to its name', async () => {
    const form = call();
    await make(form, 'a', '');
    await make(form, 'b', '');
    const before = await form.files('identity', at('a'));
    expect(await form.files('identity', at('b'))).not.toEqual(before);
    await form.files('rename', at('a'), at('c'));
    expect(await form.files('identity', at('c'))).toEqual(before);
    await expectCode(form.files('identity', at('a')), 'DISK_IO', 'ENOENT');
  });
}

function directoryTests(call: () => CallForm, at: (file: string) => string, directory: () => string): void {
  test('list names what is there, sorted', async () => {
    const form = call();
    expect(await form.files('list', directory())).toEqual([]);
    for (const name of ['b', 'a', 'B', '10', '9']) await form.on(await form.open(at(name), 'create'), 'close');
    await form.files('makeDirectory', at('z'));
    expect(await form.files('list', directory())).toEqual(['10', '9', 'B', 'a', 'b', 'z']);
    await expectCode(form.files('list', at('no')), 'DISK_IO', 'ENOENT');
    await expectCode(form.files('list', at('a')), 'DISK_IO', 'ENOTDIR');
  });

  test('makeDirectory makes parents, is harmless twice, and refuses a file in the way', async () => {
    const form = call();
    await form.files('makeDirectory', at('x/y/z'));
    await form.files('makeDirectory', at('x/y/z'));
    await form.files('makeDirectory', at('x/y'));
    expect(await form.files('list', at('x'))).toEqual(['y']);
    expect(await form.files('exists', at('x/y/z'))).toBe(true);
    await form.on(await form.open(at('file'), 'create'), 'close');
    await expectCode(form.files('makeDirectory', at('file')), 'DISK_IO', 'EEXIST');
    await expectCode(form.files('makeDirectory', at('file/below')), 'DISK_IO', 'ENOTDIR');
  });

  test('exists answers for files, directories, nothing, and below a file', async () => {
    const form = call();
    await form.on(await form.open(at('a'), 'create'), 'close');
    expect(await form.files('exists', at('a'))).toBe(true);
    expect(await form.files('exists', directory())).toBe(true);
    expect(await form.files('exists', at('b'))).toBe(false);
    expect(await form.files('exists', at('a/b'))).toBe(false);
  });

  test('directories can be synced and their free space asked', async () => {
    const form = call();
    await form.files('syncDirectory', directory());
    await expectCode(form.files('syncDirectory', at('no')), 'DISK_IO', 'ENOENT');
    expect(await form.files('freeBytes', directory())).toBeGreaterThan(1_000_000);
  });

  test('an error names the file', async () => {
    const error = await call()
      .open(at('missing'), 'read')
      .catch((reason: unknown) => reason);
    expect(isCoterieError(error, 'DISK_IO') && error.details.file).toBe(at('missing'));
    expect(isCoterieError(error) && error.message).toContain(at('missing'));
  });
}

function lockTests(call: () => CallForm, directory: () => string): void {
  test('a directory has one lock, free again after its release', async () => {
    const form = call();
    const lock = (await form.files('lock', directory())) as { releaseSync(): void };
    await expectCode(form.files('lock', directory()), 'LOCKED');
    expect(await form.files('list', directory())).toEqual(['LOCK']);
    lock.releaseSync();
    lock.releaseSync();
    expect(await form.files('list', directory())).toEqual([]);
    const again = (await form.files('lock', directory())) as { releaseSync(): void };
    lock.releaseSync();
    await expectCode(form.files('lock', directory()), 'LOCKED');
    again.releaseSync();
    await expectCode(form.files('lock', `${directory()}/no`), 'DISK_IO', 'ENOENT');
  });
}

function mixedTests(given: () => { world: World; files: Files; at: (file: string) => string }): void {
  test('closing waits for operations in flight', async () => {
    const { world, files, at } = given();
    const handle = files.openSync(at('a'), 'create');
    await world.run(async () => {
      const bytes = new Uint8Array(300_000).fill(7);
      const writes = [0, 1, 2, 3].map((i) => handle.write(bytes, 0, bytes.length, i * bytes.length));
      const closed = handle.close();
      await expectCode(handle.read(bytes, 0, 1, 0), 'CLOSED');
      await Promise.all([...writes, closed]);
    });
    const check = files.openSync(at('a'), 'read');
    expect(check.sizeSync()).toBe(1_200_000);
    check.closeSync();
  });

  test('closeSync lets operations in flight finish', async () => {
    const { world, files, at } = given();
    const handle = files.openSync(at('a'), 'create');
    await world.run(async () => {
      const write = handle.write(new Uint8Array(300_000).fill(7), 0, 300_000, 0);
      handle.closeSync();
      const stranger = files.openSync(at('b'), 'create');
      await write;
      expect(stranger.sizeSync()).toBe(0);
      stranger.closeSync();
    });
    const check = files.openSync(at('a'), 'read');
    expect(check.sizeSync()).toBe(300_000);
    check.closeSync();
  });

  test('reads and writes take views on shared memory', async () => {
    const { world, files, at } = given();
    const shared = new Uint8Array(new SharedArrayBuffer(16));
    shared.set(bytesOf('shared'), 4);
    const handle = files.openSync(at('a'), 'create');
    handle.writeSync(shared, 4, 10, 0);
    await world.run(() => handle.write(shared, 4, 10, 6));
    expect(handle.readSync(shared, 0, 16, 0)).toBe(12);
    expect(textOf(shared.slice(0, 12))).toBe('sharedshared');
    expect(await world.run(() => handle.read(shared, 12, 16, 0))).toBe(4);
    handle.closeSync();
  });
}

/** Expects a typed error. */
export async function expectCode(work: Promise<unknown>, code: ErrorCode, osCode?: string): Promise<void> {
  const error = await work.then(
    () => 'no error',
    (reason: unknown) => reason,
  );
  expect(isCoterieError(error) ? { code: error.code, osCode: error.details.osCode } : error).toEqual({ code, osCode });
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
