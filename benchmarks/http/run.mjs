/**
 * HTTP at saturation: a Coterie node, the same with the exact turn meter for a shorter time, and a bare node:http server,
 * under the same load one after the other. The node syncs every write before it acknowledges it (the default). Writes
 * `results/http.json`; ends with 1 when a turn's p99.9 is over the bound or a request failed.
 *
 * `node http/run.mjs [--seconds 60] [--connections 64] [--keys 100000] [--directory DIR] [--out FILE] [--quick]`
 */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { coterieArguments, meterFileIn, startServer } from './server-process.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const turnBoundMs = 10;

/** Runs the load; `started` is called when it is warm. Resolves to its report. */
function runLoad(options, started) {
  return new Promise((resolve, reject) => {
    const child = execFile(process.execPath, [join(here, 'load.mjs'), JSON.stringify(options)], { maxBuffer: 2 ** 24 }, (error, stdout) => {
      if (error) reject(error);
      else resolve(JSON.parse(stdout.trimEnd().split('\n').at(-1)));
    });
    child.stdout.once('data', started);
  });
}

async function measureSubject({ title, args, isJudged, exact, seconds }, options) {
  const directory = mkdtempSync(join(options.directory, 'http-'));
  const server = await startServer(args(directory), { meterFile: meterFileIn(directory), exact });
  try {
    const load = await runLoad({ target: server.target, seconds, connections: options.connections, keys: options.keys }, server.startMeter);
    const meter = await server.readMeter();
    const subject = {
      title,
      isJudged,
      ...load,
      turn: meter.turn,
      serverCpuUs: exact ? undefined : meter.cpuUs / load.requests,
      maxRss: meter.maxRss,
    };
    console.log(
      `${title}: ${Math.round(load.rate)} requests/s, p99.9 ${load.latency.p999.toFixed(1)} ms, ` +
        `turn p99 ${meter.turn.p99.toFixed(2)} p99.9 ${meter.turn.p999.toFixed(2)} max ${meter.turn.max.toFixed(1)} ms, ` +
        `CPU ${subject.serverCpuUs?.toFixed(1) ?? '-'} µs/request, ${JSON.stringify(load.counts)} failures ${JSON.stringify(load.failures)}`,
    );
    return subject;
  } finally {
    await server.kill('SIGTERM');
    rmSync(directory, { recursive: true, force: true });
  }
}

function subjects({ seconds }) {
  const store = (directory) => coterieArguments(join(directory, 'data'));
  return [
    { title: 'Coterie', args: store, isJudged: true, exact: false, seconds },
    { title: 'Coterie, exact turn meter', args: store, isJudged: true, exact: true, seconds: seconds / 3 },
    { title: 'bare node:http', args: () => [join(here, 'echo-server.mjs')], isJudged: false, exact: false, seconds: seconds / 3 },
  ];
}

async function main() {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      seconds: { type: 'string' },
      connections: { type: 'string', default: '64' },
      keys: { type: 'string', default: '100000' },
      directory: { type: 'string', default: join(here, '../results') },
      out: { type: 'string', default: join(here, '../results/http.json') },
    },
  });
  const options = {
    ...values,
    seconds: Number(values.seconds ?? (values.quick ? 6 : 60)),
    connections: Number(values.connections),
    keys: Number(values.keys),
  };
  mkdirSync(options.directory, { recursive: true });
  const measured = [];
  for (const subject of subjects(options)) measured.push(await measureSubject(subject, options));
  const { seconds, connections, keys } = options;
  writeFileSync(options.out, JSON.stringify({ seconds, connections, keys, subjects: measured }));
  const isMissed = measured.some(
    (subject) => subject.isJudged && (subject.turn.p999 > turnBoundMs || Object.keys(subject.failures).length > 0),
  );
  process.exitCode = isMissed ? 1 : 0;
}

await main();
