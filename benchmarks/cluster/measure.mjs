/**
 * One cluster's round: loaded, warmed up, every way and phase measured, and at the end every key read and held against
 * what was acknowledged.
 */
import { inFlights } from './plan.mjs';
import { cpuMicros } from './processes.mjs';

/** Measures all ways; `tell(sample)` is called after each phase. Returns the samples. */
export async function measureRound(cluster, load, { ways, options, tell }) {
  const samples = [];
  await warm(cluster, load, { way: ways[0], options });
  for (const way of ways) {
    await prepare(cluster, load, { way, options });
    for (const inFlight of inFlights) {
      if ((way.onlyInFlight ?? inFlight) !== inFlight) continue;
      await open(cluster, load, { way, inFlight });
      for (const phase of way.phases.filter(({ id }) => options.phases?.includes(id) ?? true)) {
        const sample = { way: way.id, inFlight, phase: phase.id, ...(await measurePhase(cluster, load, { phase, options })) };
        samples.push(sample);
        tell(sample);
      }
      await lookAtAll(load, { way, options });
      await load.order({ do: 'close' });
    }
  }
  return samples;
}

function open({ targets }, load, { way, inFlight }) {
  return load.order({ do: 'open', dialect: way.dialect, targets: way.targets === 'all' ? targets : targets.slice(0, 1), inFlight });
}

/**
 * So many puts that a store of ours has written three tables: the workers that do it begin without machine code, and the three
 * take 1.5 s of processor time for the first, 0.9 for the second and 0.5 for each from the third on, which would be charged to whichever
 * phase the first ones come in. A put itself takes a tenth less by then than after half as many.
 */
async function warm(cluster, load, { way, options }) {
  await open(cluster, load, { way, inFlight: Math.max(...inFlights) });
  await load.order({ ...way.phases.find(({ do: kind }) => kind === 'put'), count: options.warmPuts, keys: options.keys });
  await load.order({ do: 'close' });
}

/** Every key is written in every bucket, and then all is used for a while: machine code, connections, caches. */
async function prepare(cluster, load, { way, options }) {
  await open(cluster, load, { way, inFlight: Math.max(...inFlights) });
  const buckets = new Map(way.phases.filter(({ do: kind }) => kind === 'put').map((phase) => [phase.bucket, phase]));
  for (const phase of buckets.values()) await load.order({ ...phase, each: true, keys: options.keys });
  for (const phase of way.phases) {
    await load.order({ ...phase, seconds: options.warmSeconds, keys: options.keys });
  }
  await load.order({ do: 'close' });
}

async function measurePhase({ children }, load, { phase, options }) {
  // What the phase before left behind (hints, repairs, flushes) is not this one's.
  await new Promise((resolve) => setTimeout(resolve, options.pauseMs));
  const before = cpuMicros(children);
  const { done, seconds, latency, cpuUs, older } = await load.order({ ...phase, seconds: options.seconds, keys: options.keys });
  const serverCpuUs = (cpuMicros(children) - before) / done;
  return { done, rate: done / seconds, latency, serverCpuUs, loadCpuUs: cpuUs / done, older };
}

/** Every key of every bucket, exactly as it was acknowledged last. @throws on a difference */
async function lookAtAll(load, { way, options }) {
  const read = way.phases.find(({ do: kind, exact }) => kind === 'get' && exact);
  const buckets = new Set(way.phases.map(({ bucket }) => bucket));
  for (const bucket of buckets) await load.order({ ...read, bucket, each: true, keys: options.keys });
}

/** A sample as a line for people. */
export function describe(subject, { way, inFlight, phase, rate, latency, serverCpuUs, loadCpuUs, older }) {
  const { p50, p99, p999 } = latency;
  const name = `${subject} ${way}`.padEnd(22) + `${inFlight}`.padStart(3) + `  ${phase}`.padEnd(18);
  const times = `p50 ${p50.toFixed(2)} p99 ${p99.toFixed(2)} p99.9 ${p999.toFixed(2)} ms`;
  const cpu = `CPU ${serverCpuUs.toFixed(0)} µs/op, load ${loadCpuUs.toFixed(0)}`;
  return `${name} ${rate.toFixed(0).padStart(7)}/s  ${times}  ${cpu}${older > 0 ? `  ${older} older` : ''}`;
}
