/**
 * Membership as a value machine: messages, time and local facts in; effects and the next deadline out. It reads no clock,
 * sets no timer and sends nothing itself, so the same inputs give the same effects for ever.
 *
 * ```
 *   receive(now, from, bytes) ─┐                        ┌─▶ send(address, bytes)
 *   tick(now) ─────────────────┤     ┌───────────┐      ├─▶ changed(id, was, is)
 *   evidence(now, id, …) ──────┼────▶│  machine  │──────┼─▶ epoch, joined, foreign, clash
 *   revise, leave, forget … ───┘     └───────────┘      └─▶ dueAt: call tick then
 *
 *   Rounds: what happens by time · Listener: what messages lead to
 *   Prober: whom to ask · Beliefs: what follows · Spreading: what to tell · Reconciler: what was missed
 * ```
 *
 * Times handed in are monotonic milliseconds; inside, everything runs on waking time.
 */
import { type Bounds, CoterieError, isCoterieError, type Random } from '@coterie/env';
import { Awareness } from './awareness.ts';
import { Beliefs } from './beliefs.ts';
import { Budget } from './budget.ts';
import { Catalogue } from './catalogue.ts';
import { Company } from './company.ts';
import type { Effect } from './effects.ts';
import { Forgotten } from './forgotten.ts';
import { MemberList } from './member-list.ts';
import { Listener } from './listener.ts';
import { type Introduction, messageLimits } from './message.ts';
import { Outbox } from './outbox.ts';
import { Prober } from './prober.ts';
import { checkProfile, incarnationMax, isAddress, type Profile, type ProfileWish } from './profile.ts';
import { Reconciler } from './reconciler.ts';
import { Rounds } from './rounds.ts';
import { decodeSnapshot, encodeSnapshot } from './snapshot.ts';
import { Spreading } from './spreading.ts';
import { isUpState, type MemberState, noWitnesses } from './standing.ts';
import { type MemberStatus, statusOf } from './status.ts';
import { defaultTiming, tableLimits, type Timing } from './timing.ts';
import { toleranceMs, WakingTime } from './waking-time.ts';
import { decodeMessage } from './wire.ts';

/** What a machine begins with. */
export interface MachineOptions {
  /** How this member describes itself. */
  readonly self: ProfileWish;
  /** Higher than any it had before; wall-clock milliseconds will do. A restored snapshot may raise it. */
  readonly incarnation: number;
  /** The cluster that it belongs to; left out by one who joins through seeds. */
  readonly cluster?: string;
  /** Addresses to try when nobody is known, and now and then when nobody answers there. */
  readonly seeds?: readonly string[];
  readonly random: Random;
  readonly timing?: Partial<Timing>;
  /** Shared between machines of one process; each has its own by default. */
  readonly catalogue?: Catalogue;
}

/** What was counted since the start. */
export interface Counters {
  readonly sentMessages: number;
  readonly sentBytes: number;
  readonly malformed: number;
  readonly foreign: number;
  /** Suspicions of this member that it refuted. */
  readonly refuted: number;
  /** 0 when this member has no reason to doubt itself, up to 7. */
  readonly doubt: number;
}

/** Pause between probes for evidence. */
const evidenceEveryMs = 200;
/** Somebody heard within so many periods counts as there. */
const companyPeriods = 10;
const burstBytes = 16_000;

/** One member's view of all. */
export class GossipMachine {
  readonly #list: MemberList;
  readonly #outbox: Outbox;
  readonly #beliefs: Beliefs;
  readonly #prober: Prober;
  readonly #spreading: Spreading;
  readonly #rounds: Rounds;
  readonly #listener: Listener;
  readonly #company: Company;
  readonly #forgotten = new Forgotten(tableLimits.forgotten);
  readonly #awareness = new Awareness();
  readonly #time = new WakingTime();
  #malformed = 0;
  #evidenceMs = 0;

