/** A store in a simulated world, with its journal kept, for tests that break things and ask what the store says. */
import { type CoterieError, type ErrorCode, isCoterieError, type Log, type LogFields } from '@coterie/env';
import { createSimulation, type SimulatedDisk, type Simulation } from '@coterie/simulator';
import { expect } from 'vitest';
import { openStore, type Store, type StoreOptions } from '../src/index.ts';
import { bytes } from './operations.ts';
import { show } from './twin.ts';

/** One line of the store's journal. */
export interface Line {
  readonly level: keyof Log;
  readonly event: string;
  readonly fields: LogFields | undefined;
}

/** Small memtables and tables, so that little data makes much happen; the log in one segment. */
export const small: StoreOptions = {
  cacheBytes: 65_536,
  writeBufferBytes: 8192,
  tableBytes: 4096,
  level0Tables: 4,
  level1Bytes: 16_384,
  blockBytes: 256,
  reserveBytes: 0,
  logSegmentBytes: 1_048_576,
};

/** A world with one directory for a store. */
export class World {
  readonly simulation: Simulation;
  readonly lines: Line[] = [];
  readonly directory = '/data';

  constructor(seed: number, disk?: SimulatedDisk) {
    const write = (level: keyof Log) => (event: string, fields?: LogFields) => void this.lines.push({ level, event, fields });
    const log: Log = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
    this.simulation = createSimulation(disk === undefined ? { seed, log } : { seed, log, disk });
  }

  get disk(): SimulatedDisk {
    return this.simulation.disk;
  }

  /** Opens the store; the world goes on until it is open. */
  open(options: StoreOptions = {}): Promise<Store> {
    return this.simulation.run(() => openStore(this.directory, { ...small, ...options, environment: this.simulation.environment }));
  }

  run<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.simulation.run(work);
  }

  /** Journal lines of one event. */
  told(event: string): Line[] {
    return this.lines.filter((line) => line.event === event);
  }

  /** Names of the files of one kind. */
  tables(): string[] {
    return this.disk.paths().filter((path) => path.endsWith('.sst'));
  }
}

/** The error that `work` ends in, which must be one of Coterie's with this code. */
export async function refusal(code: ErrorCode | readonly ErrorCode[], work: () => unknown): Promise<CoterieError> {
  const codes = typeof code === 'string' ? [code] : code;
  try {
    await work();
  } catch (error) {
    if (!isCoterieError(error)) throw error;
    expect(codes, error.message).toContain(error.code);
    return error;
  }
  return expect.fail(`expected ${codes.join(' or ')}, and it succeeded`);
}

/** Everything a store holds, as text. */
export function contentsSync(store: Pick<Store, 'scanSync'>): string[] {
  const found: [Uint8Array, Uint8Array][] = [];
  store.scanSync(undefined, Number.POSITIVE_INFINITY, (key, value) => found.push([key, value]));
  return show(found);
}

/** The same, by the async form. */
export async function contents(store: Pick<Store, 'range'>): Promise<string[]> {
  const found: [Uint8Array, Uint8Array][] = [];
  for await (const entry of store.range()) found.push(entry);
  return show(found);
}

/** Keys `k0000` and so on, in order. */
export function key(number: number): Uint8Array {
  return bytes(`k${String(number).padStart(4, '0')}`);
}

/** A value of about `length` bytes that says what it is. */
export function value(number: number, length = 100): Uint8Array {
  return bytes(`value ${number} `.padEnd(length, '.'));
}

/** What a store that holds keys [from, to) shows. */
export function expected(from: number, to: number, length = 100): string[] {
  return show(Array.from({ length: to - from }, (_, i) => [key(from + i), value(from + i, length)] as const));
}
