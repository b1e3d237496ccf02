/**
 * Loaded into a server under test with `--import`: measures its event-loop turns and CPU time from the inside, whatever the
 * server is. The first SIGUSR2 starts (again from zero), the second writes `{ turn, cpuUs, seconds, exact }` to the file
 * that COTERIE_TURN_METER names and stops.
 *
 * Two meters. `delay`: a timer of 1 ms, how late it is; it costs nothing, and long turns are met more often than short
 * ones, which errs on the strict side. `exact` (COTERIE_TURN_METER_EXACT=1): an immediate in every turn and the gap between
 * two; it keeps the loop from ever sleeping, so its CPU figures mean nothing.
 */
import { writeFileSync } from 'node:fs';
import { createHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

const intervalNs = 1e6;

function percentiles(histogram, subtractNs) {
  const ms = (ns) => Math.max(0, ns - subtractNs) / 1e6;
  return {
    p50: ms(histogram.percentile(50)),
    p99: ms(histogram.percentile(99)),
    p999: ms(histogram.percentile(99.9)),
    max: ms(histogram.max),
  };
}

function startDelayMeter() {
  const monitor = monitorEventLoopDelay({ resolution: 1 });
  monitor.enable();
  return () => {
    monitor.disable();
    return percentiles(monitor, intervalNs);
  };
}

function startExactMeter() {
  const histogram = createHistogram();
  let last = performance.now();
  let running = true;
  function turn() {
    if (!running) return;
    const now = performance.now();
    histogram.record(Math.max(1, Math.round((now - last) * 1e6)));
    last = now;
    setImmediate(turn);
  }
  setImmediate(turn);
  return () => {
    running = false;
    return percentiles(histogram, 0);
  };
}

if (isMainThread && process.env.COTERIE_TURN_METER !== undefined) {
  const file = process.env.COTERIE_TURN_METER;
  const exact = process.env.COTERIE_TURN_METER_EXACT === '1';
  let stop;
  let cpu;
  let startedAt;
  process.on('SIGUSR2', () => {
    if (stop === undefined) {
      cpu = process.cpuUsage();
      startedAt = performance.now();
      stop = exact ? startExactMeter() : startDelayMeter();
      return;
    }
    const used = process.cpuUsage(cpu);
    const seconds = (performance.now() - startedAt) / 1000;
    const turn = stop();
    stop = undefined;
    writeFileSync(
      file,
      JSON.stringify({ turn, cpuUs: used.user + used.system, seconds, exact, maxRss: process.resourceUsage().maxRSS * 1024 }),
    );
  });
}
