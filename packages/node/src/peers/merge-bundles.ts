/**
 * Objects that go to one member in a few turns of the event loop travel as one message: a header, a checksum, a pending
 * question and a timer for all of them, where each had its own.
 *
 * ```
 *  turns:  merge a ─┐  merge b ─┐   …   end of a turn: one question ──▶ each merged under its own key's lock
 *                   └── kept ───┴──────────▲                               │ all have ended
 *          a: synced ◀┬── b: its own error ◀─────── [synced, failures] ◀───┘
 * ```
 *
 * An object for a member that has nothing to answer goes at once, by itself, unless several left together last: whoever
 * writes one after the other waits for no turn. One that is alone at the end of its turn goes by itself too; several wait
 * for what two turns more bring. A bundle is bounded in objects and bytes; a full one leaves at once, and what is large goes
 * by itself. What waits is a few turns old at most, and as much as the node lets in.
 */
import { type CoterieError, someTurns, type Timers } from '@coterie/env';
import { errorFromBody } from '@coterie/rpc';
import { bundleMax, openBundleAnswer } from './wire.ts';

/** An object to be merged at another member: its key, its bytes, and for whom it is kept there. */
export interface Parcel {
  readonly objectKey: Uint8Array;
  readonly object: Uint8Array;
  readonly hintFor: string | undefined;
}

interface Waiting extends Parcel {
  readonly resolve: (isSynced: boolean) => void;
  readonly reject: (error: CoterieError) => void;
}

interface Bundle {
  readonly member: string;
  readonly parcels: Waiting[];
  bytes: number;
}

/** How bundles leave. */
export interface BundleParts {
  readonly timers: Pick<Timers, 'turn'>;
  /** Sends one object; resolves to whether it is synced there. */
  one(member: string, parcel: Parcel): Promise<boolean>;
  /** Sends several; resolves to the body of the answer. */
  many(member: string, parcels: readonly Parcel[]): Promise<unknown>;
  /** Where a member is asked, for errors to name. */
  addressOf(member: string): string;
}

/** An object from this size on goes by itself, and so much makes a bundle full. */
const aloneFromBytes = 16_384;
const bundleBytesMax = 65_536;
/** Under load, turns that bundles wait for each other: a longer bundle is cheaper, and leaves later. */
const turnsMax = 3;

/** Collects what goes to other members. */
export class MergeBundles {
  readonly #parts: BundleParts;
  #bundles: Bundle[] = [];
  #isScheduled = false;
  /** Whether several objects left together when some last did: then others will follow. */
  #leftTogether = false;
  /** How many messages each member has not answered yet; members that have answered all are not in it. */
  readonly #underWay = new Map<string, number>();

  constructor(parts: BundleParts) {
    this.#parts = parts;
  }

  /** Sends an object within a few turns; resolves to whether it is synced there. Rejects as a single question would. */
  send(member: string, parcel: Parcel): Promise<boolean> {
    if (parcel.object.length >= aloneFromBytes || this.#mayGoAlone(member)) return this.#watched(member, this.#parts.one(member, parcel));
    return new Promise((resolve, reject) => {
      const { objectKey, object, hintFor } = parcel;
      const bundle = this.#bundleFor(member);
      bundle.parcels.push({ objectKey, object, hintFor, resolve, reject });
      bundle.bytes += objectKey.length + object.length;
      if (bundle.parcels.length === bundleMax || bundle.bytes >= bundleBytesMax) this.#leaveAlready(bundle);
    });
  }

  #mayGoAlone(member: string): boolean {
    return !this.#leftTogether && !this.#underWay.has(member) && !this.#bundles.some((bundle) => bundle.member === member);
  }

  #watched<T>(member: string, answer: Promise<T>): Promise<T> {
    this.#underWay.set(member, (this.#underWay.get(member) ?? 0) + 1);
    const ended = (): void => this.#ended(member);
    answer.then(ended, ended);
    return answer;
  }

  #ended(member: string): void {
    const left = (this.#underWay.get(member) ?? 1) - 1;
    if (left > 0) this.#underWay.set(member, left);
    else this.#underWay.delete(member);
  }

  #bundleFor(member: string): Bundle {
    for (const bundle of this.#bundles) if (bundle.member === member) return bundle;
    const bundle: Bundle = { member, parcels: [], bytes: 0 };
    this.#bundles.push(bundle);
    if (!this.#isScheduled) {
      this.#isScheduled = true;
      void someTurns(this.#parts.timers, turnsMax, this.#areSeveral).then(this.#leaveAll);
    }
    return bundle;
  }

  readonly #areSeveral = (): boolean => this.#bundles.some(({ parcels }) => parcels.length > 1);

  readonly #leaveAll = (): void => {
    this.#isScheduled = false;
    this.#leftTogether = this.#areSeveral();
    const bundles = this.#bundles;
    this.#bundles = [];
    for (const bundle of bundles) this.#leave(bundle);
  };

  #leaveAlready(bundle: Bundle): void {
    this.#leftTogether = true;
    this.#bundles = this.#bundles.filter((other) => other !== bundle);
    this.#leave(bundle);
  }

  #leave({ member, parcels }: Bundle): void {
    if (parcels.length === 1) {
      this.#watched(member, this.#parts.one(member, parcels[0])).then(parcels[0].resolve, parcels[0].reject);
      return;
    }
    this.#watched(member, this.#parts.many(member, parcels))
      .then((answer) => settle(parcels, answer, this.#parts.addressOf(member)))
      .catch((error: CoterieError) => {
        for (const { reject } of parcels) reject(error);
      });
  }
}

/** @throws `PROTOCOL` for an answer that is none */
function settle(parcels: readonly Waiting[], answer: unknown, address: string): void {
  const { isSynced, failures } = openBundleAnswer(answer, parcels.length);
  const errors = failures.map(({ position, error }) => [position, errorFromBody(error, address)] as const);
  for (const [position, error] of errors) parcels[position].reject(error);
  for (const { resolve } of parcels) resolve(isSynced);
}
