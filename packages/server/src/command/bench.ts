/**
 * `coterie bench`: load on a running node, and what its clients saw. Writes go to a bucket of their own (`bench`), set to
 * `lww` so that overwriting without a context does not pile up siblings.
 */
import { CoterieError } from '@coterie/env';
import { runLoad, type LoadOptions, type LoadReport } from '../bench/load.ts';
import type { Histogram } from '../metrics/histogram.ts';
import { ask, endpointOf, segment } from './client.ts';
import { CommandFailure, UsageFailure } from './failure.ts';
import { print, printJson, showCount, showMicroseconds, tableLines } from './table.ts';

/** Flags of `coterie bench`. */
export interface BenchFlags {
  readonly url?: string;
  readonly json?: boolean;
  readonly connections: string;
  readonly seconds: string;
  readonly mix: string;
  readonly valueBytes: string;
  readonly keys: string;
  readonly bucket: string;
}

/** `coterie bench` */
export async function bench(flags: BenchFlags): Promise<void> {
  const endpoint = await endpointOf(flags.url);
  const options = loadOptions(endpoint, flags);
  await ask(endpoint, {
    method: 'PUT',
    path: `/v1/buckets/${segment(flags.bucket)}`,
    headers: { 'content-type': 'application/json' },
    body: Buffer.from('{"conflict":"lww"}'),
    expect: [200],
  });
  const quiet = flags.json === true || !process.stderr.isTTY;
  const report = await runLoad(options, quiet ? undefined : (step) => process.stderr.write(`${step} ...\n`)).catch((error: unknown) => {
    if (error instanceof CoterieError)
      throw new CommandFailure(`bench at ${endpoint.origin}: ${error.message}`, `coterie status --url ${endpoint.origin}`);
    throw error;
  });
  if (flags.json === true) printJson(reportJson(report));
  else printReport(report, options);
  if (report.reads.count + report.writes.count === 0) throw new CommandFailure(`bench at ${endpoint.origin}: nothing was answered`);
}

function loadOptions(endpoint: URL, flags: BenchFlags): LoadOptions {
  const [reads, writes] = mixOf(flags.mix);
  return {
    target: { host: endpoint.hostname.replace(/^\[|\]$/g, ''), port: Number(endpoint.port || 80) },
    connections: whole('--connections', { text: flags.connections, max: 20_000 }),
    seconds: whole('--seconds', { text: flags.seconds, max: 86_400 }),
    valueBytes: whole('--value-bytes', { text: flags.valueBytes, max: 32 * 1024 * 1024 }),
    keys: whole('--keys', { text: flags.keys, max: 100_000_000 }),
    bucket: segment(flags.bucket),
    reads,
    writes,
  };
}

function mixOf(text: string): [reads: number, writes: number] {
  const match = /^(\d{1,4}):(\d{1,4})$/.exec(text);
  const shares: [number, number] = [Number(match?.[1] ?? 0), Number(match?.[2] ?? 0)];
  if (shares[0] + shares[1] === 0) throw new UsageFailure(`--mix ${text}: it is READ:WRITE, such as 1:1, 9:1 or 0:1`);
  return shares;
}

function whole(flag: string, of: { readonly text: string; readonly max: number }): number {
  const value = /^\d{1,9}$/.test(of.text) ? Number(of.text) : 0;
  if (value < 1 || value > of.max) throw new UsageFailure(`${flag} ${of.text}: it is a whole number from 1 to ${of.max}`);
  return value;
}

function printReport(report: LoadReport, options: LoadOptions): void {
  const total = report.reads.count + report.writes.count;
  const rows = [row('get', report.reads, report.seconds), row('put', report.writes, report.seconds)].filter((cells) => cells[1] !== '0');
  print(
    `${showCount(total / report.seconds)} operations a second: ${options.connections} connections, ${report.seconds.toFixed(1)} s, values of ${options.valueBytes} B, ${showCount(options.keys)} keys`,
    ...tableLines([['', 'count', 'per second', 'p50', 'p90', 'p99', 'p99.9', 'max'], ...rows]),
    `this load took ${((report.ownCpuSeconds / Math.max(1, total)) * 1e6).toFixed(1)} µs of processor time per operation on its own side`,
  );
  for (const [what, count] of report.failures) print(`failed: ${what}  ${showCount(count)} times`);
}

function row(name: string, histogram: Histogram, seconds: number): string[] {
  const at = (quantile: number): string => showMicroseconds(histogram.quantile(quantile));
  return [
    name,
    showCount(histogram.count),
    showCount(histogram.count / seconds),
    at(0.5),
    at(0.9),
    at(0.99),
    at(0.999),
    showMicroseconds(histogram.max),
  ];
}

function reportJson(report: LoadReport): object {
  const of = (histogram: Histogram): object => ({
    count: histogram.count,
    perSecond: histogram.count / report.seconds,
    p50: histogram.quantile(0.5),
    p90: histogram.quantile(0.9),
    p99: histogram.quantile(0.99),
    p999: histogram.quantile(0.999),
    max: histogram.max,
  });
  return {
    seconds: report.seconds,
    get: of(report.reads),
    put: of(report.writes),
    failures: Object.fromEntries(report.failures),
    ownCpuSeconds: report.ownCpuSeconds,
  };
}
