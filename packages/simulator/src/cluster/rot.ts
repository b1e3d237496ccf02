/**
 * Bits that flip in a file that a node reads. What else goes with them depends on the file:
 *
 * ```
 *   a table            what it held; what the node takes in later goes into other files
 *   any other file     what it held, and what the node adds to it until it starts again and finds the damage
 *   of a store
 * ```
 */
import type { SimulatedDisk } from '../disk/disk.ts';
import { SeededRandom } from '../random.ts';

/** Where bits may flip. */
export interface RotTerms {
  readonly seed: number;
  /** Not in what a steward needs to vote. */
  readonly sparesVotes: boolean;
}

/** Where a node keeps its store. */
export const storeDirectory = '/data/store';
const ringDirectory = '/data/ring';
const bitsMax = 3;

/** Flips some bits of a file that a node reads; the file's path, or undefined where there is none. */
export function flipBits(disk: SimulatedDisk, terms: RotTerms): string | undefined {
  const random = streamOf(terms);
  const path = pickFile(disk, terms, random);
  if (path === undefined) return undefined;
  const { length } = disk.contents(path);
  for (let flips = 1 + random.below(bitsMax); flips > 0; flips--) disk.flipBit(path, random.below(length), random.below(8));
  return path;
}

/** Where `flipBits` would flip bits. */
export function rottenPath(disk: SimulatedDisk, terms: RotTerms): string | undefined {
  return pickFile(disk, terms, streamOf(terms));
}

/** Whether a running node reads the file again, and so finds the damage before it starts anew. */
export function isTable(path: string): boolean {
  return isOfStore(path) && path.endsWith('.sst');
}

/** Whether what the node takes in later may be lost with the file. */
export function takesMore(path: string): boolean {
  return isOfStore(path) && !isTable(path);
}

/** Whether the file is of the ring log, and a steward's votes go with it. */
export function isOfVotes(path: string): boolean {
  return path.startsWith(`${ringDirectory}/`);
}

function isOfStore(path: string): boolean {
  return path.startsWith(`${storeDirectory}/`);
}

function pickFile(disk: SimulatedDisk, { sparesVotes }: RotTerms, random: SeededRandom): string | undefined {
  const isRead = (path: string): boolean => (isOfStore(path) || (!sparesVotes && isOfVotes(path))) && !/\/(LOCK|RESERVE)$/.test(path);
  const paths = disk.paths().filter((path) => isRead(path) && disk.contents(path).length > 0);
  return paths.length === 0 ? undefined : random.pick(paths);
}

function streamOf({ seed }: RotTerms): SeededRandom {
  return new SeededRandom(seed, 0x207);
}
