/**
 * Background work of one store: joins flushes, compactions and the watch over disk space, and says when they rest.
 * Flushes go first: each is offered before a compaction, and their jobs have the higher priority.
 */
import type { CoterieError } from '@coterie/env';
import type { BackgroundParts } from './background-parts.ts';
import { Compactor } from './compactor.ts';
import { DiskSpace } from './disk-space.ts';
import { Flusher } from './flusher.ts';
import { JobOutputs } from './job-outputs.ts';
import { jobModule } from './jobs.ts';
import type { Eagerness } from './pick.ts';
import { Quarantine } from './quarantine.ts';

/** Runs flushes and compactions of one store. */
export class Background {
  readonly #parts: BackgroundParts;
  readonly #space: DiskSpace;
  readonly #flusher: Flusher;
  readonly #compactor: Compactor;
  readonly #quarantine: Quarantine;
  #closing = false;

  constructor(parts: BackgroundParts) {
    this.#parts = parts;
    const next = (): void => {
      this.pump();
      parts.changed();
    };
    const { state, reserve, changed, settings } = parts;
    this.#space = new DiskSpace({ state, reserve, changed, timers: settings.environment.timers });
    const outputs = new JobOutputs(parts);
    this.#flusher = new Flusher(parts, { next, outputs, space: this.#space });
    this.#quarantine = new Quarantine(parts, { next, outputs });
    this.#compactor = new Compactor(parts, { next, outputs, quarantine: this.#quarantine });
    settings.environment.jobs.prepare?.(jobModule);
  }

  /** Whether any job runs or any install is under way. */
  get busy(): boolean {
    return this.#flusher.busy || this.#compactor.busy || this.#quarantine.busy || this.#parts.versions.installing;
  }

  /** Why compaction rests, if it failed. */
  get compactionFailure(): CoterieError | undefined {
    return this.#compactor.failure;
  }

  /** Why compaction debt will not shrink by waiting, if it will not. */
  get blocked(): CoterieError | undefined {
    return this.#compactor.blocked;
  }

  get quarantined(): ReadonlySet<number> {
    return this.#quarantine.tables;
  }

  get counters(): Readonly<Record<string, number>> {
    return { ...this.#flusher.counters, ...this.#compactor.counters, ...this.#quarantine.counters };
  }

  /** Whether nothing is left to do at the present eagerness. */
  get settled(): boolean {
    return !this.busy && this.quarantined.size === 0 && this.#parts.state.frozenCount === 0 && this.#compactor.settled;
  }

  /** Starts what there is to start. */
  pump(): void {
    if (this.#closing || this.#parts.state.failure !== undefined) return;
    this.#flusher.pump();
    if (!this.#compactor.busy) this.#quarantine.pump();
    this.#compactor.pump();
  }

  /** Says how eager compaction is to be from now on. */
  setEagerness(eagerness: Eagerness): void {
    this.#compactor.eagerness = eagerness;
    if (eagerness === 'settle') this.#compactor.wake();
    this.pump();
  }

  /** A read found a damaged table. */
  quarantine(error: CoterieError): void {
    if (this.#quarantine.note(error)) this.pump();
  }

  /** Cancels jobs; they settle soon. */
  stop(): void {
    this.#closing = true;
    this.#flusher.stop();
    this.#compactor.stop();
    this.#quarantine.stop();
  }
}
