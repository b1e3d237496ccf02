/**
 * Three Coterie nodes beside three etcd members: durable puts and gets of 100 bytes, over the same connections, from the
 * same load, in rounds that take turns. Writes `results/cluster.json`; ends with 1 when an answer was wrong or a goal was
 * missed. Without etcd on the path it says so, and measures Coterie alone.
 *
 * `node cluster/run.mjs [--rounds 3] [--seconds 3] [--keys 10000] [--subjects coterie,etcd] [--ways http,…] [--phases put.w2,…]
 *   [--directory DIR] [--out FILE] [--quick]`
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { describeMachine } from '../engine/machine.mjs';
import { goalsOf } from '../report/cluster-rows.mjs';
import { makeOverwritingBucket, startCoterie } from './coterie-cluster.mjs';
import { etcdVersion, startEtcd } from './etcd-cluster.mjs';
import { startLoad } from './load-process.mjs';
import { describe, measureRound } from './measure.mjs';
import { coterieWays, etcdWays, overwriting } from './plan.mjs';

const here = dirname(fileURLToPath(import.meta.url));

const subjects = {
  coterie: {
    ways: coterieWays,
    async start(directory) {
      const cluster = await startCoterie(directory);
      await makeOverwritingBucket(cluster, overwriting);
      return cluster;
    },
  },
  etcd: { ways: etcdWays, start: startEtcd },
};

function parseOptions() {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      keys: { type: 'string', default: '10000' },
      subjects: { type: 'string', default: 'coterie,etcd' },
      ways: { type: 'string' },
      phases: { type: 'string' },
      directory: { type: 'string', default: join(here, '../results') },
      out: { type: 'string', default: join(here, '../results/cluster.json') },
      quick: { type: 'boolean', default: false },
    },
  });
  return {
    rounds: Number(values.rounds ?? (values.quick ? 1 : 3)),
    seconds: Number(values.seconds ?? (values.quick ? 1 : 3)),
    warmSeconds: values.quick ? 1 : 2,
    warmPuts: values.quick ? 10_000 : 200_000,
    pauseMs: 300,
    keys: Number(values.keys),
    subjects: values.subjects.split(','),
    ways: values.ways?.split(','),
    phases: values.phases?.split(','),
    directory: values.directory,
    out: values.out,
  };
}

/** The ways of a subject as far as they were asked for. */
function chosenWays(subject, options) {
  return subject.ways.filter(({ id }) => options.ways?.includes(id) ?? true);
}

async function runSubject(name, options) {
  const directory = mkdtempSync(join(options.directory, 'cluster-'));
  const load = startLoad();
  let cluster;
  try {
    cluster = await subjects[name].start(directory);
    const ways = chosenWays(subjects[name], options);
    return await measureRound(cluster, load, { ways, options, tell: (sample) => console.log(describe(name, sample)) });
  } finally {
    load.stop();
    await cluster?.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Rounds in turns: who is first changes from one to the next. */
async function runRounds(names, options) {
  const samples = [];
  for (let round = 0; round < options.rounds; round++) {
    const order = round % 2 === 0 ? names : names.toReversed();
    for (const subject of order) {
      console.log(`round ${round + 1}, ${subject}`);
      for (const sample of await runSubject(subject, options)) samples.push({ subject, round, ...sample });
    }
  }
  return samples;
}

async function main() {
  const options = parseOptions();
  const etcd = etcdVersion();
  const names = options.subjects.filter((name) => name !== 'etcd' || etcd !== undefined);
  if (names.length < options.subjects.length) console.log('etcd is not installed (Debian: apt-get install etcd-server): Coterie alone');
  mkdirSync(options.directory, { recursive: true });
  const startedAt = new Date().toISOString();
  const machine = describeMachine(options.directory);
  console.log(JSON.stringify(machine));
  const samples = await runRounds(names, options);
  const { rounds, seconds, keys } = options;
  const run = { startedAt, machine, etcd: names.includes('etcd') ? etcd : undefined, rounds, seconds, keys, samples };
  writeFileSync(options.out, JSON.stringify(run));
  const goals = goalsOf(run);
  for (const { title, ratio, target, isMet } of goals) {
    console.log(`${title}: ${ratio.toFixed(2)} times etcd's, at least ${target} wanted: ${isMet ? 'met' : 'missed'}`);
  }
  process.exitCode = goals.every(({ isMet }) => isMet) ? 0 : 1;
}

await main();