  /** @throws `INVALID_ARGUMENT` for a profile, cluster id or seeds that no message could carry */
  constructor({ self, incarnation, cluster = '', seeds = [], random, timing, catalogue = new Catalogue() }: MachineOptions) {
    checkOptions({ self, incarnation, cluster, seeds });
    const times = { ...defaultTiming, ...timing };
    const spreading = new Spreading(tableLimits.changes);
    this.#spreading = spreading;
    this.#list = new MemberList({ selfId: self.id, catalogue, random });
    this.#company = new Company(companyPeriods * times.periodMs);
    this.#outbox = new Outbox(cluster, { list: this.#list, spreading, budget: new Budget(times.bytesPerSecond, burstBytes) });
    const parts = {
      list: this.#list,
      outbox: this.#outbox,
      company: this.#company,
      forgotten: this.#forgotten,
      awareness: this.#awareness,
      timing: times,
      spreading,
      random,
    };
    this.#beliefs = new Beliefs({ ...parts, periodMs: times.periodMs });
    this.#prober = new Prober({ ...parts, beliefs: this.#beliefs, introduce: () => this.#introduction() });
    const acting = { ...parts, beliefs: this.#beliefs, prober: this.#prober, reconciler: new Reconciler(parts) };
    this.#rounds = new Rounds({ ...acting, seeds: seeds.filter((address) => address !== self.address) });
    this.#listener = new Listener({ ...acting, rounds: this.#rounds });
    this.#list.add({ ...self, incarnation }, { incarnation, state: 'alive', witnesses: noWitnesses }, 0);
    spreading.add(this.#list.self);
  }

  /** When `tick` is wanted next, in the time that is handed in. Infinite before `start`. */
  get dueAt(): number {
    return this.#dueMs + this.#time.sleptMs;
  }

  /** Begins: the first period starts at a random moment, so that members which start together do not march in step. */
  start(now: number): readonly Effect[] {
    const atMs = this.#wake(now);
    this.#list.columns.sinceSeconds[this.#list.self] = Math.floor(atMs / 1000);
    this.#rounds.start(atMs);
    return this.#outbox.take();
  }

  /** A message came. Bad bytes and other clusters' messages are counted and ignored. */
  receive(now: number, from: string, bytes: Uint8Array): readonly Effect[] {
    const atMs = this.#wake(now);
    try {
      this.#listener.accept(decodeMessage(bytes), { from, atMs });
    } catch (error) {
      if (!isCoterieError(error, 'PROTOCOL')) throw error;
      this.#malformed++;
    }
    return this.#outbox.take();
  }

  /** Does what is due. Harmless when nothing is. */
  tick(now: number): readonly Effect[] {
    const atMs = this.#wake(now);
    this.#prober.tick(atMs);
    if (atMs >= this.#beliefs.nextDueMs) this.#beliefs.judge(atMs);
    this.#rounds.tick(atMs);
    return this.#outbox.take();
  }

  /** A real request to a member failed, or was answered. It may cause a probe; by itself it decides nothing. */
  evidence(now: number, id: string, outcome: 'failed' | 'answered'): readonly Effect[] {
    const atMs = this.#wake(now);
    const slot = this.#list.slotOf(id);
    if (slot === undefined || slot === this.#list.self) return this.#outbox.take();
    if (outcome === 'answered') this.#company.note(id, atMs);
    const state = this.#list.columns.state(slot);
    const isSurprise = outcome === 'failed' ? isUpState(state) : state === 'suspect' || state === 'dead';
    if (isSurprise && atMs >= this.#evidenceMs) {
      this.#evidenceMs = atMs + evidenceEveryMs;
      if (isUpState(state)) this.#prober.probe(slot, atMs);
      else this.#prober.greet(id, this.#list.profile(slot).address);
    }
    return this.#outbox.take();
  }

  /** Describes this member anew. @throws `INVALID_ARGUMENT` */
  revise(now: number, change: Partial<Omit<ProfileWish, 'id'>>): readonly Effect[] {
    const mine = this.#list.profile(this.#list.self);
    checkProfile({ ...mine, ...change });
    this.#beliefs.speakForSelf({ ...mine, ...change, incarnation: this.#raised() }, 'alive', this.#wake(now));
    return this.#outbox.take();
  }

  /** Tells everybody that this member goes on purpose. Keep ticking for a few seconds, so that it is heard. */
  leave(now: number): readonly Effect[] {
    const mine = this.#list.profile(this.#list.self);
    this.#beliefs.speakForSelf({ ...mine, incarnation: this.#raised() }, 'left', this.#wake(now));
    return this.#outbox.take();
  }

  /** Takes a member out of the list, because the ring log or an operator says that it is gone for good. */
  forget(now: number, id: string): readonly Effect[] {
    this.#wake(now);
    const slot = this.#list.slotOf(id);
    if (slot !== undefined && slot !== this.#list.self) {
      this.#prober.drop(slot);
      this.#beliefs.forget(slot);
    }
    return this.#outbox.take();
  }

  /** Takes members for alive that somebody trustworthy (the ring log, a shared list) says exist. Known ones stay as they are. */
  introduce(now: number, profiles: Iterable<Profile>): readonly Effect[] {
    const atMs = this.#wake(now);
    this.#list.reserve();
    for (const profile of profiles) {
      this.#beliefs.introduce(profile, { incarnation: profile.incarnation, state: 'alive', witnesses: noWitnesses }, atMs);
    }
    return this.#outbox.take();
  }

  /** The ring epoch that this member knows of, for laggards to notice. */
  setEpoch(epoch: number): void {
    this.#rounds.epoch = epoch;
  }

  /** The state of a member; undefined if it is not in the list. */
  stateOf(id: string): MemberState | undefined {
    const slot = this.#list.slotOf(id);
    return slot === undefined ? undefined : this.#list.columns.state(slot);
  }

  /** Whether requests may be sent to a member: it is alive, or merely suspected. */
  isUp(id: string): boolean {
    return isUpState(this.stateOf(id));
  }

  /** One member as status shows it. */
  member(id: string): MemberStatus | undefined {
    const slot = this.#list.slotOf(id);
    return slot === undefined ? undefined : statusOf(this.#list, slot, this.#time.last);
  }

  /** All members, this one included, sorted by id. */
  members(): readonly MemberStatus[] {
    const all = [...this.#list.slots()].map((slot) => statusOf(this.#list, slot, this.#time.last));
    return all.sort((a, b) => (a.profile.id < b.profile.id ? -1 : 1));
  }

  /** Members in the list, and those of them that are up, this one included. */
  get size(): { readonly known: number; readonly up: number } {
    return { known: this.#list.size, up: this.#list.upSize };
  }

  /** The cluster, once it is known. */
  get cluster(): string | undefined {
    return this.#outbox.cluster === '' ? undefined : this.#outbox.cluster;
  }

  /** A hash for each bucket of the list; two members with the same ones believe the same. */
  get digest(): Uint32Array {
    return this.#list.digest.slice();
  }

  /** What was counted since the start. */
  get counters(): Counters {
    const { messages, bytes } = this.#outbox.sent;
    return {
      sentMessages: messages,
      sentBytes: bytes,
      malformed: this.#malformed,
      foreign: this.#listener.foreign,
      refuted: this.#beliefs.refutedByUs,
      doubt: this.#awareness.score,
    };
  }

  /** What it holds that has a limit. */
  get bounds(): Bounds {
    return {
      gossipMembers: { now: this.#list.size, most: tableLimits.members },
      gossipForgotten: { now: this.#forgotten.size, most: tableLimits.forgotten },
      gossipChanges: { now: this.#spreading.size, most: tableLimits.changes },
      ...this.#prober.bounds,
    };
  }

  /** The list as bytes, for `restore` after a restart. */
  snapshot(): Uint8Array {
    const records = [...this.#list.slots()].map((slot) => this.#list.record(slot));
    return encodeSnapshot({ cluster: this.#outbox.cluster, self: this.#selfId, records, forgotten: this.#forgotten.entries() });
  }

  /**
   * Takes up a list that an earlier life of this member wrote; this life's incarnation becomes higher than that one's. Before `start`.
   * @throws `CORRUPTION` for damaged bytes, `INVALID_ARGUMENT` for another member's or cluster's list: nothing is taken up then
   */
  restore(now: number, bytes: Uint8Array): readonly Effect[] {
    const saved = decodeSnapshot(bytes);
    const own = this.#outbox.cluster;
    if (saved.self !== this.#selfId || (own !== '' && saved.cluster !== '' && saved.cluster !== own)) {
      throw new CoterieError('INVALID_ARGUMENT', `a list of ${saved.self} in cluster ${saved.cluster}, not of ${this.#selfId} in ${own}`);
    }
    const atMs = this.#wake(now);
    this.#outbox.cluster = own === '' ? saved.cluster : own;
    for (const [id, incarnation] of saved.forgotten) this.#forgotten.add(id, incarnation);
    for (const { id, standing, profile } of saved.records) {
      if (id === this.#selfId) this.#outlive(standing.incarnation, atMs);
      else if (profile !== undefined) this.#beliefs.introduce(profile, standing, atMs);
    }
    return this.#outbox.take();
  }

  get #selfId(): string {
    return this.#list.catalogue.idOf(this.#list.self);
  }

  get #dueMs(): number {
    return Math.min(this.#rounds.nextDueMs, this.#prober.nextDueMs, this.#beliefs.nextDueMs);
  }

  /** Waking time now. A late awakening speaks against this node's health. */
  #wake(now: number): number {
    const before = this.#time.sleptMs;
    const atMs = this.#time.advance(now, Math.max(this.#dueMs, this.#time.last));
    if (this.#time.sleptMs - before > toleranceMs) this.#awareness.change(1);
    return atMs;
  }

  #raised(): number {
    return this.#list.columns.incarnation[this.#list.self] + 1;
  }

  #outlive(incarnation: number, atMs: number): void {
    const mine = this.#list.profile(this.#list.self);
    if (incarnation >= mine.incarnation) this.#beliefs.speakForSelf({ ...mine, incarnation: incarnation + 1 }, 'alive', atMs);
  }

  #introduction(): Introduction {
    const { self } = this.#list;
    const { heartbeat, epoch } = this.#rounds;
    return { standing: this.#list.standing(self), profile: this.#list.profile(self), heartbeat, epoch };
  }
}

function checkOptions({
  self,
  incarnation,
  cluster,
  seeds,
}: Required<Pick<MachineOptions, 'self' | 'incarnation' | 'cluster' | 'seeds'>>): void {
  checkProfile(self);
  const { clusterBytes } = messageLimits;
  if (!Number.isInteger(incarnation) || incarnation < 0 || incarnation >= incarnationMax) throw refused(`incarnation ${incarnation}`);
  if (!/^[!-~]*$/.test(cluster) || cluster.length > clusterBytes)
    throw refused(`a cluster id is at most ${clusterBytes} printable ASCII characters`);
  if (seeds.length > tableLimits.seeds) throw refused(`at most ${tableLimits.seeds} seeds`);
  for (const seed of seeds) if (!isAddress(seed)) throw refused(`a seed is host:port, not ${seed}`);
}

function refused(what: string): CoterieError {
  return new CoterieError('INVALID_ARGUMENT', `gossip: ${what}`);
}
