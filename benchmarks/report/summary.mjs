/**
 * From samples (one per engine, group and round) to figures: the median over rounds with least and most, and how ours
 * stands against the best judged peer.
 */

const ours = 'coterie';

/** Median, least and most of some numbers; undefined when there are none. */
export function spread(numbers) {
  const sorted = numbers.filter((n) => n !== undefined && Number.isFinite(n)).sort((a, b) => a - b);
  if (sorted.length === 0) return undefined;
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return { median, least: sorted[0], most: sorted.at(-1), rounds: sorted.length };
}

/** `figure(engine, id, pick)` over a run's samples, and the engines by role. */
export function createSummary(run) {
  const samples = run.samples.filter((sample) => sample.rows !== undefined);
  const figure = (engine, id, pick) =>
    spread(samples.filter((sample) => sample.engine === engine && sample.rows[id] !== undefined).map((sample) => pick(sample.rows[id])));
  return {
    figure,
    engines: run.engines,
    judged: run.engines.filter((engine) => engine.judged),
    hasOurs: run.engines.some((engine) => engine.name === ours),
  };
}

/** Ours beside the best judged peer in one rate row: `{ ours, best, bestName, ratio, isMet }`, parts undefined when absent. */
export function compareRates(summary, row) {
  const rate = (sample) => sample.rate;
  const own = summary.figure(ours, row.id, rate);
  let best;
  let bestTitle;
  for (const { name, title } of summary.judged) {
    const peer = summary.figure(name, row.id, rate);
    if (peer !== undefined && (best === undefined || peer.median > best.median)) {
      best = peer;
      bestTitle = title;
    }
  }
  const ratio = own === undefined || best === undefined ? undefined : own.median / best.median;
  const isMet = ratio === undefined || row.target === undefined ? undefined : ratio >= row.target;
  return { own, best, bestTitle, ratio, isMet };
}

/** Ours against a fixed bound, less being better, and the least judged peer. */
export function compareBounds(summary, row) {
  const own = summary.figure(ours, row.id, row.of);
  const isMet = own === undefined || row.bound === undefined ? undefined : own.median <= row.bound;
  return { own, isMet };
}
