/**
 * Makes sure that this store has what another has of some partitions: *verified*, in the words of design section 9. It
 * compares header hashes, merges what differs, and compares again. What differs in both passes was not covered by the
 * first, or is being written; it is looked at until it differs no more.
 *
 * ```
 *   pass 1 ─▶ {a b c} differ, merged      pass 2 ─▶ {c d} differ, merged      both: {c} ─▶ again ─▶ {} verified
 * ```
 */
import { CoterieError } from '@coterie/env';
import { equalHashes, hashOf, payloadBytesOf } from '../objects/object.ts';
import type { Core } from '../core.ts';
import { latin1 } from '../store/layout.ts';
import { countMoved } from './moved.ts';
import type { Pace } from './pace.ts';
import type { ObjectHash, PartitionRanges } from '../peers/peers.ts';
import { mergeWindow, placeOfTaken } from './transfer.ts';

/** Keys that may differ in both passes before the comparison begins anew. */
const remainingMax = 100_000;
/** How often what differs is looked at again. */
const roundsMax = 5;
/** What a hash and its key cost on the way, about. */
const entryBytes = 64;

/** What a comparison is made against. */
interface Other {
  readonly source: string;
  readonly ranges: PartitionRanges;
}

/** How a comparison is carried out. */
export interface Comparing {
  readonly pace: Pace;
  /** Called between pages. @throws to end it */
  check(): void;
}

/** Resolves when this store covers what `source` holds in these partitions. @throws `NOT_READY` when some keys go on to differ; what the source refuses */
export async function compareWith(core: Core, from: Other, comparing: Comparing): Promise<void> {
  const first = await pass(core, from, comparing);
  if (first.size === 0) return;
  const second = await pass(core, from, comparing);
  let left = [...second].filter(([id]) => first.has(id)).map(([, objectKey]) => objectKey);
  for (let round = 0; left.length > 0; round++) {
    if (round === roundsMax) throw new CoterieError('NOT_READY', `${left.length} keys go on to differ from what ${from.source} has`);
    left = await stillBehind(core, from.source, left);
  }
}

/** Compares everything once, and merges what differs; returns that. */
async function pass(core: Core, { source, ranges }: Other, { pace, check }: Comparing): Promise<Map<string, Uint8Array>> {
  const differing = new Map<string, Uint8Array>();
  let cursor: Uint8Array | undefined;
  do {
    const sinceMs = pace.now();
    const page = await core.cluster.peers.hashes(source, ranges, cursor);
    const behind = await behindOf(core, page.hashes);
    await stillBehind(core, source, behind);
    for (const objectKey of behind) differing.set(latin1(objectKey), objectKey);
    if (differing.size > remainingMax) throw new CoterieError('NOT_READY', `more than ${remainingMax} keys differ from what ${source} has`);
    cursor = page.cursor;
    check();
    await pace.spend(page.hashes.length * entryBytes, sinceMs);
  } while (cursor !== undefined);
  return differing;
}

/** Keys of those whose hash is another here, or cannot be read. */
async function behindOf(core: Core, hashes: readonly ObjectHash[]): Promise<Uint8Array[]> {
  const found: Uint8Array[] = [];
  for (let at = 0; at < hashes.length; at += mergeWindow) {
    const some = hashes.slice(at, at + mergeWindow);
    const places = await Promise.all(some.map(({ objectKey }) => placeOfTaken(core, objectKey)));
    const wanted = some.filter((_, position) => places[position] !== undefined);
    const own = await core.local.stored.hashes(wanted.map(({ objectKey }) => objectKey));
    for (const [position, { objectKey, hash }] of wanted.entries()) {
      const here = own[position];
      if (here === undefined || !equalHashes(here, hash)) found.push(objectKey);
    }
  }
  return found;
}

/** Merges what the source has of these keys; returns those of which this store lacked something. */
async function stillBehind(core: Core, source: string, objectKeys: readonly Uint8Array[]): Promise<Uint8Array[]> {
  const behind: Uint8Array[] = [];
  for (let at = 0; at < objectKeys.length; at += mergeWindow) {
    const some = objectKeys.slice(at, at + mergeWindow);
    const lacked = await Promise.all(some.map((objectKey) => fetch(core, source, objectKey)));
    behind.push(...some.filter((_, position) => lacked[position]));
  }
  return behind;
}

/** Merges what the source has of a key; resolves to whether that changed anything here. */
async function fetch(core: Core, source: string, objectKey: Uint8Array): Promise<boolean> {
  const place = await placeOfTaken(core, objectKey);
  if (place === undefined) return false;
  const { object } = await core.cluster.peers.read(source, place, []);
  countMoved(core.moved, 'mended', { objects: 1, bytes: payloadBytesOf(object) });
  const before = hashOf(await core.local.read(place));
  await core.local.merge(place, object);
  return !equalHashes(before, hashOf(await core.local.read(place)));
}
