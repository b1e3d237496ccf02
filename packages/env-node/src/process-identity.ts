/**
 * Which process is this, and does that one still live? A process id alone does not say: ids are reused. On Linux the
 * kernel's start time of the process and the id of the boot make it unique; elsewhere this does what it can, and errs
 * on the side of "it lives".
 */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

/** What names a process for good. Empty strings are unknown. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks between boot and the start of the process, as Linux counts them. */
  readonly startTime: string;
  readonly bootId: string;
  readonly host: string;
}

/** The identity of this process. */
export function currentProcess(): ProcessIdentity {
  return {
    pid: process.pid,
    startTime: processState(process.pid)?.startTime ?? '',
    bootId: readText('/proc/sys/kernel/random/boot_id')?.trim() ?? '',
    host: hostname(),
  };
}

/** Whether a process can no longer be alive, as `here` sees it. One on another host is never judged dead. */
export function isGone(other: ProcessIdentity, here: ProcessIdentity): boolean {
  if (other.host !== here.host) return false;
  if (other.bootId !== '' && here.bootId !== '' && other.bootId !== here.bootId) return true;
  if (!isAlive(other.pid)) return true;
  const state = processState(other.pid);
  if (state === undefined) return false;
  return state.ended || (other.startTime !== '' && other.startTime !== state.startTime);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** From `/proc/<pid>/stat`: field 3 is the state (Z and X have ended), field 22 the start time. */
function processState(pid: number): { startTime: string; ended: boolean } | undefined {
  const text = readText(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  // Field 2 is the program's name in brackets and may itself hold blanks and brackets.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { startTime: fields[19] ?? '', ended: fields[0] === 'Z' || fields[0] === 'X' };
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
