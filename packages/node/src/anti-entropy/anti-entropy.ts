/**
 * Anti-entropy: compares this store with every member that holds something together with it, so that copies become equal
 * though nobody reads them (design section 8, loss scenario 17).
 *
 * ```
 *   a member came back, or is owed something ──▶ at once
 *   otherwise: one member every few seconds, in turn ──▶ all that both hold is compared
 *   leaves in doubt ──▶ counted anew, some in each step
 * ```
 *
 * One exchange at a time, and between two members one: both would repair the same keys. When both begin at once, the one
 * with the higher id gives way. Equal copies cost one question, whatever they hold. A partition in which one of the two is
 * about to drop what it has forgotten is left out until it is through: of course they differ there.
 */
import { CoterieError, isCoterieError, sleep } from '@coterie/env';
import type { RepairReport, RepairRequest } from '../api.ts';
import type { Core } from '../core.ts';
import { rest } from '../transfer/pace.ts';
import { type Counts, type Effort, Exchange, type ExchangeTerms, gentle, hurried, noCounts } from './exchange.ts';
import { sharedPartitions, sharersOf } from './pair.ts';
import { OtherMember } from './questions.ts';
import { recountLeaf, recountPartition } from './recount.ts';

/** Between two exchanges that nothing calls for. */
const everyMs = 10_000;
/** A repair that meets another exchange of the same two waits so long, so often. */
const againMs = 2000;
const triesMax = 10;
/** Leaves in doubt that are counted in one step. */
const recountsPerStep = 64;

/** Compares and repairs in the background, and when asked. */
export class AntiEntropy {
  readonly #core: Core;
  /** Members to be compared with at once. */
  readonly #urgent = new Set<string>();
  readonly #wereDown = new Set<string>();
  #known: ReadonlySet<string> = new Set();
  /** Whose exchange failed last: others come before it. */
  #failed: string | undefined;
  #turn = 0;
  #nextAtMs = 0;
  #stopped = false;
  /** With whom an exchange is under way, and whether it gives way to the other's. */
  #partner: string | undefined;
  #givesWay = false;
  #running: Promise<unknown> = Promise.resolve();
  /** What exchanges did since the start. */
  readonly totals: Counts & { exchanges: number } = { ...noCounts(), exchanges: 0 };

  constructor(core: Core) {
    this.#core = core;
  }

