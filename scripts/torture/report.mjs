/** What a run shows of itself: a line for each phase while it goes, a table of failures, the verdict. */

/** @typedef {import('./meter.mjs').Phase} Phase */
/** @typedef {import('./verdict.mjs').Finding} Finding */

const storyLines = 60;
const findingsShown = 3;

export const phaseHead =
  'phase                        s    op/s   p50 ms   p99 ms   longest wait: library  plain  hints  failures (with * those that nothing excuses)';

/** @param {Phase} phase @returns {string} */
export function phaseLine(phase) {
  const { title, seconds, times, hintsMost } = phase;
  const waitOf = (/** @type {import('./meter.mjs').HandName} */ hand) => `${((phase.waits.get(hand) ?? 0) / 1000).toFixed(2)} s`;
  const cells = [
    title.padEnd(24),
    seconds.toFixed(1).padStart(6),
    (times.length / seconds).toFixed(0).padStart(7),
    phase.quantile(0.5).toFixed(1).padStart(8),
    phase.quantile(0.99).toFixed(0).padStart(8),
    waitOf('library').padStart(23),
    waitOf('plain').padStart(6),
    String(hintsMost).padStart(6),
    ` ${failuresInWords(phase)}`,
  ];
  return cells.join(' ').trimEnd();
}

/** @param {Phase} phase */
function failuresInWords({ failures }) {
  return [...failures]
    .map(([name, { count, unexcused, leastMs, mostMs }]) => {
      const span = `${(leastMs / 1000).toFixed(1)}–${(mostMs / 1000).toFixed(1)} s`;
      return `${name} ${count}${unexcused > 0 ? ` (*${unexcused})` : ''} after ${span}`;
    })
    .join(', ');
}

/** @param {Finding} finding @returns {string[]} */
export function findingLines({ rule, sentence, key, story }) {
  const shown = story.slice(-storyLines);
  const left = story.length - shown.length;
  return [
    `${rule} is broken at ${key}: ${sentence}`,
    ...(left > 0 ? [`  (${left} lines before)`] : []),
    ...shown.map((line) => `  ${line}`),
  ];
}

/** @param {readonly Finding[]} findings @returns {string[]} */
export function findingsLines(findings) {
  const left = findings.length - findingsShown;
  const more =
    left > 0
      ? [
          `and ${left} more: ${findings
            .slice(findingsShown)
            .map(({ rule, key }) => `${rule} ${key}`)
            .join(', ')
            .slice(0, 500)}`,
        ]
      : [];
  return [...findings.slice(0, findingsShown).flatMap(findingLines), ...more];
}
