/**
 * Runs the micro-benchmarks of this folder, one process each. `node micro/run.mjs [name…]`
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const wanted = process.argv.slice(2);
const names = readdirSync(here).filter(
  (name) => name.endsWith('.mjs') && name !== 'run.mjs' && (wanted.length === 0 || wanted.includes(name.slice(0, -4))),
);

for (const name of names) {
  console.log(`\n${name}`);
  const { status } = spawnSync(process.execPath, [join(here, name)], { stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}