  /** Compares with one member, if it is time. */
  async step(): Promise<void> {
    await this.#recountDoubtful();
    if (this.#core.hazards.onlyReadRepair) return;
    const member = this.#next();
    if (member === undefined) return;
    const { clock } = this.#core.environment;
    this.#nextAtMs = clock.monotonic() + everyMs;
    try {
      await this.#one(() => this.#exchange(member, gentle));
      this.#urgent.delete(member);
      this.#failed = undefined;
    } catch (error) {
      this.#failed = member;
      // It is older or newer here, and whoever is behind learns what was decided.
      if (isCoterieError(error, 'STALE_RING')) await this.#core.cluster.catchUp([member]);
      throw error;
    }
  }

  /**
   * Compares with every member that holds something together with this one, now; with `prove` both sides count their
   * leaves from the data before and compare once more afterwards. It rests for clients unless it is to `hurry`. A member
   * that cannot be asked is reported.
   */
  async repair(request: RepairRequest): Promise<RepairReport[]> {
    const reports: RepairReport[] = [];
    for (const member of sharersOf(this.#core.cluster.state, this.#core.selfId)) {
      if (this.#stopped) break;
      reports.push(await this.#one(() => this.#repairWith(member, request)));
    }
    return reports;
  }

  /**
   * Resolves when each of the two knows of these partitions what the other knew when it began. `floorAt`: below which nothing
   * stays here that the other has forgotten; by default what this store holds itself. @throws what keeps them apart
   */
  async agree(member: string, partitions: readonly number[], floorAt?: ExchangeTerms['floorAt']): Promise<void> {
    await this.#one(() =>
      this.#insist(() => this.#compare(member, partitions, { effort: hurried, ...(floorAt === undefined ? {} : { floorAt }) })),
    );
    if (this.#isEnding) throw new CoterieError('NOT_READY', 'copies could not be compared to the end');
  }

  /** Whether this member may begin an exchange with this store now. */
  admits(member: string): boolean {
    if (this.#partner !== member) return true;
    if (this.#core.selfId < member) return false;
    this.#givesWay = true;
    return true;
  }

  /** Ends after the question on its way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #repairWith(member: string, { prove = false, hurry = false }: RepairRequest): Promise<RepairReport> {
    const { cluster, selfId } = this.#core;
    const partitions = sharedPartitions(cluster.state, selfId, member);
    const effort = hurry ? hurried : gentle;
    let report = noCounts();
    try {
      const uncounted = prove ? await this.#recountBoth(member, partitions, effort) : 0;
      report = await this.#insist(() => this.#exchange(member, effort));
      const unequal = (await new Exchange(this.#core, member, { effort, isStopped: () => this.#stopped }).differing(partitions)).length;
      return { ...report, member, unequal, proven: prove && unequal === 0 && uncounted === 0 };
    } catch (error) {
      if (isCoterieError(error, 'STALE_RING')) await cluster.catchUp([member]);
      const trouble = error instanceof Error ? error.message : String(error);
      return { ...report, member, unequal: partitions.length, proven: false, trouble };
    }
  }

  /** Resolves to the number of leaves that could not be counted. */
  async #recountBoth(member: string, partitions: readonly number[], { restsToCount }: Effort): Promise<number> {
    const { environment, cluster } = this.#core;
    const other = new OtherMember(cluster.peers, member);
    let left = 0;
    for (const partition of partitions) {
      if (this.#stopped) return left + 1;
      const sinceMs = environment.clock.monotonic();
      const own = await recountPartition(this.#core, partition);
      const theirs = await other.recount(partition);
      this.totals.mended += own.wrong;
      left += own.left + theirs.left;
      await rest(environment, (environment.clock.monotonic() - sinceMs) * restsToCount);
    }
    return left;
  }

  async #exchange(member: string, effort: Effort): Promise<Counts> {
    const { cluster, selfId, dirty, floors } = this.#core;
    const notes = dirty.take(member);
    const { partitions } = cluster.state.ring;
    const first = new Set(notes.starts.map((start) => Math.floor(start / (2 ** 32 / partitions))));
    const { unsettled } = floors;
    const shared = sharedPartitions(cluster.state, selfId, member).filter((one) => !unsettled.has(one));
    const ordered = [...shared.filter((one) => first.has(one)), ...shared.filter((one) => !first.has(one))];
    const counts = await this.#compare(member, ordered, { effort });
    if (!this.#isEnding && ![...first].some((one) => unsettled.has(one))) await notes.done();
    return counts;
  }

  async #compare(member: string, partitions: readonly number[], terms: Omit<ExchangeTerms, 'isStopped'>): Promise<Counts> {
    const exchange = new Exchange(this.#core, member, { ...terms, isStopped: () => this.#isEnding });
    this.#partner = member;
    this.#givesWay = false;
    try {
      return await exchange.run(partitions);
    } finally {
      this.#partner = undefined;
      this.totals.exchanges += 1;
      for (const [name, count] of Object.entries(exchange.report)) this.totals[name as keyof Counts] += count;
    }
  }

  get #isEnding(): boolean {
    return this.#stopped || this.#givesWay;
  }

  /** An exchange that gives way to none: tried again while the other side has one of its own. */
  async #insist(exchange: () => Promise<Counts>): Promise<Counts> {
    for (let tries = 1; ; tries++) {
      try {
        const counts = await exchange();
        if (!this.#givesWay || tries === triesMax) return counts;
      } catch (error) {
        if (tries === triesMax || !isCoterieError(error, 'NOT_READY')) throw error;
      }
      await sleep(this.#core.environment.timers, againMs);
    }
  }

  #one<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#running.then(work);
    this.#running = mine.catch(() => undefined);
    return mine;
  }

  /** Whom to compare with now. */
  #next(): string | undefined {
    const { cluster, selfId, environment } = this.#core;
    const sharers = sharersOf(cluster.state, selfId);
    this.#noteReturns(sharers);
    const reachable = sharers.filter((id) => cluster.standing(id) === 'up');
    const urgent = reachable.find((id) => id !== this.#failed && (this.#urgent.has(id) || this.#core.dirty.has(id)));
    if (urgent !== undefined || environment.clock.monotonic() < this.#nextAtMs || reachable.length === 0) return urgent;
    this.#turn += 1;
    return reachable[this.#turn % reachable.length];
  }

  /** A member that is new here, or was down, may lack something that nobody keeps for it. */
  #noteReturns(sharers: readonly string[]): void {
    for (const id of sharers) {
      if (this.#core.cluster.standing(id) === 'down') this.#wereDown.add(id);
      else if (this.#wereDown.delete(id) || !this.#known.has(id)) this.#urgent.add(id);
    }
    this.#known = new Set(sharers);
    for (const id of this.#urgent) if (!this.#known.has(id)) this.#urgent.delete(id);
  }

  async #recountDoubtful(): Promise<void> {
    const { trees } = this.#core;
    for (const start of [...trees.doubtful].slice(0, recountsPerStep)) {
      if (this.#stopped) return;
      await recountLeaf(this.#core, start);
    }
  }
}
