/**
 * Lists of holders as bytes, for states and decisions of the ring log from level 2 on: a ring of many partitions is mostly
 * such lists, and as JSON numbers they take two to four times as much.
 *
 * ```
 *  lists = (length u8 │ holder varint × length) × partitions                              replicas of a ring
 *  moves = (partition - the one before, varint │ length u8 │ holder varint × length)*     in the order of partitions
 * ```
 *
 * Both lie in JSON as base64. A partition comes once in `moves`; the first counts from -1.
 */
import { ByteReader, ByteWriter } from '@coterie/bytes';
import { CoterieError } from '@coterie/env';

/** Partitions with the positions of their holders. */
type Moves = readonly (readonly [partition: number, holders: readonly number[]])[];

/** Longest list: as many as a decision may name. */
const holdersMax = 64;
const partitionsMax = 65_536;
/** Characters of base64 past which nothing can be meant: every list as long as may be. */
const textMax = 2 * partitionsMax * (holdersMax + 4);

/** The lists of a ring, packed. */
export function packLists(lists: readonly (readonly number[])[]): string {
  const writer = new ByteWriter();
  for (const holders of lists) writeHolders(writer, holders);
  return base64(writer);
}

/** The lists of a ring. @throws `CORRUPTION` */
export function unpackLists(text: string): number[][] {
  const reader = readerOf(text);
  const lists: number[][] = [];
  while (reader.remaining > 0) lists.push(readHolders(reader));
  return lists;
}

/** Moves, packed; in the order of partitions. */
export function packMoves(moves: Moves): string {
  const writer = new ByteWriter();
  let before = -1;
  for (const [partition, holders] of [...moves].sort(([a], [b]) => a - b)) {
    writer.varint(partition - before);
    writeHolders(writer, holders);
    before = partition;
  }
  return base64(writer);
}

/** Moves that were packed. @throws `CORRUPTION` */
export function unpackMoves(text: string): [number, number[]][] {
  const reader = readerOf(text);
  const moves: [number, number[]][] = [];
  let partition = -1;
  while (reader.remaining > 0) {
    const step = reader.varint();
    partition += step;
    if (step === 0 || partition >= partitionsMax) throw malformed();
    moves.push([partition, readHolders(reader)]);
  }
  return moves;
}

function writeHolders(writer: ByteWriter, holders: readonly number[]): void {
  writer.u8(holders.length);
  for (const holder of holders) writer.varint(holder);
}

function readHolders(reader: ByteReader): number[] {
  const length = reader.u8();
  if (length > holdersMax) throw malformed();
  return Array.from({ length }, () => reader.varint());
}

function base64(writer: ByteWriter): string {
  return Buffer.from(writer.finish()).toString('base64');
}

function readerOf(text: string): ByteReader {
  if (text.length > textMax) throw malformed();
  return new ByteReader(Buffer.from(text, 'base64'));
}

function malformed(): CoterieError {
  return new CoterieError('CORRUPTION', 'packed lists of the ring log do not add up');
}
