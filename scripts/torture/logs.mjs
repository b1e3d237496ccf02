/** What the nodes said in their logs, counted: what an operator would have been told. */
import { existsSync, readFileSync } from 'node:fs';

const kindsShown = 12;

/**
 * @param {readonly { name: string, logFile: string }[]} nodes
 * @returns {string[]} a line for each kind of warning and error, the most frequent first
 */
export function logLines(nodes) {
  /** @type {Map<string, { count: number, example: string }>} */
  const kinds = new Map();
  for (const { name, logFile } of nodes) {
    if (!existsSync(logFile)) continue;
    for (const line of readFileSync(logFile, 'utf8').split('\n')) {
      const match = /\b(WARN|ERROR)\b\s+(.*)$/i.exec(line);
      if (match === null) continue;
      const [, level = '', text = ''] = match;
      const kind = `${level} ${text.replace(/\s+\S+=.*$/, '')}`;
      const known = kinds.get(kind) ?? { count: 0, example: `${name}: ${text}` };
      known.count += 1;
      kinds.set(kind, known);
    }
  }
  const sorted = [...kinds].sort(([, a], [, b]) => b.count - a.count);
  return sorted
    .slice(0, kindsShown)
    .map(([kind, { count, example }]) => `${String(count).padStart(5)}  ${kind}   (${example.slice(0, 200)})`);
}
