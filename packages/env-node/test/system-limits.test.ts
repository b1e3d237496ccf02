import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { isCoterieError } from '@coterie/env';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nodeFiles } from '../src/index.ts';

const run = promisify(execFile);
const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(`${tmpdir()}/coterie-limits-`);
});
afterEach(() => rmSync(directory, { recursive: true }));

test.runIf(existsSync('/dev/full'))('a full disk is DISK_FULL', async () => {
  const handle = nodeFiles().openSync('/dev/full', 'update');
  const failures = [
    () => Promise.resolve().then(() => handle.writeSync(new Uint8Array(10), 0, 10, 0)),
    () => handle.write(new Uint8Array(10), 0, 10, 0),
  ];
  for (const failure of failures) {
    const error = await failure().catch((reason: unknown) => reason);
    expect(isCoterieError(error, 'DISK_FULL') && error.details).toEqual({ file: '/dev/full', osCode: 'ENOSPC' });
    expect(isCoterieError(error) && error.retryable).toBe(true);
  }
  handle.closeSync();
});

test.runIf(process.platform === 'linux')('too many open files is DISK_IO that may pass', async () => {
  const { stdout } = await run('sh', ['-c', 'ulimit -n 64; exec "$0" "$1" "$2"', process.execPath, fixture('open-many.mjs'), directory]);
  expect(JSON.parse(stdout)).toEqual({ code: 'DISK_IO', osCode: 'EMFILE', retryable: true });
});

test('maxOpen bounds the handles, in both forms, and closing makes room', async () => {
  const files = nodeFiles({ maxOpen: 2 });
  const first = files.openSync(`${directory}/1`, 'create');
  await files.open(`${directory}/2`, 'create');
  const isFull = (error: unknown): boolean => isCoterieError(error, 'DISK_IO') && error.details.osCode === 'EMFILE' && error.retryable;
  expect(isFull(await files.open(`${directory}/3`, 'create').catch((error: unknown) => error))).toBe(true);
  await first.close();
  await expect(files.open(`${directory}/missing`, 'read')).rejects.toThrow('ENOENT');
  const third = files.openSync(`${directory}/3`, 'create');
  expect(() => files.openSync(`${directory}/4`, 'create')).toThrow('EMFILE');
  third.closeSync();
  files.openSync(`${directory}/4`, 'create').closeSync();
});

test('a process waits for its running job and then ends by itself', async () => {
  const { stdout } = await run(process.execPath, [fixture('one-job.mjs'), 'main'], { timeout: 20_000 });
  expect(JSON.parse(stdout)).toEqual({ state: 'done', output: 500 });
});

test('a worker that runs out of memory fails its job, and the process goes on', async () => {
  const { stdout } = await run(process.execPath, ['--max-old-space-size=40', fixture('eat-memory.mjs')], { timeout: 30_000 });
  expect(JSON.parse(stdout)).toEqual({ state: 'failed', code: 'REMOTE', reason: 'worker-died' });
});
