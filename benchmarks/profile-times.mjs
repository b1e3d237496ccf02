/** Reads what `node --cpu-prof` writes. */
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Self time by function, in milliseconds, largest first; each sample stands for the time since the one before. */
export function selfTimes({ nodes, samples, timeDeltas }) {
  const byId = new Map(nodes.map((node) => [node.id, node.callFrame]));
  const totals = new Map();
  samples.forEach((id, i) => {
    const { functionName, url, lineNumber } = byId.get(id);
    const where = url.startsWith('file:') ? relative(root, fileURLToPath(url)) : url;
    const name = functionName === '' ? 'anonymous' : functionName;
    const label = where === '' ? name : `${name}\0${where}:${lineNumber + 1}`;
    totals.set(label, (totals.get(label) ?? 0) + timeDeltas[i] / 1000);
  });
  return [...totals]
    .map(([label, ms]) => ({ name: label.split('\0')[0], where: label.split('\0')[1] ?? '', ms }))
    .sort((a, b) => b.ms - a.ms);
}
