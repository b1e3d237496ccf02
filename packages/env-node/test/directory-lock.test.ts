import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { createInterface } from 'node:readline';
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

  test('of several that find the same dead holder at the same time, one gets the lock', async () => {
    const names = Array.from({ length: 200 }, (_, i) => String(i).padStart(3, '0'));
    for (const name of names) {
      mkdirSync(`${directory}/${name}`);
      writeFileSync(`${directory}/${name}/LOCK`, deadHolder);
    }
    const racers = await Promise.all([1, 2, 3].map(() => startRacer()));
    const held = await Promise.all(racers.map((race) => race()));
    expect(held.flat().sort()).toEqual(names);
    for (const name of names) expect(readdirSync(`${directory}/${name}`)).toEqual(['LOCK']);
  });
});

const deadHolder = JSON.stringify({ pid: 2 ** 22 + 1, startTime: '', bootId: '', host: hostname(), nonce: '0123456789abcdef', since: '' });

/** A process ready to race; the answer starts it and gives the names of the directories that it locked. */
async function startRacer(): Promise<() => Promise<string[]>> {
  const script = fileURLToPath(new URL('fixtures/lock-racer.mjs', import.meta.url));
  const child = spawn(process.execPath, [script, directory], { stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(child);
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  await lines.next();
  return async () => {
    child.stdin.write('go');
    const line: IteratorResult<string> = await lines.next();
    return JSON.parse(String(line.value)) as string[];
  };
}

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
