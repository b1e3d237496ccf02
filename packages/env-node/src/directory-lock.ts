/**
 * The exclusive lock of a directory, without help from the system (Node has no `flock`): a file `LOCK` that names its
 * holder. It is written whole under a name of its own and then linked, so it appears complete or not at all, and only
 * one process can make it appear.
 *
 * ```
 *   LOCK absent ──link──▶ ours                  LOCK of a living process (or of another host) ──▶ LOCKED
 *   LOCK of a dead process, nonce S ──take the lock file LOCK.S the same way──▶ LOCK still says S? rename ours over it
 * ```
 *
 * Two processes that find the same dead holder must not both replace it: the later would replace the earlier's fresh
 * lock. So the right to replace nonce S is itself a lock, named after S, that may have a dead holder and be replaced in
 * turn. Who has it and still reads S is alone: S never comes back, and LOCK.S is removed only after LOCK changed.
 *
 * Process, start time and boot decide who lives (`process-identity.ts`). The same process opening twice is locked out
 * like any other.
 */
import * as fs from 'node:fs';
import { randomBytes } from 'node:crypto';
import { CoterieError } from '@coterie/env';
import type { DirectoryLock } from '@coterie/env';
import { diskError, osCodeOf } from './disk-error.ts';
import { currentProcess, isGone } from './process-identity.ts';
import type { ProcessIdentity } from './process-identity.ts';

interface Holder extends ProcessIdentity {
  readonly nonce: string;
  /** ISO time at which the lock was taken. */
  readonly since: string;
}

/** Holders that died while replacing a dead holder, one after the other; more than this is no accident. */
const deepestClaim = 4;
const attempts = 16;
const leftoverAgeMs = 60_000;

/**
 * Takes the lock of a directory.
 * @throws CoterieError `LOCKED`, naming the holder and what to do · `DISK_IO`
 */
export function lockDirectory(directory: string): DirectoryLock {
  const path = `${directory}/LOCK`;
  const mine: Holder = { ...currentProcess(), nonce: randomBytes(8).toString('hex'), since: new Date().toISOString() };
  try {
    acquire(path, mine, 0);
    sweep(directory, mine);
  } catch (error) {
    throw diskError('lock', path, error);
  }
  return new NodeDirectoryLock(path, mine.nonce);
}

class NodeDirectoryLock implements DirectoryLock {
  readonly #path: string;
  readonly #nonce: string;
  #held = true;

  constructor(path: string, nonce: string) {
    this.#path = path;
    this.#nonce = nonce;
  }

  async release(): Promise<void> {
    this.releaseSync();
  }

