/**
 * Takes over what this member is to hold after a change of the ring: each partition from one of its old holders, and
 * then makes sure that it has what each of them has (loss scenario 12).
 *
 * ```
 *   for each old holder   streaming ──▶ comparing ──▶ done        noted in the store, so that a restart goes on from there
 *                             │              └ what somebody has streamed; in place of one that is down, another holder does (`covered.ts`)
 *                             └─ failed, or the process ended ──▶ from the note on, at the next step
 * ```
 *
 * A newcomer that has everything vouches for what it lacks from then on, before anybody reads from it. When the change may
 * go on is decided by `cluster/driver.ts`.
 */
import { CoterieError } from '@coterie/env';
import { errandsOf, type Intake } from '../cluster/moves.ts';
import { type Change, type ClusterState, newcomersOf } from '../cluster/state.ts';
import { compareWith } from './compare.ts';
import type { Core } from '../core.ts';
import { Covered } from './covered.ts';
import { firstHoldersOnly } from '../hazards.ts';
import { MoveNotes } from './move-notes.ts';
import { type Pace, untilCalm } from './pace.ts';
import type { Recovery } from './recovery.ts';
import { endsBefore, partitionsIn, rangesOf } from '../store/partition-ranges.ts';
import { type NotedTransfer, shareDone, takeOverAll, type TransferProgress } from './transfer.ts';

/** How far the taking over from one holder is. */
export interface IntakeProgress extends TransferProgress {
  readonly change: string;
  readonly source: string;
  stage: 'streaming' | 'comparing' | 'done';
  /** Of the partitions that this source streams, the part that is there: 0 to 1. */
  share: number;
  /** Monotonic milliseconds of this process at which it began, and what was there then. */
  readonly sinceMs: number;
  readonly shareAtStart: number;
  /** Why it does not go on; empty while it does. */
  trouble: string;
}

/** A source in one step. */
interface Source {
  readonly intake: IntakeProgress;
  readonly errand: Intake;
  readonly covered: Covered;
  /** Why it gets no more work in this step. */
  failure: unknown;
}

/** Takes over. */
export class Mover {
  readonly #core: Core;
  readonly #pace: Pace;
  readonly #recovery: Pick<Recovery, 'markWhole'>;
  readonly #notes: MoveNotes;
  readonly #intakes = new Map<string, IntakeProgress>();
  /** By change. */
  readonly #covered = new Map<string, Covered>();
  /** The change by which this member joins and has joined: it took over everything that it is to hold. */
  #joinedBy: string | undefined;

  constructor(core: Core, pace: Pace, recovery: Pick<Recovery, 'markWhole'>) {
    this.#core = core;
    this.#pace = pace;
    this.#recovery = recovery;
    this.#notes = new MoveNotes(core.store);
  }

  /** What is being taken over, or was in the changes under way. */
  get intakes(): readonly IntakeProgress[] {
    return [...this.#intakes.values()];
  }

  /**
   * What keeps this member from having all that it is to hold after the change with this id, in a clause; empty while
   * nothing but time does, undefined when it has it.
   */
  missing(changeId: string): string | undefined {
    const change = this.#core.cluster.state.changes.find(({ id }) => id === changeId);
    if (change === undefined) return 'it has not heard of the change';
    const open = this.#errandsOf(change).filter(({ source }) => !this.#isDone(change, source));
    if (open.length === 0) return this.#isJoiningBy(change) && this.#joinedBy !== changeId ? '' : undefined;
    const stuck = open
      .map(({ source }) => this.#intakes.get(keyOf(changeId, source)))
      .find((intake) => intake !== undefined && intake.trouble !== '');
    return stuck === undefined ? '' : `it cannot have the data of ${stuck.source}: ${stuck.trouble}`;
  }

  /** Takes over what it can; what fails is tried again at the next step, and holds up nothing else. */
  async step(): Promise<void> {
    const { changes } = this.#core.cluster.state;
    await this.#forgetOthers(changes);
    let failed: unknown;
    for (const change of changes) {
      if (change.phase !== 'dual-write') continue;
      await this.#takeOver(change).catch((error: unknown) => (failed = error));
    }
    if (failed !== undefined) throw failed;
  }

  async #takeOver(change: Change): Promise<void> {
    const sources = await this.#sourcesOf(change);
    await each(sources, (source) => this.#stream(source));
    await each(sources, (source) => this.#streamInPlaceOf(sources, source));
    await each(sources, (source) => this.#compare(source));
    const failed = sources.filter(({ failure }) => failure !== undefined);
    for (const source of sources) if (!failed.includes(source)) source.intake.trouble = '';
    if (failed.length > 0) throw failed.at(-1)?.failure;
    if (!this.#isJoiningBy(change) || this.#joinedBy === change.id) return;
    await this.#recovery.markWhole();
    this.#joinedBy = change.id;
  }

  #isJoiningBy(change: Change): boolean {
    return newcomersOf(change).includes(this.#core.selfId);
  }

  /** Sources that are not done with. */
  async #sourcesOf(change: Change): Promise<Source[]> {
    const sources: Source[] = [];
    for (const errand of this.#errandsOf(change)) {
      const intake = await this.#intakeOf(change, errand);
      if (intake.stage !== 'done') sources.push({ intake, errand, covered: this.#coveredOf(change), failure: undefined });
    }
    return sources;
  }

  async #stream({ intake, errand, covered }: Source): Promise<void> {
    await this.#takeOverAll({ errand, covered }, covered.leftToGive(errand), {
      progress: intake,
      afterPage: () => this.#afterPage(intake, errand),
    });
    if (intake.stage !== 'streaming') return;
    intake.stage = 'comparing';
    intake.share = 1;
    await this.#notes.write(intake);
  }

  /** Streams what those who are down would give and this source has too. */
  async #streamInPlaceOf(sources: readonly Source[], { intake, errand, covered }: Source): Promise<void> {
    if (intake.stage !== 'comparing') return;
    const { cluster } = this.#core;
    const isSilent = (other: Source): boolean =>
      other.intake.stage === 'streaming' && other.failure !== undefined && cluster.standing(other.intake.source) === 'down';
    const silent = sources.filter(isSilent).map((other) => other.errand);
    const progress: TransferProgress = { objects: 0, bytes: 0, cursor: undefined };
    await this.#takeOverAll({ errand, covered }, covered.leftBy(silent, errand), {
      progress,
      check: () => this.#checkWanted(intake.change),
    });
  }

