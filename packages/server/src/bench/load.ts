/**
 * Load on a server: so many connections, each sending the next request as soon as its last is answered, reads and writes
 * mixed as asked, keys drawn evenly. Latency is from sending to the whole answer; it includes this process's own share,
 * which is why the processor time of both sides belongs beside it.
 *
 * A closed loop: a slow answer delays the requests behind it, so quantiles show what these clients saw, not what an open
 * flood would.
 */
import { Histogram } from '../metrics/histogram.ts';
import { Wire, type Target } from './wire.ts';

/** What to send. */
export interface LoadOptions {
  readonly target: Target;
  readonly connections: number;
  readonly seconds: number;
  /** Shares of reads and writes. */
  readonly reads: number;
  readonly writes: number;
  readonly valueBytes: number;
  readonly keys: number;
  readonly bucket: string;
}

/** What came of it. */
export interface LoadReport {
  readonly seconds: number;
  readonly reads: Histogram;
  readonly writes: Histogram;
  /** Answers that were no success, by `operation status` or error code. A key not yet written counts as a success. */
  readonly failures: ReadonlyMap<string, number>;
  /** Processor seconds that this process spent. */
  readonly ownCpuSeconds: number;
}

interface Run {
  readonly options: LoadOptions;
  readonly until: number;
  readonly reads: Histogram;
  readonly writes: Histogram;
  readonly failures: Map<string, number>;
  readonly value: Uint8Array;
}

/** Sends load for the time asked; writes each key once before, so that reads find something. */
export async function runLoad(options: LoadOptions, progress?: (step: string) => void): Promise<LoadReport> {
  const wires = await Promise.all(Array.from({ length: options.connections }, () => Wire.open(options.target)));
  const value = Buffer.alloc(options.valueBytes, 'coterie ');
  try {
    if (options.reads > 0) await fill(wires, { options, value, progress });
    const startedAt = performance.now();
    const cpu = process.cpuUsage();
    const run: Run = {
      options,
      value,
      until: startedAt + options.seconds * 1000,
      reads: new Histogram(),
      writes: new Histogram(),
      failures: new Map(),
    };
    progress?.(`${options.connections} connections for ${options.seconds} s`);
    await Promise.all(wires.map((wire) => drive(wire, run)));
    const spent = process.cpuUsage(cpu);
    const { reads, writes, failures } = run;
    return { seconds: (performance.now() - startedAt) / 1000, reads, writes, failures, ownCpuSeconds: (spent.user + spent.system) / 1e6 };
  } finally {
    for (const wire of wires) wire.close();
  }
}

async function fill(
  wires: readonly Wire[],
  to: { options: LoadOptions; value: Uint8Array; progress: ((step: string) => void) | undefined },
): Promise<void> {
  const { options, value, progress } = to;
  progress?.(`writing ${options.keys} keys first`);
  let next = 0;
  await Promise.all(
    wires.map(async (wire) => {
      while (next < options.keys) await wire.send(putHead(options, next++), value);
    }),
  );
}

async function drive(wire: Wire, run: Run): Promise<void> {
  const { options } = run;
  const readShare = options.reads / (options.reads + options.writes);
  let now = performance.now();
  while (now < run.until) {
    const key = Math.floor(Math.random() * options.keys);
    const reading = Math.random() < readShare;
    const startedAt = now;
    try {
      const answer = reading ? await wire.send(getHead(options, key)) : await wire.send(putHead(options, key), run.value);
      if (!succeeded(answer.status, reading)) fail(run, `${reading ? 'get' : 'put'} ${answer.status}`);
    } catch (error) {
      const { code, message } = error as { code?: string; message: string };
      fail(run, `${code ?? 'ERROR'} ${message}`);
      return;
    }
    now = performance.now();
    (reading ? run.reads : run.writes).record((now - startedAt) * 1000);
  }
}

function succeeded(status: number, reading: boolean): boolean {
  return reading ? status === 200 || status === 300 || status === 404 : status === 204;
}

function fail(run: Run, what: string): void {
  run.failures.set(what, (run.failures.get(what) ?? 0) + 1);
}

function putHead(options: LoadOptions, key: number): string {
  return `PUT /v1/kv/${options.bucket}/key-${key} HTTP/1.1\r\nHost: ${options.target.host}\r\nContent-Length: ${options.valueBytes}\r\n\r\n`;
}

function getHead(options: LoadOptions, key: number): string {
  return `GET /v1/kv/${options.bucket}/key-${key} HTTP/1.1\r\nHost: ${options.target.host}\r\n\r\n`;
}
