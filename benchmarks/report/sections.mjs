/** The sections of docs/benchmarks.md, each a function from results to Markdown. */
import { plain, rate, table, verdict, withSpread } from './format.mjs';
import { boundRows, largeRateRows, rateRows } from './rows.mjs';
import { compareBounds, compareRates, spread } from './summary.mjs';

const formOf = (id) => id.split('.')[1] ?? '';

/** Where, with what, and how. */
export function machineSection(run) {
  const { machine } = run;
  const engines = run.engines.map((engine) => [
    engine.title,
    engine.versions.join(', '),
    engine.judged ? 'judged' : 'printed',
    engine.notes,
  ]);
  return [
    '## Where and how',
    '',
    `${machine.cpu}, ${machine.memory}, ${machine.disk}, ${machine.kernel}, Node ${machine.node}; ${run.startedAt.slice(0, 10)}.`,
    `\`${run.command}\`: ${run.entries.toLocaleString('en')} entries of 16 + 100 bytes, ${run.rounds} interleaved rounds, ${Math.round(run.seconds / 60)} minutes.`,
    disturbance(run),
    '',
    table(['engine', 'version', '', 'opened with'], engines),
  ].join('\n');
}

/** How far other work on the machine got in the way; a share above a few per cent means that only CPU times can be trusted. */
function disturbance(run) {
  const shares = run.samples.flatMap((sample) => Object.values(sample.rows ?? {}).map((row) => row.kept));
  const kept = spread(shares);
  if (kept === undefined) return '';
  const percent = (share) => `${(share * 100).toFixed(1)} %`;
  return `The main thread was ready and had no core for ${percent(kept.median)} of the time in the median measurement, ${percent(kept.most)} in the worst.`;
}

/** Ours against the best judged peer of the same form. */
export function verdictSection(summary) {
  const rows = rateRows.map((row) => {
    const { own, best, bestTitle, ratio, isMet } = compareRates(summary, row);
    return [
      row.title,
      formOf(row.id),
      withSpread(own, rate),
      best === undefined ? 'no peer has this form' : `${bestTitle}: ${withSpread(best, rate)}`,
      ratio === undefined ? '—' : `${plain(ratio)}×`,
      row.target === undefined ? '' : `${row.target}×`,
      verdict(isMet),
    ];
  });
  return [
    '## Ours and the best of the others',
    '',
    'Per second: median (least–most) of the rounds. Values of 100 bytes.',
    '',
    table(['workload', 'form', 'Coterie', 'best judged peer of this form', 'ratio', 'at least', 'met'], rows),
  ].join('\n');
}

/** Delay, bytes and memory, where less is better. */
export function boundSection(summary) {
  const rows = boundRows.map((row) => {
    const { own, isMet } = compareBounds(summary, row);
    const others = summary.engines
      .filter(({ name }) => name !== 'coterie')
      .map(({ name }) => plain(summary.figure(name, row.id, row.of)?.median));
    return [row.title, row.id, withSpread(own, plain), row.bound === undefined ? '' : `≤ ${row.bound}`, verdict(isMet), ...others];
  });
  const titles = summary.engines.filter(({ name }) => name !== 'coterie').map(({ title }) => title);
  return ['## Event loop, bytes and memory', '', table(['figure', 'measured in', 'Coterie', 'bound', 'met', ...titles], rows)].join('\n');
}

/** Every engine's figure in every row. */
export function everythingSection(summary) {
  const parts = [
    ['## Everything measured: entries or operations per second', rateRows, (row) => row.rate, rate],
    ['## Everything measured: values of 1 KiB', largeRateRows, (row) => row.rate, rate],
    ['## CPU time per operation, main thread (µs)', [...rateRows, ...largeRateRows], (row) => row.mainCpuUs, plain],
    ['## CPU time per operation, all threads (µs)', [...rateRows, ...largeRateRows], (row) => row.cpuUs, plain],
  ];
  return parts.map(([title, rows, pick, format]) => [title, '', wideTable(summary, rows, pick, format)].join('\n')).join('\n\n');
}

function wideTable(summary, rows, pick, format) {
  const lines = rows.map((row) => [
    row.title,
    formOf(row.id),
    ...summary.engines.map(({ name }) => format(summary.figure(name, row.id, pick)?.median)),
  ]);
  return table(['workload', 'form', ...summary.engines.map(({ title }) => title)], lines);
}

/** Runs that failed, by name: nothing is left out silently. */
export function failureSection(run) {
  const failed = run.samples.filter((sample) => sample.error !== undefined);
  if (failed.length === 0) return undefined;
  const lines = failed.map((sample) => `- ${sample.engine}, ${sample.group}, round ${sample.round + 1}: ${sample.error.split('\n')[0]}`);
  return ['## Runs that failed', '', ...lines].join('\n');
}
