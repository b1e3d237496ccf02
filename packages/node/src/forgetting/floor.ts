/**
 * The floor of one bucket in one partition: up to which dot of each store's life its primaries have agreed on everything,
 * for good. Of one bucket, because buckets with more copies have more primaries, and may be given more later. Below
 * it nothing new can exist, so a tombstone there has nobody left to warn of; what comes later and lies below it is
 * old, and is not let in (`forget.ts`). Floors only rise.
 *
 * ```
 *  floor = format u8 = 1 │ round varint │ count varint │ per entry, sorted: incarnation 8 bytes │ counter u48
 *
 *     counter of dots     floor 2
 *   life A   ··●··●··●····┆····●──▶        A goes on: its dots above the floor are new
 *   life B   ·●····●·┤ ended      ┆        an ended life: all of its dots lie below
 *   life C                        ┆ ●──▶   began after the round: not named, nothing below
 * ```
 *
 * Invariant: a floor that some primary has is true for every primary that took part in its round, whether that one has
 * heard of it or not. So floors may be handed on, and two are united by the higher counter of each life.
 */
import { ByteReader, ByteWriter } from '@coterie/bytes';
import { CoterieError } from '@coterie/env';
import { type Dot, maxCounter } from '@coterie/vector-clock';

/** Up to where a partition's primaries have agreed. Immutable. */
export interface Floor {
  /** 0 before the first. */
  readonly round: number;
  /** Counter by incarnation. A life that has ended has the highest counter that there is. */
  readonly upTo: ReadonlyMap<string, number>;
}

/** Nothing is agreed on yet. */
export const ground: Floor = { round: 0, upTo: new Map() };

/** The counter of a life that makes no dots any more. */
export const ended: number = maxCounter;

/** Lives that a floor names, at most: past it no round begins. */
export const livesMax = 10_000;

const format = 1;
const incarnationBytes = 8;

/** Whether the dot lies below the floor. */
export function isBelow(floor: Floor, dot: Pick<Dot, 'incarnation' | 'counter'>): boolean {
  const counter = floor.upTo.get(dot.incarnation);
  return counter !== undefined && dot.counter <= counter;
}

/** What both floors say together. */
export function unite(a: Floor, b: Floor): Floor {
  const upTo = new Map(a.upTo);
  for (const [incarnation, counter] of b.upTo) upTo.set(incarnation, Math.max(counter, upTo.get(incarnation) ?? 0));
  return { round: Math.max(a.round, b.round), upTo };
}

/** The floor as bytes: equal for equal floors. */
export function encodeFloor({ round, upTo }: Floor): Uint8Array {
  const writer = new ByteWriter(16 + upTo.size * (incarnationBytes + 6));
  writer.u8(format).varint(round).varint(upTo.size);
  for (const [incarnation, counter] of [...upTo].sort(([a], [b]) => (a < b ? -1 : 1))) {
    writer.raw(Buffer.from(incarnation, 'hex')).u48(counter);
  }
  return writer.finish();
}

/** The floor in `bytes`. @throws `CORRUPTION`, `UNSUPPORTED_FORMAT` */
export function decodeFloor(bytes: Uint8Array): Floor {
  const reader = new ByteReader(bytes);
  const said = reader.u8();
  if (said !== format) throw new CoterieError('UNSUPPORTED_FORMAT', `a floor has format ${said}; this version reads ${format}`);
  const round = reader.varint();
  const count = reader.varint();
  if (count > livesMax) throw damaged();
  const upTo = new Map<string, number>();
  let last = '';
  for (let i = 0; i < count; i++) {
    const incarnation = Buffer.from(reader.view(incarnationBytes)).toString('hex');
    if (incarnation <= last) throw damaged();
    last = incarnation;
    upTo.set(incarnation, reader.u48());
  }
  if (reader.remaining > 0) throw damaged();
  return { round, upTo };
}

function damaged(): CoterieError {
  return new CoterieError('CORRUPTION', 'a floor is not as it was written');
}
