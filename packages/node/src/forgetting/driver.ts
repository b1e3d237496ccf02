/**
 * Drives rounds of forgetting for the partitions of which this node is the first holder (`round.ts` says what has to be
 * proven, and why that is enough). One round at a time; what cannot go on is given up, and begins anew some time later.
 *
 * ```
 *   idle ──due, something is to be forgotten──▶ look ▶ report ──▶ waiting ──operations are over──▶ deliver ▶ agree ▶ raise ──▶ idle
 *     ▲                                                                                                      │
 *     └── a member is silent, or not ready: `waitingFor` names it ◀──────────────────────────────────────────┘
 * ```
 *
 * A look reads the list of what is to be forgotten, which may be long: between two of them lies a multiple of the time that
 * one takes. While a member is down or the ring changes no round can begin, and what the last look found is good enough.
 */
import { CoterieError, isCoterieError, sleep } from '@coterie/env';
import { memberName } from '../cluster/wishes.ts';
import type { Core } from '../core.ts';
import type { ForgettingAnswers } from './answers.ts';
import { ground } from './floor.ts';
import type { ToldFloor } from './floors.ts';
import { type Candidate, lookAtList, type Outstanding } from './look.ts';
import { type MemberReport, openReport, packFloors, packStretches, stretchesMax } from './questions.ts';
import { floorAfter, momentOf, whyNot } from './round.ts';

/** What a driver works with. */
export interface DriverParts {
  readonly core: Core;
  readonly answers: Pick<ForgettingAnswers, 'handlers'>;
  readonly everyMs: number;
  readonly isStopped: () => boolean;
}

/** A stretch whose owners stand equal. */
interface ReadyStretch extends Candidate {
  /** The round of the floor that its owners hold; 0 while none does. */
  readonly base: number;
  /** The highest round that any member has heard of there. */
  readonly heard: number;
}

/** A round whose reports are in. */
interface Waiting {
  readonly ring: number;
  readonly candidates: readonly ReadyStretch[];
  readonly reports: ReadonlyMap<string, MemberReport>;
  readonly untilMs: number;
}

/** How often the round that did not come to its end is tried again, as a share of the usual time. */
const soonerTimes = 4;

/** How many times as long as a look took none is begun. */
const restsToLook = 4;

/** After how long two owners who do not agree yet are asked again. */
const agreeAgainMs = 2000;

/** Drives rounds. */
export class RoundDriver {
  readonly #parts: DriverParts;
  #waiting: Waiting | undefined;
  #nextMs = 0;
  /** What the last look found, and until when there is no other. */
  #found: readonly Candidate[] = [];
  #restsUntilMs = 0;
  #looks = 0;
  /** Names of members for whom the last round waits, and why. Empty when it does not. */
  waitingFor: { readonly member: string; readonly reason: string }[] = [];
  /** What this store held for forgetting when it last looked. */
  outstanding: Outstanding = { deleted: 0, expiring: 0, expired: 0, oldestMs: undefined };
  /** Rounds that this node drove to their end. */
  rounds = 0;

  constructor(parts: DriverParts) {
    this.#parts = parts;
  }

