/**
 * Everything, one after the other: engines, HTTP, cluster, cities, profile, and docs/benchmarks.md from all of it. Goes on after a
 * failure and ends with 1 if there was one.
 *
 * `node run.mjs [--quick]`
 */
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const isQuick = process.argv.includes('--quick');
const quick = isQuick ? ['--quick'] : [];

const steps = [
  ['engine/run.mjs', ...quick],
  ['http/run.mjs', ...quick],
  ['cluster/run.mjs', ...quick],
  ['cluster/profile.mjs', ...(isQuick ? ['--seconds', '2'] : [])],
  ['cities/run.mjs', ...(isQuick ? ['--limit', '10000'] : [])],
  ['profile.mjs', ...(isQuick ? ['--entries', '100000'] : [])],
  ['report.mjs', ...(isQuick ? ['--out', join(here, 'results/benchmarks.md')] : [])],
];

for (const [script, ...options] of steps) {
  console.log(`\n${script} ${options.join(' ')}`);
  const { status } = spawnSync(process.execPath, [join(here, script), ...options], { stdio: 'inherit' });
  if (status !== 0) {
    console.error(`${script} ended with ${status}`);
    process.exitCode = 1;
  }
}
