/**
 * One exchange with another member: finds what the two do not share, looks again a moment later, and brings to each side
 * what it lacks. It merges, never overwrites.
 *
 * ```
 *   roots ▶ differing groups ▶ leaves ▶ hashes that one side has ▶ … ▶ a moment ▶ outlines of those keys ▶ differ still:
 *                                                                                   they lack it ▶ merge there
 *                                                                                   own lacks it ▶ read there, merge here
 * ```
 *
 * A key that differs in one look only was on its way. The moment is one for many keys: they are gathered first. A leaf that differs while none of its keys do has a wrong sum on
 * one side: both count it anew, so a wrong sum cannot make two members look for ever. What the other refuses because it was
 * forgotten goes here too, below the floor of this store.
 *
 * Both sides work while they compare, and clients wait for that: so it goes in small pieces, with rests (`Effort`).
 */
import {
  type AskedGroup,
  type DifferingLeaf,
  findGroups,
  type FoundGroups,
  groupsAfter,
  groupsMax,
  leafStart,
  rootsMax,
  sumAt,
  sumsOf,
  unmatched,
} from '@coterie/merkle';
import { sleep } from '@coterie/env';
import type { ComparisonCounts } from '../api.ts';
import type { Core } from '../core.ts';
import { type Floor, isBelow } from '../forgetting/floor.ts';
import { withoutForgotten } from '../forgetting/forget.ts';
import { addressFrom, latin1 } from '../store/layout.ts';
import type { CausalObject } from '../objects/object.ts';
import type { Place } from '../replica/replica.ts';
import { lackingBetween, type Outline, outlineOf } from './outline.ts';
import { PairSide } from './pair.ts';
import { rest } from '../transfer/pace.ts';
import { keysMax, OtherMember } from './questions.ts';
import { recountLeaf } from './recount.ts';
import { stateHash } from './state-hash.ts';

/** Between the two looks at a key: longer than a write is on its way. */
const momentMs = 500;
/** Keys that differed once and are gathered before the second look. */
const gatheredMax = 8192;
/** Copies on their way at a time. */
const window = 32;

/** Counts as they grow. */
export type Counts = { -readonly [Name in keyof ComparisonCounts]: number };

/** Counts of nothing. */
export function noCounts(): Counts {
  return { partitions: 0, differing: 0, sent: 0, fetched: 0, mended: 0, trips: 0, bytes: 0 };
}

/** A leaf that differs, with what only one side has of it. */
interface Divided {
  readonly leaf: DifferingLeaf;
  readonly own: readonly Uint8Array[];
  readonly theirs: DifferingLeaf;
}

/** How much of the time of both sides comparing may take. */
export interface Effort {
  /** Partitions that one question asks about: how long a turn of the event loop is. */
  readonly partitionsAtOnce: number;
  /** How many times as long as it took to look at some partitions is rested after. */
  readonly restsToLook: number;
  /** The same for counting the sums of a partition, which reads all of it on both sides. */
  readonly restsToCount: number;
  /** The same for repairing keys. */
  readonly restsToRepair: number;
}

/** In the background of clients: a tenth of the time for looking, a twentieth for counting. Repairing takes half, as what differs should not do so for long. */
export const gentle: Effort = { partitionsAtOnce: 64, restsToLook: 9, restsToCount: 19, restsToRepair: 1 };

/** Without rests. */
export const hurried: Effort = { partitionsAtOnce: rootsMax, restsToLook: 0, restsToCount: 0, restsToRepair: 0 };

/** How an exchange is carried out. */
export interface ExchangeTerms {
  readonly effort: Effort;
  readonly isStopped: () => boolean;
  /** Below which nothing stays here that the other refuses. Default: the floors that this store holds. */
  readonly floorAt?: (place: Place) => Floor;
}

/** Compares these partitions with a member. */
export class Exchange {
  readonly report: Counts = noCounts();
  readonly #core: Core;
  readonly #member: string;
  readonly #side: PairSide;
  readonly #other: OtherMember;
  readonly #effort: Effort;
  readonly #isStopped: () => boolean;
  readonly #floorAt: (place: Place) => Floor;
  #divided: Divided[] = [];
  #gathered = 0;

