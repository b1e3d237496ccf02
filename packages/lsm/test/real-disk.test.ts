/**
 * A disk that is really full, and handles that really run out, in a child process: the disk is a small tmpfs, mounted
 * where only the child sees it (as root, or in a user namespace of its own); handles are limited by `ulimit -n`. Where no
 * mount is to be had, a limit on file size stands in and the test says so by its name; the system calls that EFBIG, which
 * is no full disk but a failed log write.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const child = fileURLToPath(new URL('./real-disk-child.mjs', import.meta.url));
const mountable = ['unshare -m', 'unshare -Urm'].find((prefix) => {
  const [command, ...flags] = prefix.split(' ');
  return spawnSync(command, [...flags, 'sh', '-c', 'mount -t tmpfs -o size=1m coterie /mnt && test -w /mnt']).status === 0;
});

/** What the child saw; `shell` runs first, in a shell in which `$0` is the directory. */
async function observe(mode: string, shell: string, prefix = ''): Promise<Record<string, unknown>> {
  const directory = await mkdtemp(join(tmpdir(), 'coterie-lsm-'));
  try {
    const [command, ...flags] = [...prefix.split(' ').filter((word) => word !== ''), 'sh', '-c', `${shell} && exec "$1" "$2" ${mode} "$0"`];
    const { code, out, err } = await run(command, [...flags, directory, process.execPath, child]);
    expect(code, err).toBe(0);
    return JSON.parse(out.trim().split('\n').at(-1) ?? '') as Record<string, unknown>;
  } finally {
    await rm(directory, { recursive: true });
  }
}

function run(command: string, args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  return new Promise((resolve, reject) => {
    const running = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let [out, err] = ['', ''];
    running.stdout.on('data', (data: Buffer) => (out += data.toString()));
    running.stderr.on('data', (data: Buffer) => (err += data.toString()));
    running.on('error', reject);
    running.on('close', (code) => resolve({ code, out, err }));
  });
}

describe('a disk that is really full', () => {
  test.skipIf(mountable === undefined)(
    'writes are refused without effect, nothing is lost, and writes come back with space',
    async () => {
      const report = await observe('full', 'mount -t tmpfs -o size=9m coterie "$0"', mountable);
      expect(report).toMatchObject({
        heldWhenFull: true,
        heldAfterReopening: true,
        resumed: true,
        heldAfterResuming: true,
        heldAtLast: true,
      });
      expect(report['failure']).toBeUndefined();
      expect(report['first']).toMatchObject({ later: 0 });
      expect((report['first'] as { acknowledged: number }).acknowledged).toBeGreaterThan(1000);
      expect(Object.keys(report['errors'] as object)).toEqual(['CoterieError DISK_FULL false']);
    },
    120_000,
  );

  test.skipIf(mountable !== undefined)(
    'no mount is to be had here: a limit on file size (EFBIG) ends writes, and nothing is lost',
    async () => {
      const report = await observe('limit', 'ulimit -f 1024');
      expect(report).toMatchObject({ heldWhenRefused: true, heldAfterReopening: true });
      expect(report['failure']).toMatch(/EFBIG/);
      expect((report['first'] as { acknowledged: number }).acknowledged).toBeGreaterThan(200);
      expect(Object.keys(report['errors'] as object)).toEqual(['CoterieError DISK_IO false']);
    },
    120_000,
  );

  test('a file that may not grow (EFBIG) ends writes, and nothing is lost', async () => {
    const report = await observe('limit', 'ulimit -f 1024');
    expect(report).toMatchObject({ heldWhenRefused: true, heldAfterReopening: true });
    expect(report['failure']).toMatch(/EFBIG/);
    expect(Object.keys(report['errors'] as object)).toEqual(['CoterieError DISK_IO false']);
  }, 120_000);
});

test('too many files, really: the store makes do with those it has, and flushes when there are more', async () => {
  const report = await observe('files', 'ulimit -n 76');
  expect(report).toMatchObject({
    readAsync: true,
    exhausted: 'EMFILE',
    readExhausted: true,
    heldExhausted: true,
    heldAfter: true,
    heldAtLast: true,
  });
  expect(report['tables'], 'far more than handles are left for them').toBeGreaterThan(55);
  expect(report['failure']).toBeUndefined();
  expect(report['errors']).toEqual({});
}, 120_000);
