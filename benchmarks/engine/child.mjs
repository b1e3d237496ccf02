/**
 * One engine, one group, one round, in a process of its own: `node child.mjs ENGINE GROUP '{"directory":…}'`. The last line
 * of its output is a JSON object: rows by name, or `{ error }`.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { loadEngine } from './adapters/index.mjs';
import { createValues } from './data.mjs';
import { groups, settings } from './plan.mjs';

/** What a group is run with; `openStore` opens another store for each name `under`, else the same one again. */
function contextOf(adapter, group, { directory, entries, seed, phaseScale }) {
  const openStore = ({ durable = false, under = 'store' } = {}) => {
    const path = join(directory, under);
    mkdirSync(path, { recursive: true });
    return adapter.open(path, { ...settings, durable });
  };
  return {
    openStore,
    directory,
    seed,
    entries: Math.max(1000, Math.round(entries * group.share)),
    values: createValues(group.valueBytes),
    limitMs: (group.phaseSeconds ?? 0) * 1000 * phaseScale,
    phases: group.phases,
    suffix: group.suffix,
  };
}

async function main([engineName, groupName, options]) {
  const adapter = await loadEngine(engineName);
  const group = groups[groupName];
  return group.run(contextOf(adapter, group, JSON.parse(options)));
}

let outcome;
try {
  outcome = { rows: await main(process.argv.slice(2)) };
} catch (error) {
  outcome = { error: error.stack ?? String(error) };
}
process.stdout.write(`\n${JSON.stringify(outcome)}\n`, () => process.exit(outcome.error === undefined ? 0 : 1));
