/** A server on a free port with a node in memory behind it, and ways to talk to it without a client library between. */
import { type Socket, connect } from 'node:net';
import { request } from 'node:http';
import { type Clock, type Environment, type Log, type LogFields, type Timers, silentLog } from '@coterie/env';
import { createNodeEnvironment } from '@coterie/env-node';
import type { CoterieNode } from '@coterie/node';
import { type RunningServer, startServer } from '../../src/server.ts';
import { resolveSettings } from '../../src/settings/resolve.ts';
import { MemoryNode } from './memory-node.ts';

export interface Door {
  readonly server: RunningServer;
  readonly node: MemoryNode;
  readonly port: number;
  readonly log: RecordedLog;
}

export interface DoorOptions {
  readonly flags?: Readonly<Record<string, string>>;
  readonly world?: { readonly clock: Clock; readonly timers: Timers };
  readonly openNode?: () => Promise<CoterieNode>;
}

/** A log that tests read. */
export class RecordedLog implements Log {
  readonly lines: { level: string; event: string; fields: LogFields }[] = [];

  debug(): void {}
  info(event: string, fields: LogFields = {}): void {
    this.lines.push({ level: 'info', event, fields });
  }
  warn(event: string, fields: LogFields = {}): void {
    this.lines.push({ level: 'warn', event, fields });
  }
  error(event: string, fields: LogFields = {}): void {
    this.lines.push({ level: 'error', event, fields });
  }
}

/** Time that moves only when a test moves it. */
export class ManualTime implements Clock, Timers {
  private current = 0;
  private waiting: { at: number; callback: () => void }[] = [];

  now(): number {
    return 1_700_000_000_000 + this.current;
  }
  monotonic(): number {
    return this.current;
  }
  after(delayMs: number, callback: () => void): { cancel(): void } {
    const entry = { at: this.current + delayMs, callback };
    this.waiting.push(entry);
    return { cancel: () => void (this.waiting = this.waiting.filter((other) => other !== entry)) };
  }
  turn(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }
  advance(ms: number): void {
    const until = this.current + ms;
    for (;;) {
      const next = this.waiting.filter((entry) => entry.at <= until).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.waiting = this.waiting.filter((entry) => entry !== next);
      this.current = next.at;
      next.callback();
    }
    this.current = until;
  }
}

export async function openDoor(options: DoorOptions = {}): Promise<Door> {
  const { settings } = resolveSettings({ flags: { http: '127.0.0.1:0', ...options.flags }, variables: {} });
  const log = new RecordedLog();
  const environment: Environment = { ...createNodeEnvironment({ log: silentLog }), ...options.world, log };
  const node = new MemoryNode();
  const server = await startServer({ settings, environment, openNode: options.openNode ?? (async () => node) });
  return { server, node, port: Number(new URL(server.url).port), log };
}

export interface Heard {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
  readonly text: string;
  json(): Record<string, any>;
}

export interface Asking {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
}

/** One request with Node's client; the path goes out exactly as given. */
export function ask(door: Pick<Door, 'port'>, line: string, asking: Asking = {}): Promise<Heard> {
  const [method, path] = line.split(' ');
  const { headers, body } = asking;
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port: door.port,
        method,
        path,
        headers: { ...headers, ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }) },
        agent: false,
      },
      (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('error', reject);
        response.on('end', () => {
          const whole = Buffer.concat(parts);
          resolve({
            status: response.statusCode as number,
            headers: response.headers,
            body: whole,
            text: whole.toString('utf8'),
            json: () => JSON.parse(whole.toString('utf8')) as Record<string, any>,
          });
        });
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

/** A raw connection: what is sent is what arrives, and everything heard is kept. */
export class RawClient {
  readonly socket: Socket;
  heard = '';
  readonly ended: Promise<void>;
  private listeners: (() => void)[] = [];

  constructor(door: { readonly port: number }) {
    this.socket = connect({ host: '127.0.0.1', port: door.port, allowHalfOpen: true });
    this.socket.setNoDelay(true);
    this.socket.on('data', (chunk) => {
      this.heard += chunk.toString('latin1');
      for (const listener of this.listeners) listener();
    });
    this.ended = new Promise((resolve) => {
      this.socket.on('error', () => resolve());
      this.socket.on('end', () => {
        this.socket.end();
        resolve();
      });
      this.socket.on('close', () => resolve());
    });
  }

  send(data: string | Uint8Array): void {
    this.socket.write(typeof data === 'string' ? Buffer.from(data, 'latin1') : data);
  }

  /** Resolves once what was heard matches. */
  until(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const match = pattern.exec(this.heard);
        if (match !== null) resolve(match);
      };
      this.listeners.push(look);
      look();
      void this.ended.then(() => {
        look();
        reject(new Error(`the connection ended before ${pattern} came; heard ${JSON.stringify(this.heard.slice(0, 2000))}`));
      });
    });
  }

  /** What was heard, without the date. */
  get said(): string {
    return this.heard.replace(/\r\nDate: [^\r]+/g, '').replaceAll('\r\n', '\n');
  }

  close(): void {
    this.socket.destroy();
  }
}