  async #takeOverAll(
    { errand: { source }, covered }: Pick<Source, 'errand' | 'covered'>,
    partitions: readonly number[],
    transfer: Omit<NotedTransfer, 'pace' | 'note'>,
  ): Promise<void> {
    if (partitions.length === 0) return;
    await untilCalm(this.#core.environment);
    const note = (some: readonly number[]): void => covered.noteStreamed(some);
    await takeOverAll(this.#core, { source, partitions }, { ...transfer, pace: this.#pace, note });
  }

  async #compare({ intake, errand, covered }: Source): Promise<void> {
    if (intake.stage !== 'comparing') return;
    const left = covered.leftToCompare(errand);
    if (left.length > 0) {
      await untilCalm(this.#core.environment);
      const check = (): void => this.#checkWanted(intake.change);
      await compareWith(this.#core, { source: errand.source, ranges: rangesOf(left) }, { pace: this.#pace, check });
      covered.noteCompared(errand.source, left);
    }
    if (!covered.isDoneWith(errand)) return;
    intake.stage = 'done';
    await this.#notes.write(intake);
  }

  async #afterPage(intake: IntakeProgress, { streamed }: Intake): Promise<void> {
    this.#checkWanted(intake.change);
    intake.trouble = '';
    intake.share = shareDone(streamed, intake.cursor, this.#core.cluster.state.ring.partitions);
    if (intake.bytes - this.#notes.bytesNoted(intake) >= this.#core.limits.transferNoteBytes) await this.#notes.write(intake);
  }

  /** @throws `NOT_READY` once the change is aborted, or goes on without this */
  #checkWanted(changeId: string): void {
    if (this.#core.cluster.state.changes.some(({ id, phase }) => id === changeId && phase === 'dual-write')) return;
    throw new CoterieError('NOT_READY', 'the change that this was taken over for has ended');
  }

  #coveredOf({ id }: Change): Covered {
    const covered = this.#covered.get(id) ?? new Covered();
    this.#covered.set(id, covered);
    return covered;
  }

  async #intakeOf(of: Change, errand: Intake): Promise<IntakeProgress> {
    const { source, streamed } = errand;
    const { id: change } = of;
    const key = keyOf(change, source);
    const known = this.#intakes.get(key);
    if (known !== undefined) return known;
    const noted = await this.#notes.read(change, source);
    const { stage = 'streaming', cursor } = noted ?? {};
    const { partitions } = this.#core.cluster.state.ring;
    this.#coveredOf(of).noteStreamed(streamedBy(errand, { stage, cursor }, partitions));
    const share = stage === 'streaming' ? shareDone(streamed, cursor, partitions) : 1;
    const intake: IntakeProgress = {
      change,
      source,
      ...(noted ?? { stage: 'streaming', objects: 0, bytes: 0, cursor: undefined }),
      share,
      shareAtStart: share,
      sinceMs: this.#core.environment.clock.monotonic(),
      trouble: '',
    };
    this.#intakes.set(key, intake);
    return intake;
  }

  #errandsOf(change: Change): Intake[] {
    const { cluster, hazards, selfId } = this.#core;
    return errandsOf(hazards.takenFromOne ? firstHoldersOnly(cluster.state) : cluster.state, change, selfId);
  }

  #isDone({ id }: Change, source: string): boolean {
    return this.#intakes.get(keyOf(id, source))?.stage === 'done';
  }

  async #forgetOthers(changes: ClusterState['changes']): Promise<void> {
    const kept = new Set(changes.map(({ id }) => id));
    for (const [key, { change }] of this.#intakes) if (!kept.has(change)) this.#intakes.delete(key);
    for (const id of this.#covered.keys()) if (!kept.has(id)) this.#covered.delete(id);
    await this.#notes.forgetAllBut(kept);
  }
}

/** Does some work with every source; one that has failed in this step gets no more, and holds no other up. */
async function each(sources: readonly Source[], work: (source: Source) => Promise<void>): Promise<void> {
  for (const source of sources) {
    if (source.failure !== undefined) continue;
    try {
      await work(source);
    } catch (error) {
      source.intake.trouble = error instanceof Error ? error.message : String(error);
      source.failure = error;
    }
  }
}

/** What was streamed, by a note: of who was compared with, all that it holds was. */
function streamedBy(
  { ranges, streamed }: Intake,
  { stage, cursor }: Pick<IntakeProgress, 'stage' | 'cursor'>,
  partitions: number,
): number[] {
  if (stage === 'done') return partitionsIn(ranges);
  const given = partitionsIn(streamed);
  if (stage === 'comparing') return given;
  return cursor === undefined ? [] : given.filter((partition) => endsBefore(partition, cursor, partitions));
}

function keyOf(change: string, source: string): string {
  return `${change} ${source}`;
}