  constructor(core: Core, member: string, { effort, isStopped, floorAt }: ExchangeTerms) {
    const { trees, store, buckets, cluster, selfId } = core;
    this.#core = core;
    this.#member = member;
    this.#effort = effort;
    this.#isStopped = isStopped;
    this.#floorAt = floorAt ?? ((place) => core.admittance.heldAt(place));
    this.#side = new PairSide({ trees, store, buckets, state: cluster.state, pair: [selfId, member] });
    this.#other = new OtherMember(cluster.peers, member);
  }

  /** Brings both sides together in these partitions. @throws what the other refuses, or the own store */
  async run(partitions: readonly number[]): Promise<Counts> {
    const { partitionsAtOnce } = this.#effort;
    for (let at = 0; at < partitions.length && !this.#isStopped(); at += partitionsAtOnce) {
      await this.#compare(partitions.slice(at, at + partitionsAtOnce));
    }
    await this.#settleGathered();
    this.report.trips = this.#other.trips;
    this.report.bytes = this.#other.bytes;
    return this.report;
  }

  /** The partitions of these that differ now. */
  async differing(partitions: readonly number[]): Promise<number[]> {
    const { partitionsAtOnce } = this.#effort;
    const differing = new Set<number>();
    for (let at = 0; at < partitions.length; at += partitionsAtOnce) {
      for (let left: readonly number[] = partitions.slice(at, at + partitionsAtOnce); left.length > 0; ) {
        const { found, tookMs } = await this.#look(left);
        for (const { partition } of found.groups) differing.add(partition);
        left = found.left;
        await this.#rest(tookMs * this.#effort.restsToLook);
      }
    }
    return [...differing];
  }

