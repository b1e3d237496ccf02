/** What a run shows, and what it is judged by: each row says what was wanted and what was seen, and can fail. */

/** @typedef {{ what: string, wanted: string, seen: string, isKept: boolean }} Judgement */
/** @typedef {import('./steady-load.mjs').Phase} Phase */
/** @typedef {import('./operator.mjs').Cost} Cost */

const mebibyte = 2 ** 20;
const failuresShown = 5;

/** @param {readonly Phase[]} phases @returns {string[]} */
export function phaseTable(phases) {
  const [idle] = phases;
  const head = ['phase', 's', 'op/s', 'p50 ms', 'p99 ms', 'p99.9 ms', 'p99 ÷ idle', 'failed', 'stale reads'];
  const rows = phases.map((phase) => [
    phase.title,
    phase.seconds.toFixed(1),
    (phase.times.length / phase.seconds).toFixed(0),
    ...[0.5, 0.99, 0.999].map((fraction) => phase.quantile(fraction).toFixed(1)),
    idle === undefined ? '' : (phase.quantile(0.99) / idle.quantile(0.99)).toFixed(2),
    String(phase.failures.length),
    String(phase.stale),
  ]);
  return table([head, ...rows]);
}

/** @param {readonly Cost[]} costs @returns {string[]} */
export function costTable(costs) {
  const head = ['change', 's', 'moved MiB', 'planner’s least MiB', 'ratio', 'beyond the plan MiB', 'of which'];
  const rows = costs.map(({ title, seconds, stretches, movedBytes, minimumBytes, resentBytes }) => [
    title,
    seconds.toFixed(1),
    (movedBytes / mebibyte).toFixed(1),
    (minimumBytes / mebibyte).toFixed(1),
    minimumBytes === 0 ? '' : (movedBytes / minimumBytes).toFixed(3),
    (resentBytes / mebibyte).toFixed(1),
    stretches,
  ]);
  return table([head, ...rows]);
}

/** @param {readonly Judgement[]} judgements @returns {string[]} */
export function judgementTable(judgements) {
  return table([
    ['', 'judged', 'wanted', 'seen'],
    ...judgements.map(({ what, wanted, seen, isKept }) => [isKept ? 'ok' : 'NOT', what, wanted, seen]),
  ]);
}

/** No request failed. @param {readonly Phase[]} phases @returns {Judgement} */
export function noneFailed(phases) {
  const failures = phases.flatMap(({ title, failures: all }) => all.map((failure) => `${title}: ${failure}`));
  const count = phases.reduce((sum, { times }) => sum + times.length, failures.length);
  const examples = failures.length === 0 ? '' : `, such as ${failures.slice(0, failuresShown).join(' · ')}`;
  return { what: 'failed requests', wanted: '0', seen: `${failures.length} of ${count}${examples}`, isKept: failures.length === 0 };
}

/** No read showed less than had been acknowledged before it. @param {readonly Phase[]} phases @returns {Judgement} */
export function noneStale(phases) {
  const stale = phases.reduce((sum, phase) => sum + phase.stale, 0);
  return { what: 'reads that missed what was acknowledged before', wanted: '0', seen: String(stale), isKept: stale === 0 };
}

/** @param {readonly string[]} lost keys @param {number} of @returns {Judgement} */
export function noneLost(lost, of) {
  return {
    what: 'acknowledged values lost, every key read in the end',
    wanted: '0',
    seen: `${lost.length} of ${of}${lost.length === 0 ? '' : ` (${lost.slice(0, failuresShown).join(', ')})`}`,
    isKept: lost.length === 0,
  };
}

/** @param {readonly Cost[]} costs @param {number} most @returns {Judgement[]} */
export function frugal(costs, most) {
  return costs.map(({ title, movedBytes, minimumBytes }) => ({
    what: `bytes moved ÷ the planner’s least, ${title}`,
    wanted: `at most ${most}`,
    seen: (movedBytes / minimumBytes).toFixed(3),
    isKept: movedBytes > 0 && movedBytes / minimumBytes <= most,
  }));
}

/** @param {Phase} idle @param {readonly Phase[]} phases @param {number} most @returns {Judgement[]} */
export function notMuchSlower(idle, phases, most) {
  const base = idle.quantile(0.99);
  return phases.map((phase) => ({
    what: `p99 ÷ p99 when idle, ${phase.title}`,
    wanted: `less than ${most}`,
    seen: (phase.quantile(0.99) / base).toFixed(2),
    isKept: base > 0 && phase.quantile(0.99) / base < most,
  }));
}

/** @param {Cost} cost @param {number} mostBytes @returns {Judgement} */
export function littleResent({ title, resentBytes }, mostBytes) {
  return {
    what: `sent again, ${title}`,
    wanted: `at most ${mostBytes / mebibyte} MiB`,
    seen: `${(resentBytes / mebibyte).toFixed(1)} MiB`,
    isKept: resentBytes <= mostBytes,
  };
}

/** @param {readonly (readonly string[])[]} rows the first is the head @returns {string[]} as Markdown, aligned */
function table(rows) {
  const [head = []] = rows;
  const widths = head.map((_, at) => Math.max(...rows.map((row) => (row[at] ?? '').length)));
  const lineOf = (/** @type {readonly string[]} */ row) => `| ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`;
  const [first = '', ...rest] = rows.map(lineOf);
  return [first, `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...rest];
}
