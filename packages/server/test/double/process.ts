/** A real server process on a free port, and commands against it. Needs the built `dist`. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

export interface ServerProcess {
  readonly child: ChildProcess;
  readonly url: string;
  readonly port: number;
  /** Lines of standard output so far. */
  readonly lines: string[];
  /** Resolves with code or signal. */
  readonly ended: Promise<number | NodeJS.Signals>;
}

export interface Outcome {
  readonly code: number | NodeJS.Signals;
  readonly out: string;
  readonly err: string;
}

const running = new Set<ChildProcess>();

/** A directory of its own, to be removed by `forget`. */
export function makeDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'coterie-server-'));
}

/** Ends what still runs and removes a directory. */
export function forget(directory: string): void {
  for (const child of running) child.kill('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
}

/** Starts a server; resolves once it is ready. */
export function startProcess(directory: string, ...flags: string[]): Promise<ServerProcess> {
  const child = spawnCoterie([
    'start',
    '--http',
    '127.0.0.1:0',
    '--peer',
    '127.0.0.1:0',
    '--data-dir',
    directory,
    '--log-format',
    'json',
    ...flags,
  ]);
  const lines: string[] = [];
  let held = '';
  let errors = '';
  const ended = new Promise<number | NodeJS.Signals>((resolve) => child.on('exit', (code, signal) => resolve(code ?? signal ?? 'SIGKILL')));
  child.stderr?.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      const parts = (held + chunk.toString()).split('\n');
      held = parts.pop() as string;
      for (const line of parts) {
        lines.push(line);
        const entry = JSON.parse(line) as { msg: string; http?: string };
        if (entry.msg === 'ready' && entry.http !== undefined)
          resolve({ child, url: entry.http, port: Number(new URL(entry.http).port), lines, ended });
      }
    });
    void ended.then((code) => reject(new Error(`the server ended with ${code}: ${errors} ${lines.join('\n')}`)));
  });
}

/** Runs a command to its end. */
export function run(
  args: readonly string[],
  options: { readonly input?: string | Uint8Array; readonly variables?: Record<string, string> } = {},
): Promise<Outcome> {
  const child = spawnCoterie([...args], options.variables);
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => err.push(chunk));
  child.stdin?.on('error', () => {});
  child.stdin?.end(options.input ?? '');
  return new Promise((resolve) => {
    child.on('close', (code, signal) =>
      resolve({ code: code ?? signal ?? 'SIGKILL', out: Buffer.concat(out).toString('latin1'), err: Buffer.concat(err).toString() }),
    );
  });
}

/** What a command reads: what a test writes, or nothing, from `/dev/null`. */
type Input = 'pipe' | 'ignore';

function spawnCoterie(args: string[], variables: Record<string, string> = {}, input: Input = 'pipe'): ChildProcess {
  const child = spawn(process.execPath, [main, ...args], {
    stdio: [input, 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], ...variables },
  });
  running.add(child);
  child.on('exit', () => running.delete(child));
  return child;
}

export interface DevNodeFacts {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
}

export interface DevProcess {
  readonly child: ChildProcess;
  readonly nodes: readonly DevNodeFacts[];
  /** Resolves once standard output matches, from where the last match ended. */
  until(pattern: RegExp): Promise<RegExpExecArray>;
  readonly ended: Promise<number | NodeJS.Signals>;
}

/** How `coterie dev` is started. */
export interface DevOptions {
  readonly nodes: number;
  readonly input?: Input;
}

/** Starts `coterie dev` on free ports; resolves once it has said what there is. */
export async function startDev(directory: string, { nodes, input = 'pipe' }: DevOptions): Promise<DevProcess> {
  const child = spawnCoterie(['dev', '--http', '127.0.0.1:0', '--data-dir', directory, '--nodes', String(nodes)], {}, input);
  const ended = new Promise<number | NodeJS.Signals>((resolve) => child.on('exit', (code, signal) => resolve(code ?? signal ?? 'SIGKILL')));
  let heard = '';
  let told = '';
  let look = (): void => {};
  const hear = (chunk: Buffer): void => {
    heard += chunk.toString();
    told += chunk.toString();
    look();
  };
  child.stdout?.on('data', hear);
  child.stderr?.on('data', hear);
  const until = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      look = (): void => {
        const match = pattern.exec(heard);
        if (match === null) return;
        heard = heard.slice(match.index + match[0].length);
        look = (): void => {};
        resolve(match);
      };
      look();
      void ended.then((code) => reject(new Error(`coterie dev ended with ${code} before ${pattern} came: ${told}`)));
    });
  await until(/A node that ends by itself.*\n/);
  const rows = [...told.matchAll(/^(node-\d+) +ready +(http:\S+) +\S+ +(\d+) /gm)];
  return { child, until, ended, nodes: rows.map(([, name = '', url = '', pid]) => ({ name, url, pid: Number(pid) })) };
}
