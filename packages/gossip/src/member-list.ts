/**
 * The membership list: who is known, and what is believed of each. It holds facts and keeps what follows from them in step:
 * the order of probing, who is gone, and the digest. Which belief wins is decided in `standing.ts`, what to do about it elsewhere.
 *
 * Invariants: an up member (alive or suspect) other than oneself is in `up`, one that is not in `gone`; `digest[b]` is the
 * XOR of the shares of all members in bucket b; oneself is in the list too.
 */
import { ByteWriter, hash32 } from '@coterie/bytes';
import type { Random } from '@coterie/env';
import { bucketCount, bucketOf, type Catalogue } from './catalogue.ts';
import { Columns } from './columns.ts';
import type { MemberRecord, SummaryLine } from './message.ts';
import { ProbeOrder } from './probe-order.ts';
import type { Profile } from './profile.ts';
import { isUpState, type MemberState, noWitnesses, type Standing } from './standing.ts';
import { writeSummaryLine } from './wire.ts';

/** What a list needs. */
export interface MemberListOptions {
  readonly selfId: string;
  readonly catalogue: Catalogue;
  readonly random: Random;
}

/** Who is known. */
export class MemberList {
  readonly self: number;
  readonly columns: Columns = new Columns();
  /** Up members besides oneself. */
  readonly up: ProbeOrder;
  /** Members that are dead or have left. */
  readonly gone: number[] = [];
  /** One hash for each bucket of ids. */
  readonly digest: Uint32Array = new Uint32Array(bucketCount);
  readonly catalogue: Catalogue;
  readonly #witnesses = new Map<number, readonly string[]>();
  #size = 0;

  constructor({ selfId, catalogue, random }: MemberListOptions) {
    this.catalogue = catalogue;
    this.self = catalogue.acquire(selfId);
    this.up = new ProbeOrder(random);
  }

  /** Members in the list, oneself included. */
  get size(): number {
    return this.#size;
  }

  /** Members taken for up, oneself included. */
  get upSize(): number {
    return this.up.size + 1;
  }

  /** The slot of a member; undefined if it is not in the list. */
  slotOf(id: string): number | undefined {
    const slot = this.catalogue.slotOf(id);
    return slot === undefined || this.columns.state(slot) === undefined ? undefined : slot;
  }

  /** Every slot in the list. */
  *slots(): Generator<number, void> {
    for (let slot = 0; slot < this.catalogue.size; slot++) if (this.columns.state(slot) !== undefined) yield slot;
  }

  /** The profile of a member in the list. */
  profile(slot: number): Profile {
    return this.columns.profiles[slot] as Profile;
  }

  /** What is believed of a member in the list. */
  standing(slot: number): Standing {
    return {
      incarnation: this.columns.incarnation[slot],
      state: this.columns.state(slot) as MemberState,
      witnesses: this.#witnesses.get(slot) ?? noWitnesses,
    };
  }

  /** Everything that is told of a member. */
  record(slot: number): MemberRecord {
    return { id: this.catalogue.idOf(slot), standing: this.standing(slot), profile: this.profile(slot) };
  }

  /** What a summary says of a member. */
  summaryLine(slot: number): SummaryLine {
    const { id, incarnation: profileIncarnation } = this.profile(slot);
    return { id, incarnation: this.columns.incarnation[slot], profileIncarnation, state: this.columns.state(slot) as MemberState };
  }

  /** Room for as many members as the catalogue has. */
  reserve(): void {
    this.columns.reserve(this.catalogue.size);
    this.up.reserve(this.catalogue.size);
  }

  /** Takes in a member that is not in the list (or oneself, at the start). */
  add(profile: Profile, standing: Standing, atMs: number): number {
    const isSelf = this.catalogue.idOf(this.self) === profile.id;
    const slot = isSelf ? this.self : this.catalogue.acquire(profile.id);
    this.columns.reserve(slot + 1);
    this.#size++;
    this.columns.profiles[slot] = this.catalogue.share(slot, profile);
    this.#enter(slot, standing, atMs);
    this.#toggleShare(slot);
    return slot;
  }

  /** Believes `standing` of a member from now on. */
  setStanding(slot: number, standing: Standing, atMs: number): void {
    this.#toggleShare(slot);
    this.#enter(slot, standing, atMs);
    this.#toggleShare(slot);
  }

  /** Takes a member's newer description of itself. */
  setProfile(slot: number, profile: Profile): void {
    this.#toggleShare(slot);
    this.columns.profiles[slot] = this.catalogue.share(slot, profile);
    this.#toggleShare(slot);
  }

  /** Takes a member out. */
  remove(slot: number): void {
    this.#toggleShare(slot);
    this.#leaveState(slot, undefined);
    this.columns.clear(slot);
    this.#witnesses.delete(slot);
    this.catalogue.release(slot);
    this.#size--;
  }

  #enter(slot: number, standing: Standing, atMs: number): void {
    const before = this.columns.state(slot);
    if (before !== standing.state) {
      this.#leaveState(slot, standing.state);
      this.columns.setState(slot, standing.state);
      this.columns.sinceSeconds[slot] = Math.floor(atMs / 1000);
      if (isUpState(standing.state) && !isUpState(before) && slot !== this.self) this.up.add(slot);
      if (!isUpState(standing.state) && (before === undefined || isUpState(before)) && slot !== this.self) this.gone.push(slot);
    }
    this.columns.incarnation[slot] = standing.incarnation;
    if (standing.witnesses.length > 0) this.#witnesses.set(slot, standing.witnesses);
    else this.#witnesses.delete(slot);
  }

  #leaveState(slot: number, to: MemberState | undefined): void {
    const from = this.columns.state(slot);
    if (isUpState(from) && !isUpState(to)) this.up.remove(slot);
    const wasGone = from !== undefined && !isUpState(from) && slot !== this.self;
    if (!wasGone || (to !== undefined && !isUpState(to))) return;
    this.gone[this.gone.indexOf(slot)] = this.gone[this.gone.length - 1];
    this.gone.pop();
  }

  /** Takes a member's share into the digest, or out of it. */
  #toggleShare(slot: number): void {
    const line = this.summaryLine(slot);
    shareWriter.restart();
    writeSummaryLine(shareWriter, line);
    this.digest[bucketOf(line.id)] ^= hash32(shareWriter.bytes, 0, shareWriter.length);
  }
}

const shareWriter = new ByteWriter(32);
