/** What the three nodes are held to, and how rows of the cluster benchmark are found. */
import { spread } from './summary.mjs';

const target = 2;

/** Every (way, in flight, phase) that was measured, in order, as `{ subject, way, inFlight, phase, samples }`. */
export function rowsOf({ samples }) {
  const rows = new Map();
  for (const sample of samples) {
    const { subject, way, inFlight, phase } = sample;
    const name = [subject, way, inFlight, phase].join(' ');
    if (!rows.has(name)) rows.set(name, { subject, way, inFlight, phase, samples: [] });
    rows.get(name).samples.push(sample);
  }
  return [...rows.values()];
}

/** The spread over rounds of what `pick` finds in a row's samples. */
export function spreadOf(row, pick) {
  return spread(row.samples.map(pick));
}

/**
 * Ours beside etcd's, both over HTTP: puts of two durable copies beside etcd's puts, gets of two copies beside its
 * linearizable ones. etcd is taken at its better: all members asked, or its leader alone.
 */
export function goalsOf(run) {
  const rows = rowsOf(run);
  const rate = (row) => spreadOf(row, (sample) => sample.rate).median;
  const goals = [];
  for (const inFlight of [1, 50]) {
    for (const [kind, own, others] of [
      ['puts', 'put.w2', 'put'],
      ['gets', 'get.r2', 'get'],
    ]) {
      const ours = rows.find((row) => row.way === 'http' && row.inFlight === inFlight && row.phase === own);
      const theirs = rows.filter((row) => row.way.startsWith('gateway') && row.inFlight === inFlight && row.phase === others);
      if (ours === undefined || theirs.length === 0) continue;
      const ratio = rate(ours) / Math.max(...theirs.map(rate));
      goals.push({ title: `quorum ${kind}, ${inFlight} in flight`, ratio, target, isMet: ratio >= target });
    }
  }
  return goals;
}
