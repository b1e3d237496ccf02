/**
 * What a damaged file took from this store, in the node's own terms, and the record that remembers it: the stretches of
 * the ring for which the store cannot vouch, and whether the index of keys has to be made anew.
 *
 * ```
 *   record "recovering" in the store = JSON {"format":1,"ranges":[[from,until],…],"index":true}
 *   range = [from, until): high words of tokens, 0 to 2^32
 * ```
 * Ranges are of tokens, never of partitions: those may be cut anew.
 */
import { compareBytes } from '@coterie/bytes';
import { CoterieError } from '@coterie/env';
import { namedKey, space, successor } from './layout.ts';
import type { LostStretch, Store } from './store.ts';

/** High words of tokens, [from, until). */
export type TokenRange = readonly [from: number, until: number];

/** What is not vouched for. */
export interface LostRanges {
  readonly ranges: readonly TokenRange[];
  /** Whether entries of the index may be missing. */
  readonly index: boolean;
}

/** Nothing is missing. */
export const nothingLost: LostRanges = { ranges: [], index: false };

const recordKey: Uint8Array = namedKey(space.own, new TextEncoder().encode('recovering'));
const tokenEnd: number = 2 ** 32;
/** More ranges than this are remembered as one. */
const rangesMax = 1024;

/** What these stretches of the store's keys mean. Pure. */
export function lostIn(stretches: readonly LostStretch[]): LostRanges {
  const ranges = stretches.filter((stretch) => touches(stretch, space.object)).map(tokensOf);
  return { ranges: joined(ranges), index: stretches.some((stretch) => touches(stretch, space.index)) };
}

/** Both together. */
export function bothLost(a: LostRanges, b: LostRanges): LostRanges {
  return { ranges: joined([...a.ranges, ...b.ranges]), index: a.index || b.index };
}

/** Whether keys of a space may be gone. */
export function touches({ lower, upper }: LostStretch, spaceByte: number): boolean {
  return (lower[0] ?? 0) <= spaceByte && (upper[0] ?? 255) >= spaceByte && compareBytes(upper, Uint8Array.of(spaceByte)) > 0;
}

/** The end of a stretch, as a key that is no longer in it. */
export function endOf({ upper, upperExclusive }: LostStretch): Uint8Array {
  return upperExclusive ? upper : successor(upper);
}

/** Whether a partition holds tokens of these ranges. */
export function isIn(ranges: readonly TokenRange[], partition: number, partitions: number): boolean {
  const width = tokenEnd / partitions;
  return ranges.some(([from, until]) => from < (partition + 1) * width && until > partition * width);
}

/** The record of the store. */
export async function readLostRanges(store: Pick<Store, 'get'>): Promise<LostRanges> {
  const record = await store.get(recordKey);
  if (record === undefined) return nothingLost;
  const said = JSON.parse(new TextDecoder().decode(record)) as LostRanges & { readonly format: number };
  if (said.format !== 1) throw new CoterieError('UNSUPPORTED_FORMAT', `the record of what is recovering has format ${said.format}`);
  return { ranges: said.ranges, index: said.index };
}

/** Makes the record say so; durable when it resolves. */
export async function writeLostRanges(store: Store, lost: LostRanges): Promise<void> {
  const batch = store.batch();
  if (lost.ranges.length === 0 && !lost.index) batch.delete(recordKey);
  else batch.put(recordKey, new TextEncoder().encode(JSON.stringify({ format: 1, ...lost })));
  await batch.commit({ durable: true });
}

function tokensOf({ lower, upper }: LostStretch): TokenRange {
  const from = (lower[0] ?? 0) < space.object ? 0 : highWordOf(lower);
  return [from, (upper[0] ?? 255) > space.object ? tokenEnd : highWordOf(upper) + 1];
}

function highWordOf(key: Uint8Array): number {
  return (key[1] ?? 0) * 2 ** 24 + (key[2] ?? 0) * 2 ** 16 + (key[3] ?? 0) * 2 ** 8 + (key[4] ?? 0);
}

function joined(ranges: readonly TokenRange[]): readonly TokenRange[] {
  const made: [number, number][] = [];
  for (const [from, until] of [...ranges].sort(([a], [b]) => a - b)) {
    const last = made.at(-1);
    if (last !== undefined && from <= last[1]) last[1] = Math.max(last[1], until);
    else made.push([from, until]);
  }
  return made.length <= rangesMax ? made : [[made[0]?.[0] ?? 0, made.at(-1)?.[1] ?? tokenEnd]];
}
