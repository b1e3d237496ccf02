/**
 * What is measured around a loop: wall time, CPU time of all threads, event-loop delay; and of a process: bytes written,
 * peak memory; and of a directory: bytes on disk. Linux only, since bytes written come from /proc.
 */
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** The delay monitor fires once a millisecond and records the whole gap, so an idle loop shows about one. */
const monitorIntervalNs = 1e6;

/**
 * Runs `loop` (from drive.mjs) and returns `{ operations, seconds, rate, cpuUs, mainCpuUs, kept, delay, turn }`. CPU times are
 * per operation, of all threads and of the main one; `kept` is the share of wall time for which the main thread was ready to
 * run and had no core: how much other work on the machine disturbed the figure.
 */
export async function measure(loop) {
  globalThis.gc?.();
  const monitor = monitorEventLoopDelay({ resolution: 1 });
  monitor.enable();
  const cpuBefore = process.cpuUsage();
  const mainBefore = mainThread();
  const start = performance.now();
  const { operations, turns } = await loop();
  const seconds = (performance.now() - start) / 1000;
  const cpu = process.cpuUsage(cpuBefore);
  const main = mainThread();
  monitor.disable();
  const total = Array.isArray(operations) ? operations.reduce((sum, n) => sum + n, 0) : operations;
  return {
    operations,
    seconds,
    rate: total / seconds,
    cpuUs: (cpu.user + cpu.system) / total,
    mainCpuUs: (main.runUs - mainBefore.runUs) / total,
    kept: (main.waitUs - mainBefore.waitUs) / 1e6 / seconds,
    delay: monitor.max > 0 && monitor.count > 0 ? percentiles(monitor, monitorIntervalNs) : undefined,
    turn: turns === undefined ? undefined : percentiles(turns, 0),
  };
}

/** How long this process's main thread has run and has waited for a core, from the scheduler. */
function mainThread() {
  const [run, wait] = readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'latin1').split(' ');
  return { runUs: Number(run) / 1000, waitUs: Number(wait) / 1000 };
}

function percentiles(histogram, subtractNs) {
  const ms = (ns) => Math.max(0, ns - subtractNs) / 1e6;
  return {
    p50: ms(histogram.percentile(50)),
    p99: ms(histogram.percentile(99)),
    p999: ms(histogram.percentile(99.9)),
    max: ms(histogram.max),
  };
}

/** Bytes this process has written: `passed` to write calls, `dirtied` towards the disk (memory maps included). */
export function bytesWritten() {
  const text = readFileSync('/proc/self/io', 'latin1');
  const field = (name) => Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(text)[1]);
  return { passed: field('wchar'), dirtied: field('write_bytes') };
}

/** Peak resident memory of this process in bytes. */
export function peakMemory() {
  return process.resourceUsage().maxRSS * 1024;
}

/** Bytes that a directory's files take on disk (allocated blocks). */
export function diskBytes(directory) {
  let total = 0;
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    try {
      total += entry.isDirectory() ? diskBytes(path) : statSync(path).blocks * 512;
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
    }
  }
  return total;
}