  releaseSync(): void {
    if (!this.#held) return;
    this.#held = false;
    try {
      // Somebody may have removed the file by hand and another process taken the lock: theirs stays.
      if (readHolder(this.#path)?.nonce === this.#nonce) fs.unlinkSync(this.#path);
    } catch (error) {
      throw diskError('unlock', this.#path, error);
    }
  }
}

function acquire(path: string, mine: Holder, depth: number): void {
  for (let attempt = 0; attempt < attempts; attempt++) {
    if (createExclusively(path, mine)) return;
    const holder = readHolder(path);
    if (holder === undefined) continue;
    if (!isDead(holder, mine) || depth === deepestClaim) throw locked(path, holder);
    if (replace(path, { mine, dead: holder, depth })) return;
  }
  throw new CoterieError('LOCKED', `${path} changes hands faster than it can be taken; try again`, {
    details: { file: path },
    retryable: true,
  });
}

/** Replaces a dead holder's lock by ours. False when somebody else did before. */
function replace(path: string, claim: { mine: Holder; dead: Holder; depth: number }): boolean {
  const claimPath = `${path}.${claim.dead.nonce}`;
  acquire(claimPath, claim.mine, claim.depth + 1);
  try {
    if (readHolder(path)?.nonce !== claim.dead.nonce) return false;
    const own = writeOwn(path, claim.mine);
    fs.renameSync(own, path);
    return readHolder(path)?.nonce === claim.mine.nonce;
  } finally {
    fs.rmSync(claimPath, { force: true });
  }
}

/** Makes the lock file appear whole, if no file of that name exists. */
function createExclusively(path: string, mine: Holder): boolean {
  const own = writeOwn(path, mine);
  try {
    fs.linkSync(own, path);
    return true;
  } catch (error) {
    if (osCodeOf(error) === 'EEXIST') return false;
    if (!lacksLinks(error)) throw error;
    return createWithoutLinks(path, mine);
  } finally {
    fs.rmSync(own, { force: true });
  }
}

/** Some file systems have no hard links. There a crash between creating and writing leaves an empty lock, judged dead. */
function createWithoutLinks(path: string, mine: Holder): boolean {
  try {
    fs.writeFileSync(path, JSON.stringify(mine), { flag: 'wx' });
  } catch (error) {
    if (osCodeOf(error) === 'EEXIST') return false;
    throw error;
  }
  return readHolder(path)?.nonce === mine.nonce;
}

function writeOwn(path: string, mine: Holder): string {
  const own = `${path}.${mine.nonce}.new`;
  fs.writeFileSync(own, JSON.stringify(mine), { flag: 'wx' });
  return own;
}

function lacksLinks(error: unknown): boolean {
  const code = osCodeOf(error);
  return code === 'EPERM' || code === 'ENOTSUP' || code === 'EOPNOTSUPP' || code === 'ENOSYS';
}

/** The holder that a lock file names; `undefined` when there is no such file. */
function readHolder(path: string): Holder | undefined {
  let text: string;
  try {
    text = fs.readFileSync(path, 'utf8');
  } catch (error) {
    if (osCodeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  return parseHolder(text) ?? unreadable;
}

function parseHolder(text: string): Holder | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return undefined;
    const { pid, startTime, bootId, host, nonce, since } = value as Record<string, unknown>;
    if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid <= 0) return undefined;
    for (const field of [startTime, bootId, host, since]) if (typeof field !== 'string') return undefined;
    // The nonce becomes part of a file name.
    if (typeof nonce !== 'string' || !/^[0-9a-f]{16}$/.test(nonce)) return undefined;
    return value as Holder;
  } catch {
    return undefined;
  }
}

/** What a system crash leaves of an unsynced lock file: bytes that name nobody. Nobody holds it. */
const unreadable: Holder = { pid: 0, startTime: '', bootId: '', host: '', nonce: 'unreadable', since: '' };

function isDead(holder: Holder, here: ProcessIdentity): boolean {
  return holder === unreadable || isGone(holder, here);
}

/**
 * Removes what processes left behind that died while they took this lock. Only the lock's holder calls this. A file that
 * names nobody may be one that a living process is just writing, so it must be old as well.
 */
function sweep(directory: string, mine: Holder): void {
  for (const name of fs.readdirSync(directory)) {
    if (!name.startsWith('LOCK.')) continue;
    const path = `${directory}/${name}`;
    const holder = readHolder(path);
    if (holder === undefined || !isDead(holder, mine)) continue;
    if (holder !== unreadable || isOld(path)) fs.rmSync(path, { force: true });
  }
}

function isOld(path: string): boolean {
  const stats = fs.statSync(path, { throwIfNoEntry: false });
  return stats !== undefined && Date.now() - stats.mtimeMs > leftoverAgeMs;
}

function locked(path: string, holder: Holder): CoterieError {
  const advice = `Stop that process, or give this one another directory. If you are sure that it no longer runs, remove ${path}.`;
  const message = `${path} is held by process ${holder.pid} on host ${holder.host} since ${holder.since}. ${advice}`;
  return new CoterieError('LOCKED', message, { details: { file: path, pid: holder.pid, host: holder.host, since: holder.since } });
}
