/**
 * Takes over what this member is to hold after a change of the ring: each partition from one of its old holders, and
 * then makes sure that it has what each of them has (loss scenario 12).
 *
 * ```
 *   for each old holder   streaming ──▶ comparing ──▶ done        noted in the store, so that a restart goes on from there
 *                             │              └ not before all have streamed: what is still to come would be fetched one by one
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
import { firstHoldersOnly } from '../hazards.ts';
import { MoveNotes } from './move-notes.ts';
import { type Pace, untilCalm } from './pace.ts';
import type { Recovery } from './recovery.ts';
import { shareDone, takeOver, type TransferProgress } from './transfer.ts';

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

/** Takes over. */
export class Mover {
  readonly #core: Core;
  readonly #pace: Pace;
  readonly #recovery: Pick<Recovery, 'markWhole'>;
  readonly #notes: MoveNotes;
  readonly #intakes = new Map<string, IntakeProgress>();
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
    await this.#forEach(change, 'streaming', (intake, errand) => this.#stream(intake, errand));
    await this.#forEach(change, 'comparing', (intake, errand) => this.#compare(intake, errand));
    if (!this.#isJoiningBy(change) || this.#joinedBy === change.id) return;
    await this.#recovery.markWhole();
    this.#joinedBy = change.id;
  }

  #isJoiningBy(change: Change): boolean {
    return newcomersOf(change).includes(this.#core.selfId);
  }

  /** Does the work of a stage with every source that is at it; a source that fails holds no other up. @throws what the last that failed threw */
  async #forEach(
    change: Change,
    stage: IntakeProgress['stage'],
    work: (intake: IntakeProgress, errand: Intake) => Promise<void>,
  ): Promise<void> {
    let failed: unknown;
    for (const errand of this.#errandsOf(change)) {
      const intake = await this.#intakeOf(change, errand);
      if (intake.stage !== stage) continue;
      try {
        await untilCalm(this.#core.environment);
        await work(intake, errand);
        intake.trouble = '';
      } catch (error) {
        intake.trouble = error instanceof Error ? error.message : String(error);
        failed = error;
      }
    }
    if (failed !== undefined) throw failed;
  }

  async #stream(intake: IntakeProgress, errand: Intake): Promise<void> {
    const from = { source: errand.source, ranges: errand.streamed };
    await takeOver(this.#core, from, { progress: intake, pace: this.#pace, afterPage: () => this.#afterPage(intake, errand) });
    intake.stage = 'comparing';
    intake.share = 1;
    await this.#notes.write(intake);
  }

  async #compare(intake: IntakeProgress, errand: Intake): Promise<void> {
    await compareWith(this.#core, errand, { pace: this.#pace, check: () => this.#checkWanted(intake.change) });
    intake.stage = 'done';
    await this.#notes.write(intake);
  }

  async #afterPage(intake: IntakeProgress, { streamed }: Intake): Promise<void> {
    this.#checkWanted(intake.change);
    intake.share = shareDone(streamed, intake.cursor, this.#core.cluster.state.ring.partitions);
    if (intake.bytes - this.#notes.bytesNoted(intake) >= this.#core.limits.transferNoteBytes) await this.#notes.write(intake);
  }

  /** @throws `NOT_READY` once the change is aborted, or goes on without this */
  #checkWanted(changeId: string): void {
    if (this.#core.cluster.state.changes.some(({ id, phase }) => id === changeId && phase === 'dual-write')) return;
    throw new CoterieError('NOT_READY', 'the change that this was taken over for has ended');
  }

  async #intakeOf({ id: change }: Change, { source, streamed }: Intake): Promise<IntakeProgress> {
    const key = keyOf(change, source);
    const known = this.#intakes.get(key);
    if (known !== undefined) return known;
    const noted = await this.#notes.read(change, source);
    const { stage = 'streaming', cursor } = noted ?? {};
    const share = stage === 'streaming' ? shareDone(streamed, cursor, this.#core.cluster.state.ring.partitions) : 1;
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
    await this.#notes.forgetAllBut(kept);
  }
}

function keyOf(change: string, source: string): string {
  return `${change} ${source}`;
}
