/**
 * The engine benchmark: every engine runs every group of workloads, in interleaved rounds (all engines' first, then all
 * engines' second, …, the order turning by one each round), each in a child process on a fresh directory, alone on the
 * machine, with the file system synced before. Writes `results/engine.json` after every child, so that a run cut short
 * leaves what it has.
 *
 * `node engine/run.mjs [--quick] [--rounds N] [--entries N] [--engines a,b] [--workloads group,…] [--directory DIR] [--out FILE]`
 */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { engineNames, loadEngine } from './adapters/index.mjs';
import { describeMachine, versionOf } from './machine.mjs';
import { groups, settings, sizes, unjudgedRounds } from './plan.mjs';

const execute = promisify(execFile);
const here = dirname(fileURLToPath(import.meta.url));

function readOptions() {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      entries: { type: 'string' },
      engines: { type: 'string' },
      workloads: { type: 'string' },
      directory: { type: 'string', default: join(here, '../results') },
      out: { type: 'string', default: join(here, '../results/engine.json') },
    },
  });
  const size = values.quick ? sizes.quick : sizes.full;
  return {
    ...values,
    phaseScale: size.phaseScale,
    rounds: Number(values.rounds ?? size.rounds),
    entries: Number(values.entries ?? size.entries),
    engines: values.engines?.split(',') ?? engineNames,
    workloads: values.workloads?.split(',') ?? Object.keys(groups),
  };
}

/** The adapters that can be loaded here; the others are named and left out. */
async function loadAdapters(names) {
  const adapters = [];
  for (const name of names) {
    try {
      adapters.push(await loadEngine(name));
    } catch (error) {
      console.error(`leaving out ${name}: ${error.message.split('\n')[0]}`);
    }
  }
  return adapters;
}

async function runChild(adapter, group, options) {
  const directory = mkdtempSync(join(options.directory, 'store-'));
  const input = JSON.stringify({ directory, entries: options.entries, phaseScale: options.phaseScale, seed: options.seed });
  await execute('sync');
  try {
    const child = execute(process.execPath, ['--expose-gc', join(here, 'child.mjs'), adapter.name, group, input], {
      timeout: 600_000,
      maxBuffer: 2 ** 26,
    });
    const { stdout } = await child.catch((error) => {
      if (error.stdout) return error;
      throw error;
    });
    return JSON.parse(stdout.trimEnd().split('\n').at(-1));
  } catch (error) {
    return { error: String(error.message) };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Every (group, round, engine) to run, in order. */
function* schedule(adapters, options) {
  for (let round = 0; round < options.rounds; round++) {
    for (const group of options.workloads) {
      for (let i = 0; i < adapters.length; i++) {
        const adapter = adapters[(i + round) % adapters.length];
        const isPrintedOnly = !adapter.judged && adapter.name !== 'coterie';
        if (isPrintedOnly && round >= unjudgedRounds) continue;
        yield { round, group, adapter };
      }
    }
  }
}

function describe(adapters, options) {
  return {
    startedAt: new Date().toISOString(),
    command: ['node', 'engine/run.mjs', ...process.argv.slice(2)].join(' '),
    machine: describeMachine(options.directory),
    settings,
    entries: options.entries,
    rounds: options.rounds,
    engines: adapters.map(({ name, title, judged, notes, packages }) => ({
      name,
      title,
      judged,
      notes,
      versions: packages.map((one) => `${one} ${versionOf(one)}`),
    })),
  };
}

function summary(outcome) {
  if (outcome.error !== undefined) return `failed: ${outcome.error.split('\n').slice(0, 3).join(' | ')}`;
  return Object.entries(outcome.rows)
    .filter(([, row]) => row.rate !== undefined)
    .map(
      ([name, row]) =>
        `${name} ${row.rate >= 1e4 ? `${(row.rate / 1e3).toFixed(0)}k` : row.rate.toFixed(0)}/s${row.kept > 0.1 ? ` (${Math.round(row.kept * 100)} % kept from a core)` : ''}`,
    )
    .join('  ');
}

async function main() {
  const options = readOptions();
  mkdirSync(options.directory, { recursive: true });
  mkdirSync(dirname(options.out), { recursive: true });
  const adapters = await loadAdapters(options.engines);
  const report = { ...describe(adapters, options), samples: [] };
  for (const { round, group, adapter } of schedule(adapters, options)) {
    const start = performance.now();
    const outcome = await runChild(adapter, group, { ...options, seed: 1000 + round });
    const seconds = (performance.now() - start) / 1000;
    report.samples.push({ round, group, engine: adapter.name, seconds, ...outcome });
    report.seconds = (report.seconds ?? 0) + seconds;
    writeFileSync(options.out, JSON.stringify(report));
    console.log(`${String(round + 1).padStart(2)} ${adapter.name.padEnd(18)} ${seconds.toFixed(1).padStart(5)}s  ${summary(outcome)}`);
  }
  const failed = JSON.parse(readFileSync(options.out, 'utf8')).samples.filter((sample) => sample.error !== undefined);
  if (failed.length > 0) console.error(`${failed.length} of ${report.samples.length} runs failed`);
  process.exitCode = failed.length > 0 ? 1 : 0;
}

await main();
