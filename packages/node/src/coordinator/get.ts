/**
 * Get: asks as few owners as it needs (`few-reads.ts`); when they do not all say the same in time, it asks all, waits for r
 * of them, and merges what they know. It answers with every value that is visible now. Values, *deleted* (something was
 * there: a context comes with it) and *missing* (nobody ever wrote) are three answers. Whoever is behind is mended
 * afterwards.
 */
import { CoterieError } from '@coterie/env';
import type { Hash64 } from '@coterie/ring';
import { Context } from '@coterie/vector-clock';
import type { GetReply, GetRequest, Reached, SiblingValue } from '../api.ts';
import { Chase } from './chase.ts';
import { type Core, placementAt, placeOf, sealContext } from '../core.ts';
import type { Attempt } from './deadlines.ts';
import { etagFrom, etagOf, siblingEtagOf } from '../objects/etag.ts';
import type { FewReads } from './few-reads.ts';
import { knownBy } from '../forgetting/known.ts';
import { type Conflict, shown } from '../objects/merge.ts';
import { type CausalObject, plainType } from '../objects/object.ts';
import { isVisible } from '../objects/payload.ts';
import { Pursuit } from './pursuit.ts';
import { failureOf, newerThan, reachedBy, thresholdOf, type Wanted } from './quorum.ts';
import { readCopy, type ReadReply } from './read-copy.ts';
import { repair } from './read-repair.ts';
import { replicate } from './replicate.ts';
import type { Place } from '../replica/replica.ts';

/** What the stores know together, and which of them answered. */
interface Found {
  readonly object: CausalObject;
  /** The hash of the object's header, where it is known. */
  readonly hash?: Hash64;
  readonly reached: Reached;
}

/** What a get has besides its request. */
export interface Getting {
  readonly attempt: Attempt;
  /** Reads that ask as few as they need; without it, all are asked. */
  readonly few?: Pick<FewReads, 'read'>;
}

const names = ['r', 'pr'] as const;

/** Reads a key. */
export async function get(core: Core, request: GetRequest, { attempt, few }: Getting): Promise<GetReply> {
  const place = placeOf(core, request.bucket, request.key);
  const { properties } = place.bucket;
  const wanted = { total: request.r ?? properties.r, primary: request.pr ?? properties.pr };
  const found = (await readFew(core, { place, wanted }, few)) ?? (await read(core, { place, wanted }, attempt));
  if (request.monotonic === true) await writeBack(core, { place, found }, attempt);
  attempt.check();
  return answer(core, place, found);
}

/** How widely a write looks before it is decided. */
export type Look = 'not at all' | 'as far as possible' | 'at a majority';

/** What a majority of the stores know of a key together; *as far as possible* is what those know that can be reached. */
export async function mergedRead(core: Core, of: { readonly place: Place; readonly look: Look }, attempt: Attempt): Promise<CausalObject> {
  const { place, look } = of;
  return (await read(core, { place, wanted: { total: 'majority', primary: 0 }, look }, attempt)).object;
}

/** How often a read is begun anew because the ring moved on. */
const roundsMax = 4;

interface ReadOrder {
  readonly place: Place;
  readonly wanted: Wanted;
  readonly look?: Look;
}

function readFew(core: Core, { place, wanted }: ReadOrder, few: Getting['few']): Promise<Found | undefined> | undefined {
  const placement = placementAt(core, place);
  if (few === undefined || placement.owners.length === 1) return undefined;
  return few.read({ place, placement }, thresholdOf(wanted, placement.readSet.length, names));
}

async function read(core: Core, order: ReadOrder, attempt: Attempt): Promise<Found> {
  for (let round = 1; ; round++) {
    const placement = placementAt(core, order.place);
    const threshold = thresholdOf(order.wanted, placement.readSet.length, names);
    if (placement.owners.length === 1 && placement.owners[0] === core.selfId) return readHere(core, order.place);
    const pursuit = new Pursuit({
      sets: [placement.readSet],
      thresholds: [threshold],
      fallbacks: placement.fallbacks,
      standing: (id) => core.cluster.standing(id),
    });
    const chase = new Chase<ReadReply>({
      pursuit,
      patience: core.patience,
      afterwards: 'stop',
      ask: (target, take) => void readCopy(core, { place: order.place, placement }, target).then(take),
    });
    const verdict = await chase.run();
    if (verdict === 'failed' && order.look === 'as far as possible') await chase.settled;
    attempt.check();
    const newer = newerThan(chase.answers);
    if (newer.length > 0) await core.cluster.catchUp(newer);
    const moved = core.cluster.state.ringEpoch > placement.epoch;
    if (moved && round < roundsMax) continue;
    const isEnough = verdict === 'met' || (order.look === 'as far as possible' && chase.answers.some(({ ok }) => ok));
    if (!isEnough || moved) throw failureOf(chase.answers, threshold, false);
    const { place } = order;
    void chase.settled.then(() =>
      repair(core, { place, owners: placement.owners, copies: chase.answers, merged: knownBy(core, place, chase.answers) }),
    );
    return { object: knownBy(core, place, chase.answers), reached: { ...reachedBy(pursuit), synced: 0 } };
  }
}

async function readHere(core: Core, place: Place): Promise<Found> {
  return { object: await core.local.read(place), reached: { primaries: 1, fallbacks: 0, synced: 0 } };
}

/** Before a monotonic read answers, as many stores hold what it answers as a write would have to reach. */
async function writeBack(core: Core, of: { readonly place: Place; readonly found: Found }, attempt: Attempt): Promise<void> {
  const { place, found } = of;
  if (found.object.set.clock.entries.length === 0) return;
  const { w, pw } = place.bucket.properties;
  await replicate(core, { place, object: found.object, wanted: { total: w, primary: pw }, names: ['w', 'pw'] }, attempt);
}

function answer(core: Core, place: Place, { object, hash, reached }: Found): GetReply {
  if (object.set.siblings.length === 0 && object.set.clock.entries.length === 0) return { state: 'missing', reached };
  if (object.type !== plainType) {
    throw new CoterieError(
      'UNSUPPORTED_FORMAT',
      `the key holds an object of type ${object.type}, which this version keeps and cannot show`,
    );
  }
  const context = sealContext(core, place, { context: Context.whole(object.set), object });
  const siblings = visibleSiblings(object, place.bucket.properties.conflict, core.environment.clock.now());
  if (siblings.length === 0) return { state: 'deleted', context, reached };
  return { state: 'found', siblings, context, etag: hash === undefined ? etagOf(object) : etagFrom(hash), reached };
}

function visibleSiblings(object: CausalObject, conflict: Conflict, now: number): SiblingValue[] {
  const visible = shown(object, conflict).filter((sibling) => isVisible(sibling.value, now));
  return visible.map((sibling) => {
    const { value, contentType, writtenAt, expiresAt } = sibling.value;
    const etag = siblingEtagOf(sibling);
    // Spelt out: an object that another is spread into has a shape of its own.
    return expiresAt === undefined ? { value, contentType, writtenAt, etag } : { value, contentType, writtenAt, expiresAt, etag };
  });
}
