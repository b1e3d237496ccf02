/**
 * What the tests of a whole log have in common: a history of records that can be told apart, a driver that commits them
 * in every form, and the judgement of what a reopened log may replay.
 */
import { createSimulation } from '@coterie/simulator';
import type { SimulatedDisk, Simulation } from '@coterie/simulator';
import { expect } from 'vitest';
import { CommitLog } from '../src/index.ts';
import type { CommitLogOptions } from '../src/index.ts';

/** Where the log lives on a simulated disk. */
export const directory = '/data/log';

/** A record that was written or replayed. */
export interface Entry {
  readonly sequence: number;
  readonly sequences: number;
  readonly bytes: number;
}

/** The payload of an entry: all of it follows from its sequence and length. */
export function fillPayload(into: Uint8Array, at: number, entry: { sequence: number; bytes: number }): void {
  let state = Math.imul(entry.sequence, 0x9e3779b1) ^ entry.bytes;
  for (let i = 0; i < entry.bytes; i++) {
    state = Math.imul(state ^ (state >>> 13), 0x5bd1e995) + i;
    into[at + i] = state >>> 11;
  }
}

/** What a handler was given, checked to be one of ours, byte for byte. */
export class Replay {
  readonly entries: Pick<Entry, 'sequence' | 'bytes'>[] = [];
  readonly handler = (bytes: Uint8Array, start: number, end: number, sequence: number): void => {
    const expected = new Uint8Array(end - start);
    fillPayload(expected, 0, { sequence, bytes: end - start });
    if (Buffer.compare(expected, bytes.subarray(start, end)) !== 0) throw new Error(`record ${sequence} is not what was written`);
    this.entries.push({ sequence, bytes: end - start });
  };
}

/** How a record is committed. */
export type CommitForm = 'async' | 'asyncDurable' | 'sync' | 'syncDurable';

/** Reserves and encodes the next record; the caller commits. */
export function stage(log: CommitLog, bytes: number, sequences = 1): Entry {
  const at = log.reserve(bytes, sequences);
  const entry = { sequence: log.nextSequence, sequences, bytes };
  fillPayload(log.buffer, at, entry);
  return entry;
}

/** Commits the staged record in the given form. Resolves when the form says that it is acknowledged. */
export function commit(log: CommitLog, form: CommitForm): Promise<void> {
  if (form === 'async' || form === 'asyncDurable') return log.commit(form === 'asyncDurable');
  log.commitSync(form === 'syncDurable');
  return Promise.resolve();
}

/** A log opened in a simulation, with what it replayed. */
export async function openIn(simulation: Simulation, options: CommitLogOptions = {}): Promise<{ log: CommitLog; replay: Replay }> {
  const replay = new Replay();
  const { environment } = simulation;
  const log = await simulation.run(CommitLog.open(directory, { environment, segmentBytes: 65_536, ...options }, replay.handler));
  return { log, replay };
}

/** A fresh life on a copy of a disk, by another outcome of the same crash. */
export function survivor(disk: SimulatedDisk, seed: number): Simulation {
  const copy = disk.clone();
  copy.restart(seed);
  return createSimulation({ seed, disk: copy });
}

/** What is known of a history at some moment. */
export interface History {
  /** Everything that was ever committed, in order; failed records are not in it. */
  readonly entries: readonly Entry[];
  /** Highest sequence acknowledged as durable. */
  readonly durable: number;
  /** Highest sequence released. */
  readonly released: number;
}

/** Holds a replay against a history: a gapless run of it that begins no later than needed and ends no earlier than acknowledged. */
export function expectPrefix(replay: Replay, { entries, durable, released }: History): void {
  const replayed = replay.entries;
  const first = replayed[0];
  const from = first === undefined ? 0 : entries.findIndex(({ sequence }) => sequence === first.sequence);
  // One look at each, not one expectation: this runs tens of thousands of times.
  const stray = replayed.findIndex(
    ({ sequence, bytes }, i) => entries[from + i]?.sequence !== sequence || entries[from + i].bytes !== bytes,
  );
  if (stray >= 0) expect(replayed[stray]).toEqual(entries[from + stray]);
  const firstNeeded = entries.find(({ sequence, sequences }) => sequence + sequences - 1 > released)?.sequence ?? Infinity;
  if (first !== undefined) expect(first.sequence).toBeLessThanOrEqual(firstNeeded);
  const lastNeeded = entries.findLast(({ sequence, sequences }) => sequence + sequences - 1 <= durable)?.sequence ?? 0;
  if (lastNeeded >= firstNeeded) expect(replayed.at(-1)?.sequence ?? 0).toBeGreaterThanOrEqual(lastNeeded);
}
