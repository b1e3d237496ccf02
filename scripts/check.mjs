/**
 * Runs the repository's checks one after another and ends with one line, `N passed, N failed`; `npm test` is this.
 *
 * Every check is a child process. One whose last line is itself `N passed, N failed` contributes those numbers; any
 * other counts as one check, passed when it exits with 0. A check that exits with a failure always counts at least one.
 * All checks run, whatever fails before them; `node scripts/check.mjs tidy types` runs only those named.
 */
import { spawn } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { countLine, countOf } from './count.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Check name → command, in the order they run. */
const checks = {
  build: ['npm', 'run', '--silent', 'build'],
  tidy: ['node', 'scripts/tidy/main.mjs'],
  oxlint: ['oxlint', '--type-aware', '--quiet'],
  format: ['biome', 'format', '.'],
  types: ['tsc', '-p', 'tsconfig.json'],
  knip: ['knip', '--no-progress'],
  unit: ['vitest', 'run'],
};

/** @returns {NodeJS.ProcessEnv} the environment with the repository's own tools first on the path */
function environment() {
  return { ...process.env, PATH: `${root}node_modules/.bin:${process.env['PATH'] ?? ''}`, NO_COLOR: '1' };
}

/**
 * Runs a command, passing its output on; resolves with its exit code and last line that is not blank.
 * @param {readonly string[]} command
 * @returns {Promise<{ code: number, lastLine: string }>}
 */
function run([program = '', ...args]) {
  const child = spawn(program, args, { cwd: root, env: environment(), stdio: ['ignore', 'pipe', 'pipe'] });
  let tail = '';
  child.stdout.on('data', (chunk) => {
    process.stdout.write(chunk);
    tail = (tail + chunk).slice(-4096);
  });
  child.stderr.pipe(process.stderr, { end: false });
  return new Promise((resolve) => {
    child.on('error', (error) => console.error(error.message));
    child.on('close', (code) => resolve({ code: code ?? 1, lastLine: tail.trimEnd().split('\n').at(-1) ?? '' }));
  });
}

/** @param {readonly string[]} names */
async function main(names) {
  const unknown = names.filter((name) => !(name in checks));
  if (unknown.length > 0) {
    console.error(`no check is called ${unknown.join(', ')}; there are: ${Object.keys(checks).join(', ')}`);
    process.exit(2);
  }
  const total = { passed: 0, failed: 0 };
  for (const [name, command] of Object.entries(checks)) {
    if (names.length > 0 && !names.includes(name)) continue;
    console.log(`── ${name}`);
    const startedAt = performance.now();
    const count = countOf(await run(command));
    total.passed += count.passed;
    total.failed += count.failed;
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    console.log(`── ${name}: ${count.failed === 0 ? 'ok' : 'FAILED'} in ${seconds} s\n`);
  }
  console.log(countLine(total));
  process.exitCode = total.failed === 0 ? 0 : 1;
}

await main(process.argv.slice(2));
