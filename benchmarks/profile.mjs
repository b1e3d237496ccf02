/**
 * Where the time of a workload goes: runs one group of ours alone under `node --cpu-prof` and sums self time by function.
 * Writes `results/profile.json` for the report.
 *
 * `node profile.mjs [GROUP] [--entries N] [--engine NAME] [--top N]`; GROUP defaults to fillrandom-async, the hottest row.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { selfTimes } from './profile-times.mjs';

const here = dirname(fileURLToPath(import.meta.url));

/** The profile of the main thread: of those written, the one with most samples outside the idle function. */
function readMainProfile(directory) {
  const profiles = readdirSync(directory)
    .filter((name) => name.endsWith('.cpuprofile'))
    .map((name) => selfTimes(JSON.parse(readFileSync(join(directory, name), 'utf8'))));
  const isChild = (entries) => entries.some((entry) => entry.where.startsWith('benchmarks/engine/drive.mjs'));
  return profiles.find(isChild) ?? profiles[0];
}

function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      entries: { type: 'string', default: '1000000' },
      engine: { type: 'string', default: 'coterie' },
      top: { type: 'string', default: '25' },
      out: { type: 'string', default: join(here, 'results/profile.json') },
    },
  });
  const workload = positionals[0] ?? 'fillrandom-async';
  const directory = mkdtempSync(join(here, 'results', 'profile-'));
  const input = JSON.stringify({ directory, entries: Number(values.entries), phaseScale: 1, seed: 1 });
  try {
    const child = join(here, 'engine/child.mjs');
    execFileSync(process.execPath, ['--expose-gc', '--cpu-prof', `--cpu-prof-dir=${directory}`, child, values.engine, workload, input], {
      maxBuffer: 2 ** 26,
    });
    const entries = readMainProfile(directory).filter((entry) => entry.name !== '(idle)');
    const totalMs = entries.reduce((sum, entry) => sum + entry.ms, 0);
    const top = entries.slice(0, Number(values.top)).map((entry) => ({ ...entry, share: entry.ms / totalMs }));
    writeFileSync(values.out, JSON.stringify({ workload, totalMs, entries: top }));
    for (const { share, name, where } of top) console.log(`${(share * 100).toFixed(1).padStart(5)} %  ${name.padEnd(32)} ${where}`);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

main();
