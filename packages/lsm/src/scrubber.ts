/**
 * Looks for rot in a running store, one table at a time: whoever calls sets the pace. A table that is damaged is set aside
 * (`quarantine.ts`); one that goes meanwhile, by a compaction, needs no look any more.
 */
import { type CoterieError, isCoterieError, type Job } from '@coterie/env';
import { jobError, jobModule } from './jobs.ts';
import { tablePath } from './names.ts';
import type { Settings } from './options.ts';
import { checkTable } from './scrub-job.ts';
import type { StoreState } from './store-state.ts';

/** A table that was looked at. */
export interface Scrubbed {
  readonly table: number;
  readonly bytes: number;
  /** What is wrong with it; it is being set aside. */
  readonly damage?: CoterieError;
}

/** What scrubbing is made of. */
export interface ScrubberParts {
  readonly settings: Settings;
  readonly state: StoreState;
  readonly isQuarantined: (table: number) => boolean;
  readonly quarantine: (error: CoterieError) => void;
}

/** Checks tables. */
export class Scrubber {
  readonly #parts: ScrubberParts;
  #job: Job | undefined;
  #running: Promise<unknown> = Promise.resolve();

  constructor(parts: ScrubberParts) {
    this.#parts = parts;
  }

  /** Checks the table with the lowest number above `after`; undefined when there is none. @throws CoterieError `DISK_IO`, `CLOSED` */
  next(after: number): Promise<Scrubbed | undefined> {
    const work = this.#running.then(() => this.#next(after));
    this.#running = work.catch(() => undefined);
    return work;
  }

  /** Ends what runs. */
  async stop(): Promise<void> {
    this.#job?.cancel();
    await this.#running;
  }

  async #next(after: number): Promise<Scrubbed | undefined> {
    const { state, isQuarantined } = this.#parts;
    state.checkOpen();
    const metas = state.live.version.levels.flat().filter(({ number }) => number > after && !isQuarantined(number));
    if (metas.length === 0) return undefined;
    const { number, fileBytes } = metas.reduce((least, meta) => (meta.number < least.number ? meta : least));
    const held = state.live.retain();
    try {
      return { table: number, bytes: await this.#check(number) };
    } catch (error) {
      if (!isCoterieError(error, 'CORRUPTION')) throw error;
      this.#parts.quarantine(error);
      return { table: number, bytes: fileBytes, damage: error };
    } finally {
      held.release();
      this.#job = undefined;
    }
  }

  #check(number: number): Promise<number> {
    const { settings, state } = this.#parts;
    const input = { path: tablePath(state.directory, number) };
    return new Promise((resolve, reject) => {
      this.#job = settings.environment.jobs.start(
        { name: 'scrub', module: jobModule, exportName: 'checkTable', run: checkTable, input, priority: 2 },
        (outcome) => {
          if (outcome.state === 'done') resolve(outcome.output);
          else reject(outcome.state === 'failed' ? jobError(outcome.error) : jobError(new Error('cancelled')));
        },
      );
    });
  }
}
