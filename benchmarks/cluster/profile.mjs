/**
 * Where the processor time of a quorum operation goes: three nodes under load, one of them with `node --cpu-prof`, and its
 * main thread's self time summed by package and by function. Writes `results/cluster-profile.json` for the report.
 *
 * `node cluster/profile.mjs [--phases put.w2,get.r2] [--seconds 8] [--in-flight 50] [--top 25] [--keep DIR]`
 */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { selfTimes } from '../profile-times.mjs';
import { makeOverwritingBucket, startCoterie } from './coterie-cluster.mjs';
import { startLoad } from './load-process.mjs';
import { coterieWays, overwriting } from './plan.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const keys = 10_000;

/** The profile of the main thread: the longest text, as workers do next to nothing here. */
function readMainProfile(directory) {
  const texts = readdirSync(directory).map((name) => readFileSync(join(directory, name), 'utf8'));
  return JSON.parse(texts.sort((a, b) => b.length - a.length)[0]);
}

async function profilePhase(phase, options) {
  const directory = mkdtempSync(join(here, '../results', 'cluster-profile-'));
  const profiles = join(directory, 'profiles');
  const load = startLoad();
  let cluster;
  try {
    cluster = await startCoterie(directory, { nodeOptions: ['--cpu-prof', `--cpu-prof-dir=${profiles}`] });
    await makeOverwritingBucket(cluster, overwriting);
    await load.order({ do: 'open', dialect: 'coterie-http', targets: cluster.targets, inFlight: options.inFlight });
    const write = { do: 'put', bucket: overwriting, w: 3, keys };
    await load.order({ ...write, each: true });
    const { done, seconds } = await load.order({ ...phase, seconds: options.seconds, keys });
    await cluster.stop();
    if (options.keep !== undefined) cpSync(profiles, join(options.keep, phase.id), { recursive: true });
    return { phase: phase.id, inFlight: options.inFlight, rate: done / seconds, ...summed(readMainProfile(profiles), options.top) };
  } finally {
    load.stop();
    await cluster?.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Busy time by package and by function, as shares. */
function summed(profile, top) {
  const entries = selfTimes(profile).filter(({ name }) => name !== '(idle)');
  const totalMs = entries.reduce((sum, { ms }) => sum + ms, 0);
  const byPackage = new Map();
  for (const { name, where, ms } of entries) {
    const part = partOf(name, where);
    byPackage.set(part, (byPackage.get(part) ?? 0) + ms);
  }
  const parts = [...byPackage].map(([name, ms]) => ({ name, share: ms / totalMs })).sort((a, b) => b.share - a.share);
  return { totalMs, parts, entries: entries.slice(0, top).map((entry) => ({ ...entry, share: entry.ms / totalMs })) };
}

function partOf(name, where) {
  const own = /^packages\/([^/]+)\//.exec(where) ?? /node_modules\/([^/]+)\//.exec(where);
  if (own !== null) return own[1];
  const built = /^node:(internal\/)?([a-z0-9_]+)/.exec(where);
  if (built !== null) return `node:${built[2]}`;
  return name.startsWith('(') ? name : 'native code under JavaScript';
}

async function main() {
  const { values } = parseArgs({
    options: {
      phases: { type: 'string', default: 'put.w2,get.r2' },
      seconds: { type: 'string', default: '8' },
      'in-flight': { type: 'string', default: '50' },
      top: { type: 'string', default: '25' },
      keep: { type: 'string' },
      out: { type: 'string', default: join(here, '../results/cluster-profile.json') },
    },
  });
  const options = { seconds: Number(values.seconds), inFlight: Number(values['in-flight']), top: Number(values.top), keep: values.keep };
  mkdirSync(join(here, '../results'), { recursive: true });
  const profiles = [];
  for (const id of values.phases.split(',')) {
    const phase = coterieWays[0].phases.find((one) => one.id === id);
    if (phase === undefined) throw new Error(`there is no phase ${id}`);
    const profile = await profilePhase(phase, options);
    profiles.push(profile);
    console.log(`\n${id}: ${profile.rate.toFixed(0)}/s`);
    for (const { share, name } of profile.parts) console.log(`${(share * 100).toFixed(1).padStart(5)} %  ${name}`);
    for (const { share, name, where } of profile.entries) {
      console.log(`${(share * 100).toFixed(1).padStart(5)} %  ${name.padEnd(32)} ${where}`);
    }
  }
  writeFileSync(values.out, JSON.stringify(profiles));
}

await main();
