/** Judges what clients were told, by the same rules as the simulator; and tells the story of a key that breaks one. */
import { judge } from '../../packages/simulator/dist/cluster/index.js';

/** @typedef {import('./ledger.mjs').Ledger} Ledger */
/** @typedef {import('./ledger.mjs').History} History */
/** @typedef {{ rule: string, sentence: string, key: string, story: string[] }} Finding */

/** As long as a client lets a node try. */
const timeoutMs = 6000;

/**
 * Everything that is wrong with the histories of a round. Gives way between keys: the links run in this process.
 * @param {Ledger} ledger
 * @param {(node: string, fromMs: number, untilMs: number) => boolean} wasWell whether a node's process ran all the while
 * @returns {Promise<Finding[]>}
 */
export async function judgeAll(ledger, wasWell) {
  /** @type {Finding[]} */
  const findings = [];
  for (const history of ledger.histories) {
    await new Promise((resolve) => setImmediate(resolve));
    const [violation] = judge(history, { buckets: [], timeoutMs, wasWell });
    const { bucket, key } = /** @type {{ bucket: string, key: string }} */ (history.writes[0] ?? history.reads[0] ?? history.last[0]);
    if (violation !== undefined) findings.push({ ...violation, key: `${bucket}/${key}`, story: storyOf(history) });
  }
  return findings;
}

/** @param {History} history @returns {string[]} a line for each thing that happened to a key, in order */
function storyOf({ writes, reads, last }) {
  const told = [
    ...writes.flatMap(({ id, kind, seen, attempts, ask }) =>
      attempts.map(({ node, startMs, endMs, outcome }) => ({
        atMs: startMs,
        text: `${kind} #${id} over [${[...seen].join(' ')}] w=${ask.w} pw=${ask.pw} at ${node}: ${outcomeInWords(outcome)} ${spanOf(startMs, endMs)}`,
      })),
    ),
    ...[...reads, ...last].map(({ node, startMs, endMs, shown, pr }) => ({
      atMs: startMs,
      text: `read pr=${pr} at ${node}: [${shown.join(' ')}] ${spanOf(startMs, endMs)}`,
    })),
  ];
  return told.sort((a, b) => a.atMs - b.atMs).map(({ atMs, text }) => `${(atMs / 1000).toFixed(3)}  ${text}`);
}

/** @param {import('./ledger.mjs').Attempt['outcome']} outcome */
function outcomeInWords(outcome) {
  if (outcome.kind === 'refused') return `${outcome.code}, ${outcome.mayHaveTakenEffect ? 'maybe done' : 'not done'}`;
  if (outcome.kind === 'silent') return 'no answer';
  const { primaries, fallbacks, synced } = outcome.reached;
  return `done, ${primaries} primaries, ${fallbacks} fallbacks, ${synced} synced`;
}

/** @param {number} startMs @param {number} endMs */
function spanOf(startMs, endMs) {
  return endMs === Infinity ? '' : `in ${(endMs - startMs).toFixed(0)} ms`;
}
