/**
 * Servers under test as processes of their own: started, waited for, measured from outside, stopped. Nothing here knows
 * what kind of server it is.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';

const waitLimitMs = 60_000;
const stopLimitMs = 20_000;
/** Length of a clock tick in /proc, in microseconds: USER_HZ is 100 on every Linux that matters here. */
const tickUs = 10_000;

/** Ports that were free a moment ago. */
export async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer());
  for (const server of servers) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  }
  const ports = servers.map((server) => server.address().port);
  for (const server of servers) server.close();
  return ports;
}

/** Starts a command whose output goes to `logFile`. */
export function startProcess(command, args, { logFile, env = {} }) {
  const log = openSync(logFile, 'a');
  const child = spawn(command, args, { stdio: ['ignore', log, log], env: { ...process.env, ...env } });
  closeSync(log);
  return child;
}

/** Asks processes to end, and ends those that do not. */
export async function stopProcesses(children) {
  await Promise.all(
    children.map(async (child) => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), stopLimitMs);
      await exited;
      clearTimeout(timer);
    }),
  );
}

/** Resolves once `check` returns something; asks ten times a second. @throws what it failed with last, after a minute */
export async function waitFor(what, check) {
  const deadline = Date.now() + waitLimitMs;
  for (let last; ; ) {
    try {
      const found = await check();
      if (found) return found;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) throw new Error(`${what}: not within ${waitLimitMs} ms`, { cause: last });
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Processor time of whole processes so far, all threads, user and system together, in microseconds. */
export function cpuMicros(children) {
  return children.reduce((sum, { pid }) => sum + ticksOf(pid) * tickUs, 0);
}

function ticksOf(pid) {
  // After the name, which may hold spaces: state is field 3, utime 14, stime 15 (proc_pid_stat(5)).
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}
