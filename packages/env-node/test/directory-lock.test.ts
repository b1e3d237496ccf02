import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { isCoterieError } from '@coterie/env';
import type { CoterieError } from '@coterie/env';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { nodeFiles } from '../src/index.ts';

const holderScript = fileURLToPath(new URL('fixtures/lock-holder.mjs', import.meta.url));
const files = nodeFiles();
const children: ChildProcess[] = [];
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(`${tmpdir()}/coterie-lock-`);
});

afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => end(child, 'SIGKILL')));
  rmSync(directory, { recursive: true });
});

/** Starts a process that tries to lock; answers what it said. */
async function contend(): Promise<{ child: ChildProcess; said: string }> {
  const child = spawn(process.execPath, [holderScript, directory], { stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(child);
  const [line] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
  return { child, said: line.toString().trim() };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
}

async function endGently(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.stdin?.end();
  await exited;
}

function lockError(): CoterieError {
  try {
    files.lockSync(directory).releaseSync();
  } catch (error) {
    if (isCoterieError(error, 'LOCKED')) return error;
    throw error;
  }
  throw new Error('the lock was free');
}

describe('between processes', () => {
  test('a living holder is named, with what to do', async () => {
    const { child, said } = await contend();
    expect(said).toBe('held');
    const error = lockError();
    expect(error.details['pid']).toBe(child.pid);
    expect(error.message).toContain(`process ${child.pid}`);
    expect(error.message).toMatch(/since \d{4}-.*remove .*LOCK/);
    await endGently(child);
    expect(existsSync(`${directory}/LOCK`)).toBe(false);
  });

  test('a stopped holder still holds', async () => {
    const { child } = await contend();
    child.kill('SIGSTOP');
    expect(lockError().details['pid']).toBe(child.pid);
  });

  test('after kill -9 the lock is free, whatever the file says', async () => {
    const { child } = await contend();
    await end(child, 'SIGKILL');
    expect(existsSync(`${directory}/LOCK`)).toBe(true);
    const lock = files.lockSync(directory);
    expect((await contend()).said).toBe('LOCKED');
    lock.releaseSync();
    expect(readdirSync(directory)).toEqual([]);
  });

  test('of many that find a dead holder, one gets the lock', async () => {
    for (let round = 0; round < 3; round++) {
      const first = await contend();
      expect(first.said).toBe('held');
      await end(first.child, 'SIGKILL');
      const contenders = await Promise.all(Array.from({ length: 6 }, contend));
      expect(contenders.map(({ said }) => said).sort()).toEqual(['LOCKED', 'LOCKED', 'LOCKED', 'LOCKED', 'LOCKED', 'held']);
      await Promise.all(contenders.map(({ child }) => endGently(child)));
      expect(readdirSync(directory)).toEqual([]);
    }
  });
});

describe('what the file says', () => {
  const mine = (): Record<string, unknown> => {
    const lock = files.lockSync(directory);
    const text = readFileSync(`${directory}/LOCK`, 'utf8');
    lock.releaseSync();
    return JSON.parse(text) as Record<string, unknown>;
  };
  const write = (holder: unknown): void => writeFileSync(`${directory}/LOCK`, typeof holder === 'string' ? holder : JSON.stringify(holder));

  test('this very process holds', () => {
    write(mine());
    expect(lockError().details['pid']).toBe(process.pid);
  });

  test.runIf(process.platform === 'linux')('the same process id with another start time is another process, and gone', () => {
    write({ ...mine(), startTime: '1' });
    files.lockSync(directory).releaseSync();
    expect(readdirSync(directory)).toEqual([]);
  });

  test.runIf(process.platform === 'linux')('an earlier boot is gone', () => {
    write({ ...mine(), bootId: '00000000-0000-0000-0000-000000000000' });
    files.lockSync(directory).releaseSync();
    expect(readdirSync(directory)).toEqual([]);
  });

  test('a process of another host is never judged, whatever its id', () => {
    write({ ...mine(), host: 'elsewhere', pid: 2 ** 22 + 1, bootId: 'other' });
    expect(lockError().message).toContain('elsewhere');
  });

  test.each(['', '{', 'null', '[]', '{"pid":1}', '{"pid":-1,"startTime":"","bootId":"","host":"","nonce":"../../x","since":""}'])(
    'what names nobody is held by nobody: %s',
    (text) => {
      write(text);
      files.lockSync(directory).releaseSync();
      expect(readdirSync(directory)).toEqual([]);
    },
  );

  test('claims and copies that dead processes left are swept, those of living ones stay', () => {
    const holder = mine();
    const dead = { ...holder, pid: 2 ** 22 + 1 };
    write(dead);
    writeFileSync(`${directory}/LOCK.${String(holder['nonce'])}`, JSON.stringify({ ...dead, nonce: '0123456789abcdef' }));
    writeFileSync(`${directory}/LOCK.fedcba9876543210.new`, JSON.stringify(dead));
    writeFileSync(`${directory}/LOCK.aaaaaaaaaaaaaaaa.new`, JSON.stringify(holder));
    files.lockSync(directory).releaseSync();
    expect(readdirSync(directory)).toEqual(['LOCK.aaaaaaaaaaaaaaaa.new']);
  });

  test('a release leaves a lock that somebody else has taken', () => {
    const lock = files.lockSync(directory);
    write({ ...(JSON.parse(readFileSync(`${directory}/LOCK`, 'utf8')) as object), nonce: '0000000000000000' });
    lock.releaseSync();
    expect(readdirSync(directory)).toEqual(['LOCK']);
  });
});
