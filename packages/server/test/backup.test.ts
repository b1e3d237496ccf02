/** `coterie backup`, `restore` and `scrub` against a real process, as an operator uses them. */
import { closeSync, existsSync, openSync, readdirSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { forget, makeDirectory, run, type ServerProcess, startProcess } from './double/process.ts';

const count = 50;
let directory: string;
let data: string;

beforeEach(() => {
  directory = makeDirectory();
  data = join(directory, 'data');
});
afterEach(() => forget(directory));

const keyUrl = ({ url }: ServerProcess, number: number): string => `${url}/v1/kv/carts/key-${number}`;

async function put(server: ServerProcess, number: number, text: string): Promise<void> {
  const answer = await fetch(keyUrl(server, number), { method: 'PUT', headers: { 'content-type': 'text/plain' }, body: text });
  expect(answer.ok).toBe(true);
}

/** What the keys hold: texts, or the status of what was refused. */
function values(server: ServerProcess): Promise<(string | number)[]> {
  return Promise.all(
    Array.from({ length: count }, async (_, number) => {
      const answer = await fetch(keyUrl(server, number));
      return answer.ok ? answer.text() : answer.status;
    }),
  );
}

const valuesOf = (version: string): string[] => Array.from({ length: count }, (_, number) => `${version} ${number} ${'x'.repeat(200)}`);

/** A server that holds `first` values, and a backup of them that is called monday. */
async function saved(): Promise<{ server: ServerProcess; backup: string }> {
  const server = await startProcess(data);
  for (const [number, text] of valuesOf('first').entries()) await put(server, number, text);
  const outcome = await run(['backup', 'monday', '--url', server.url]);
  expect(outcome).toMatchObject({ code: 0, err: '' });
  return { server, backup: join(data, 'backups', 'monday') };
}

async function stop(server: ServerProcess): Promise<void> {
  server.child.kill('SIGTERM');
  expect(await server.ended).toBe(0);
}

/** Inverts some bytes in the middle of the largest table of a directory. */
function damage(store: string): void {
  const tables = readdirSync(store).filter((name) => name.endsWith('.sst'));
  const [largest] = tables.map((name) => join(store, name)).sort((a, b) => statSync(b).size - statSync(a).size);
  const file = openSync(largest as string, 'r+');
  writeSync(file, Buffer.alloc(16, 0xff), 0, 16, Math.floor(statSync(largest as string).size / 3));
  closeSync(file);
}

describe('a backup', () => {
  test('brings back what was there when it was taken, into the same directory and into an empty one', async () => {
    const { server, backup } = await saved();
    for (const [number, text] of valuesOf('second').entries()) await put(server, number, text);
    await stop(server);

    const empty = join(directory, 'empty');
    const first = await run(['restore', backup, '--data-dir', empty, '--first']);
    expect(first).toMatchObject({ code: 0, err: '' });
    expect(first.out).toMatch(/start it without --seed/);
    const elsewhere = await startProcess(empty);
    expect(await values(elsewhere)).toEqual(valuesOf('first'));
    await stop(elsewhere);

    const same = await run(['restore', backup, '--data-dir', data]);
    expect(same).toMatchObject({ code: 0, err: '' });
    expect(same.out).toMatch(/what was there lies in .*store-before-restore-1/);
    const again = await startProcess(data);
    expect(await values(again)).toEqual(valuesOf('first'));
    await stop(again);
  });

  test('of a name that is taken is refused, and the one that is there stays', async () => {
    const { server, backup } = await saved();
    const before = readdirSync(backup);
    const outcome = await run(['backup', 'monday', '--url', server.url]);
    expect(outcome.code).toBe(1);
    expect(outcome.err).toMatch(/there is a backup monday already/);
    expect(readdirSync(backup)).toEqual(before);
  });

  test('is not restored where a server runs, nor when it is damaged, nor from nothing; what is there stays', async () => {
    const { server, backup } = await saved();
    const running = await run(['restore', backup, '--data-dir', data]);
    expect([running.code, running.err]).toEqual([1, expect.stringMatching(/LOCKED/)]);
    await stop(server);
    damage(join(backup, 'store'));
    const empty = join(directory, 'empty');
    const damaged = await run(['restore', backup, '--data-dir', empty, '--first']);
    expect([damaged.code, damaged.err]).toEqual([1, expect.stringMatching(/the backup is damaged: table .* is damaged at byte \d+/)]);
    expect(existsSync(join(empty, 'store'))).toBe(false);
    const nothing = await run(['restore', join(directory, 'nowhere'), '--data-dir', empty, '--first']);
    expect([nothing.code, nothing.err]).toEqual([1, expect.stringMatching(/holds no complete backup/)]);
  });
});

describe('a scrub', () => {
  test('of a store that is whole says how much it read', async () => {
    const { server } = await saved();
    const outcome = await run(['scrub', '--url', server.url]);
    expect(outcome).toMatchObject({ code: 0, err: '' });
    expect(outcome.out).toMatch(/[\d.]+ KiB of tables read back/);
  });

  test('finds a table that rotted, fails, and wrong bytes are never served', async () => {
    const { server } = await saved();
    damage(join(data, 'store'));
    const outcome = await run(['scrub', '--url', server.url]);
    expect(outcome.code).toBe(1);
    expect(outcome.err).toMatch(/1 table of .* is damaged and set aside/);
    const told = await values(server);
    const right = valuesOf('first');
    for (const [number, value] of told.entries()) expect([right[number], 500]).toContain(value);
    expect(told).toContain(500);
    expect(existsSync(join(data, 'store', 'damaged'))).toBe(true);
  });
});