  /** Does what is due. */
  async step(): Promise<void> {
    const { core, everyMs } = this.#parts;
    const now = core.environment.clock.monotonic();
    const waiting = this.#waiting;
    if (waiting !== undefined && now >= waiting.untilMs) {
      this.#waiting = undefined;
      await this.#attempt(() => this.#finish(waiting));
      this.rounds += 1;
      this.#nextMs = core.environment.clock.monotonic();
    } else if (waiting === undefined && now >= this.#nextMs && (now >= this.#restsUntilMs || this.#isHindered)) {
      this.#nextMs = now + everyMs;
      await this.#attempt(async () => {
        this.#waiting = await this.#begin();
      });
    }
  }

  /** Whoever was waited for before is not any more, unless this attempt finds so. */
  async #attempt(work: () => Promise<void>): Promise<void> {
    const { core, everyMs } = this.#parts;
    this.waitingFor = [];
    try {
      await work();
    } catch (error) {
      this.#nextMs = core.environment.clock.monotonic() + Math.ceil(everyMs / soonerTimes);
      if (isCoterieError(error, 'STALE_RING')) await core.cluster.catchUp();
      throw error;
    }
  }

  async #begin(): Promise<Waiting | undefined> {
    const { core } = this.#parts;
    const { state } = core.cluster;
    const isRecent = core.environment.clock.monotonic() < this.#restsUntilMs;
    const candidates = isRecent && this.#isHindered ? this.#found : await this.#look();
    if (candidates.length === 0) return undefined;
    if (state.changes.length > 0) throw new CoterieError('NOT_READY', 'the ring is changing');
    const ring = state.ringEpoch;
    const down = this.#down;
    for (const { id } of down) this.#blame(id, 'it is down');
    if (down.length > 0) throw new CoterieError('NOT_READY', 'a member is down');
    const reports = new Map<string, MemberReport>();
    const body: unknown = [ring, packStretches(candidates)];
    await this.#askAll(
      'forget-report',
      () => body,
      (id, answer) => void reports.set(id, openReport(answer)),
    );
    const untilMs = core.environment.clock.monotonic() + this.#waitMs;
    return { ring, candidates: this.#readyOf(candidates, reports), reports, untilMs };
  }

  /** How long an operation can be asked for again. */
  get #waitMs(): number {
    const { timeoutMsMax, operationMemoryMs } = this.#parts.core.limits;
    return Math.max(timeoutMsMax, operationMemoryMs);
  }

  /** Whether no round can begin now. */
  get #isHindered(): boolean {
    return this.#parts.core.cluster.state.changes.length > 0 || this.#down.length > 0;
  }

  get #down(): readonly { readonly id: string }[] {
    const { cluster, selfId } = this.#parts.core;
    return cluster.state.members.filter(({ id }) => id !== selfId && cluster.standing(id) === 'down');
  }

  async #look(): Promise<readonly Candidate[]> {
    const { core } = this.#parts;
    const sinceMs = core.environment.clock.monotonic();
    const { members, replicas } = core.cluster.state.ring;
    const wallMs = core.environment.clock.now();
    const before = momentOf([{ wallMs }]);
    const isFirst = (partition: number): boolean => members[replicas[partition]?.[0] ?? -1]?.id === core.selfId;
    const wish = { isWanted: isFirst, before, candidatesMax: stretchesMax, number: this.#looks++ };
    const { outstanding, candidates } = await lookAtList(core, wish);
    this.outstanding = outstanding;
    this.#found = candidates;
    const now = core.environment.clock.monotonic();
    this.#restsUntilMs = now + restsToLook * (now - sinceMs);
    return candidates;
  }

  /** Candidates whose owners stand equal, and of whom none has anything to take back. @throws `NOT_READY` when there are none */
  #readyOf(candidates: readonly Candidate[], reports: ReadonlyMap<string, MemberReport>): ReadyStretch[] {
    const ready = candidates.flatMap((one, at): ReadyStretch[] => {
      const owners = this.#ownersOf(one).map((id) => ({ id, report: reports.get(id), standing: reports.get(id)?.standings[at] }));
      const isRecovering = owners.filter(({ report }) => report?.isRecovering !== false).map(({ id }) => id);
      for (const id of isRecovering) this.#blame(id, 'it must take back first what was lost');
      // What was only heard of does not count: a round may have failed before anybody held its floor.
      const held = owners.map(({ standing }) => (standing === undefined || standing.state === 'heard' ? 0 : standing.round));
      const base = Math.max(...held);
      const behind = owners.filter((_one, position) => held[position] !== base);
      for (const { id } of behind) this.#blame(id, 'it has to take over first what others have forgotten');
      const busy = owners.filter(({ standing }) => standing?.state === 'to be dropped');
      if (isRecovering.length + behind.length + busy.length > 0) return [];
      return [{ ...one, base, heard: Math.max(...[...reports.values()].map(({ standings }) => standings[at]?.round ?? 0)) }];
    });
    if (ready.length > 0) this.waitingFor = [];
    if (ready.length > 0) return ready;
    throw new CoterieError('NOT_READY', 'the owners of no stretch are ready');
  }

  async #finish({ ring, candidates, reports }: Waiting): Promise<void> {
    const { core } = this.#parts;
    const members = [...reports.keys()];
    if (core.cluster.state.members.some(({ id }) => !reports.has(id)))
      throw new CoterieError('STALE_RING', 'a member has joined since the round began');
    await this.#askAll('forget-deliver', () => [ring]);
    const conditions = new Map<string, string>();
    await this.#askAll(
      'forget-report',
      () => [ring, []],
      (id, answer) => void conditions.set(id, openReport(answer).condition),
    );
    const untilMs = core.environment.clock.monotonic() + this.#waitMs;
    for (const [[a, b], partitions] of this.#pairsOf(candidates)) await this.#agree(a, [ring, b, partitions], untilMs);
    const raised = this.#raisedBy(candidates, [...reports.values()]);
    // Those first who may keep something for others: whoever drops has to know that no late copy is taken for a new one.
    const byShare = members.sort((a, b) => this.#shareOf(a, candidates) - this.#shareOf(b, candidates));
    for (const id of byShare) {
      const isOwned = (_one: unknown, at: number): boolean => this.#ownersOf(candidates[at]).includes(id);
      const agreed = raised.filter(isOwned);
      const bases = candidates.filter(isOwned).map(({ base }) => base);
      const { rows, values } = packFloors([...agreed, ...raised.filter((one) => !agreed.includes(one))]);
      await this.#ask(id, 'forget-raise', { body: [ring, conditions.get(id), bases, rows], values });
    }
  }

  #raisedBy(candidates: readonly ReadyStretch[], reports: readonly MemberReport[]): ToldFloor[] {
    const { core } = this.#parts;
    const before = momentOf(reports);
    const lives = new Set(candidates.flatMap((one) => [...one.lives]));
    return candidates.map(({ partition, bucket, generation, heard }): ToldFloor => {
      const { upTo } = core.floors.of({ partition, bucket, generation })?.floor ?? ground;
      const outlook = { lives, isMoving: false, recovering: [], floor: { round: heard, upTo } };
      const reason = whyNot(outlook);
      if (reason !== undefined) throw this.#blame(core.selfId, reason);
      return { partition, bucket, generation, before, floor: floorAfter(outlook, reports) };
    });
  }

  /** In how many of these stretches a member has a say. */
  #shareOf(id: string, candidates: readonly Candidate[]): number {
    return candidates.filter((one) => this.#ownersOf(one).includes(id)).length;
  }

  /** Every pair of owners, and the partitions that they have to agree on. */
  #pairsOf(candidates: readonly Candidate[]): [pair: readonly [string, string], partitions: number[]][] {
    const pairs = new Map<string, { readonly pair: readonly [string, string]; readonly partitions: Set<number> }>();
    for (const one of candidates) {
      const owners = this.#ownersOf(one);
      for (const [at, a] of owners.entries()) {
        for (const b of owners.slice(at + 1)) {
          const known = pairs.get([a, b].sort().join(' ')) ?? { pair: [a, b] as const, partitions: new Set<number>() };
          pairs.set([a, b].sort().join(' '), known);
          known.partitions.add(one.partition);
        }
      }
    }
    return [...pairs.values()].map(({ pair, partitions }) => [pair, [...partitions].sort((a, b) => a - b)]);
  }

  #ownersOf({ partition, copies }: Pick<Candidate, 'partition' | 'copies'>): string[] {
    const { members, replicas } = this.#parts.core.cluster.state.ring;
    return (replicas[partition] ?? []).slice(0, copies).map((position) => members[position].id);
  }

  /**
   * Has a pair of owners agree. Where one missed much they are at work for longer than an answer may take, and what they have
   * done by then stays done: it is asked again for as long as the round has waited, so that this was not in vain.
   */
  async #agree(member: string, body: unknown, untilMs: number): Promise<void> {
    const { core, isStopped } = this.#parts;
    for (;;) {
      try {
        await this.#ask(member, 'forget-agree', { body });
        this.waitingFor = [];
        return;
      } catch (error) {
        const isBusy = isCoterieError(error, 'TIMEOUT') || isCoterieError(error, 'NOT_READY');
        if (!isBusy || isStopped() || core.environment.clock.monotonic() >= untilMs) throw error;
      }
      await sleep(core.environment.timers, agreeAgainMs);
    }
  }

  /** Asks every member, and names all who do not answer. */
  async #askAll(method: string, bodyFor: (id: string) => unknown, then?: (id: string, answer: Answer) => void): Promise<void> {
    const ids = this.#parts.core.cluster.state.members.map(({ id }) => id);
    const answers = await Promise.allSettled(ids.map((id) => this.#ask(id, method, { body: bodyFor(id) })));
    for (const [at, answer] of answers.entries()) {
      if (answer.status === 'rejected') throw answer.reason;
      then?.(ids[at], answer.value);
    }
  }

  /** Asks a member, or this one. */
  async #ask(id: string, method: string, question: { readonly body: unknown; readonly values?: readonly Uint8Array[] }): Promise<Answer> {
    const { core, answers } = this.#parts;
    const { body, values = [] } = question;
    try {
      if (id !== core.selfId) return await core.cluster.peers.ask(id, { method, body, values });
      return await answers.handlers[method]({ body, values } as unknown as Parameters<(typeof answers.handlers)[string]>[0]);
    } catch (error) {
      this.#blame(id, error instanceof Error ? error.message : String(error));
      throw error;
    }
  }

  /** Notes whom the round waits for. */
  #blame(id: string, reason: string): CoterieError {
    const member = memberName(this.#parts.core.cluster.state, id);
    if (!this.waitingFor.some((one) => one.member === member)) this.waitingFor.push({ member, reason });
    return new CoterieError('NOT_READY', `${member}: ${reason}`);
  }
}

type Answer = { readonly body: unknown; readonly values?: readonly Uint8Array[] };
