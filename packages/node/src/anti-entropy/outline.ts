/**
 * A copy without its values, and who lacks what of whom.
 *
 * ```
 *  outline = hash u64 │ version vector │ siblings varint │ (clock entry index varint │ entry's counter - dot's counter varint)…
 *            │ cloud: the dots that are left
 * ```
 */
import { ByteReader, ByteWriter } from '@coterie/bytes';
import { CoterieError } from '@coterie/env';
import type { Sum64 } from '@coterie/merkle';
import { type Dot, DottedSet, readDot, type Sibling, VersionVector, writeDot } from '@coterie/vector-clock';
import type { CausalObject } from '../objects/object.ts';

/** A copy's clock and dots. */
export interface Outline {
  readonly hash: Sum64;
  readonly set: DottedSet<undefined>;
}

/** Fewest bytes of a sibling. */
const siblingBytesMin = 2;

/** The outline of a copy. */
export function outlineOf(object: CausalObject, hash: Sum64): Outline {
  const siblings = object.set.siblings.map(({ dot }) => ({ dot, value: undefined }));
  return { hash, set: DottedSet.of(object.set.clock, siblings, object.set.cloud) };
}

/** The outline as it travels. */
export function encodeOutline({ hash, set }: Outline): Uint8Array {
  const writer = new ByteWriter(64).u32(hash.high).u32(hash.low);
  set.clock.encode(writer);
  writer.varint(set.siblings.length);
  for (const { dot } of set.siblings) {
    const index = set.clock.indexOf(dot);
    writer.varint(index).varint(set.clock.entries[index].counter - dot.counter);
  }
  for (const dot of set.cloud) writeDot(writer, dot);
  return writer.finish();
}

/** What `encodeOutline` wrote. @throws `PROTOCOL` */
export function decodeOutline(bytes: Uint8Array): Outline {
  try {
    const reader = new ByteReader(bytes);
    const hash = { high: reader.u32(), low: reader.u32() };
    const clock = VersionVector.decode(reader);
    const count = reader.varint();
    if (count * siblingBytesMin > reader.remaining) throw new CoterieError('CORRUPTION', 'too many siblings');
    const siblings: Sibling<undefined>[] = [];
    for (let at = 0; at < count; at++) {
      const index = reader.varint();
      if (index >= clock.entries.length) throw new CoterieError('CORRUPTION', 'a sibling without a clock entry');
      const { incarnation, epoch, counter } = clock.entries[index];
      siblings.push({ dot: { incarnation, epoch, counter: counter - reader.varint() }, value: undefined });
    }
    const cloud: Dot[] = [];
    while (reader.remaining > 0) cloud.push(readDot(reader));
    return { hash, set: DottedSet.of(clock, siblings, cloud) };
  } catch (cause) {
    throw new CoterieError('PROTOCOL', 'malformed message: outline', { cause });
  }
}

/** Which of two copies lacks something of the other. */
export interface Lacking {
  readonly own: boolean;
  readonly theirs: boolean;
}

/** Who lacks what; `theirs` is undefined for a copy that is not there. */
export function lackingBetween(own: Outline, theirs: Outline | undefined): Lacking {
  if (theirs === undefined) return { own: false, theirs: own.hash.high !== 0 || own.hash.low !== 0 };
  if (own.hash.high === theirs.hash.high && own.hash.low === theirs.hash.low) return { own: false, theirs: false };
  const both = own.set.sync(theirs.set);
  const lacking = { own: !both.equals(own.set), theirs: !both.equals(theirs.set) };
  // Equal in what outlines show: it is in the rest, and merging both ways settles that.
  return lacking.own || lacking.theirs ? lacking : { own: true, theirs: true };
}