  async #compare(partitions: readonly number[]): Promise<void> {
    for (let left = partitions; left.length > 0 && !this.#isStopped(); ) {
      const { found, tookMs } = await this.#look(left);
      await this.#settleGroups(found.groups);
      this.report.partitions += left.length - found.left.length;
      left = found.left;
      await this.#rest(tookMs * this.#effort.restsToLook);
    }
  }

  /** Finds what differs in some partitions, and how long that took the two. */
  async #look(partitions: readonly number[]): Promise<{ readonly found: FoundGroups; readonly tookMs: number }> {
    const { clock } = this.#core.environment;
    const sinceMs = clock.monotonic();
    await this.#side.load(partitions);
    const found = await findGroups(this.#side, this.#other, partitions);
    return { found, tookMs: clock.monotonic() - sinceMs };
  }

  async #rest(ms: number): Promise<void> {
    if (!this.#isStopped()) await rest(this.#core.environment, ms);
  }

  async #settleGroups(groups: readonly AskedGroup[]): Promise<void> {
    let left = groups;
    while (left.length > 0 && !this.#isStopped()) {
      const { leaves, more } = await this.#other.compareLeaves(left.slice(0, groupsMax));
      await this.#settleLeaves(leaves);
      const last = leaves.at(-1);
      left = more && last !== undefined ? groupsAfter(this.#side, left, last) : left.slice(groupsMax);
    }
  }

  async #settleLeaves(leaves: readonly DifferingLeaf[]): Promise<void> {
    for (const leaf of leaves) {
      const own = await this.#side.keys(leaf.partition, leaf.leaf);
      const only = unmatched(sumsOf(own.map(({ hash }) => hash)), leaf.hashes);
      const hashes = sumsOf(only.theirs.map((at) => sumAt(leaf.hashes, at)));
      this.#divided.push({ leaf, own: only.own.map((at) => own[at].objectKey), theirs: { ...leaf, hashes } });
      this.#gathered += 1 + only.own.length + only.theirs.length;
    }
    if (this.#gathered >= gatheredMax) await this.#settleGathered();
  }

  async #settleGathered(): Promise<void> {
    const divided = this.#divided;
    this.#divided = [];
    this.#gathered = 0;
    if (divided.length === 0 || this.#isStopped()) return;
    await sleep(this.#core.environment.timers, momentMs);
    for (const one of divided) if (one.own.length + one.theirs.hashes.length === 0) await this.#doubt(one.leaf);
    const { clock } = this.#core.environment;
    for (const asked of portions(divided)) {
      const sinceMs = clock.monotonic();
      await this.#settleKeys(asked);
      await this.#rest((clock.monotonic() - sinceMs) * this.#effort.restsToRepair);
    }
  }

  /** The lists are the same and the sums are not. */
  async #doubt({ partition, leaf }: DifferingLeaf): Promise<void> {
    const start = leafStart({ partition, leaf }, this.#core.trees.partitions);
    if ((await recountLeaf(this.#core, start)) === true) this.report.mended += 1;
  }

  async #settleKeys(asked: { readonly own: readonly Uint8Array[]; readonly theirs: readonly DifferingLeaf[] }): Promise<void> {
    const found = new Map<string, { readonly objectKey: Uint8Array; readonly outline: Outline | undefined }>();
    for (const objectKey of asked.own) found.set(latin1(objectKey), { objectKey, outline: undefined });
    for (const { objectKey, outline } of await this.#other.outlines(asked)) found.set(latin1(objectKey), { objectKey, outline });
    const keys = [...found.values()];
    for (let at = 0; at < keys.length && !this.#isStopped(); at += window) {
      await Promise.all(keys.slice(at, at + window).map(({ objectKey, outline }) => this.#settleKey(objectKey, outline)));
    }
  }

  async #settleKey(objectKey: Uint8Array, outline: Outline | undefined): Promise<void> {
    const { local, buckets, cluster } = this.#core;
    const address = addressFrom(objectKey);
    const bucket = buckets.get(address.bucket);
    if (bucket.generation !== address.generation) return;
    const place: Place = { bucket, address };
    const own = await local.read(place);
    const lacking = lackingBetween(outlineOf(own, stateHash(objectKey, own)), outline);
    if (!lacking.own && !lacking.theirs) return;
    this.report.differing += 1;
    if (lacking.own) {
      const { object } = await cluster.peers.read(this.#member, place, []);
      await local.merge(place, object);
      this.report.fetched += 1;
    }
    if (!lacking.theirs) return;
    const sent = await local.read(place);
    await cluster.peers.merge(this.#member, place, { object: sent, order: { background: true } });
    this.report.sent += 1;
    await this.#forgetRefused(place, sent);
  }

  /** What the other does not know of what it was just given, it has refused: it is forgotten, and here as well then. */
  async #forgetRefused(place: Place, sent: CausalObject): Promise<void> {
    const floor = this.#floorAt(place);
    if (floor.round === 0 || ![...sent.set.clock.entries, ...sent.set.cloud].some((dot) => isBelow(floor, dot))) return;
    const { object: theirs, recovering } = await this.#core.cluster.peers.read(this.#member, place, []);
    if (recovering || withoutForgotten(sent, theirs, floor) === sent) return;
    await this.#core.local.forget(place, (own) => {
      const left = withoutForgotten(own, theirs, floor);
      return left.set.clock.entries.length === 0 ? 'gone' : left;
    });
  }
}

/** Keys in questions of `keysMax` at most. */
function* portions(divided: readonly Divided[]): Generator<{ own: Uint8Array[]; theirs: DifferingLeaf[] }> {
  let portion: { own: Uint8Array[]; theirs: DifferingLeaf[] } = { own: [], theirs: [] };
  let count = 0;
  for (const { own, theirs } of divided) {
    let [ownAt, theirsAt] = [0, 0];
    while (ownAt < own.length || 2 * theirsAt < theirs.hashes.length) {
      const owns = own.slice(ownAt, ownAt + keysMax - count);
      count += owns.length;
      const hashes = theirs.hashes.slice(2 * theirsAt, 2 * (theirsAt + keysMax - count));
      count += hashes.length / 2;
      ownAt += owns.length;
      theirsAt += hashes.length / 2;
      portion.own.push(...owns);
      if (hashes.length > 0) portion.theirs.push({ ...theirs, hashes });
      if (count < keysMax) continue;
      yield portion;
      portion = { own: [], theirs: [] };
      count = 0;
    }
  }
  if (count > 0) yield portion;
}
