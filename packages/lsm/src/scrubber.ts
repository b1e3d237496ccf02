/**
 * Looks for rot in a running store, one table at a time: whoever calls sets the pace. A table that is damaged is set aside
 * (`quarantine.ts`); one that goes meanwhile, by a compaction, needs no look any more.
 *
 * ```
 *   a read fails with EIO ──▶ suspect ──▶ checked at once ──▶ damaged: set aside      whole, it passed by: not again for a minute
 * ```
 */
import { type CoterieError, isCoterieError, type Job } from '@coterie/env';
import { jobError, jobModule } from './jobs.ts';
import { tablePath } from './names.ts';
import type { Settings } from './options.ts';
import { checkTable } from './scrub-job.ts';
import type { StoreState } from './store-state.ts';
import type { TableMeta } from './version.ts';

/** How long a suspect that was found whole is left alone. */
const restMs = 60_000;
/** Suspects that are remembered. */
const suspectsMax = 1024;

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
  /** Suspects that are checked, or were, and the monotonic time before which they are not checked again. */
  readonly #suspects = new Map<number, number>();
  #stopping = false;
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

  /** The disk did not read a place of a table: checks the table. */
  suspect({ details }: CoterieError): void {
    const { settings, state } = this.#parts;
    const { clock, log } = settings.environment;
    const meta = this.#tables().find(({ number }) => details.file === tablePath(state.directory, number));
    if (meta === undefined || (this.#suspects.get(meta.number) ?? 0) > clock.monotonic()) return;
    if (this.#suspects.size >= suspectsMax) this.#suspects.clear();
    this.#suspects.set(meta.number, Number.POSITIVE_INFINITY);
    const work = this.#running.then(async () => {
      if (!this.#stopping && this.#tables().includes(meta)) await this.#look(meta);
    });
    this.#running = work
      .catch((error: unknown) => log.warn('a table that could not be read was not checked', { file: details.file, reason: String(error) }))
      .finally(() => this.#suspects.set(meta.number, clock.monotonic() + restMs));
  }

  /** Ends what runs. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#job?.cancel();
    await this.#running;
  }

  async #next(after: number): Promise<Scrubbed | undefined> {
    this.#parts.state.checkOpen();
    const metas = this.#tables().filter(({ number }) => number > after);
    if (metas.length === 0) return undefined;
    return this.#look(metas.reduce((least, meta) => (meta.number < least.number ? meta : least)));
  }

  /** Tables of the current version that are not known to be damaged. */
  #tables(): TableMeta[] {
    const { state, isQuarantined } = this.#parts;
    return state.live.version.levels.flat().filter(({ number }) => !isQuarantined(number));
  }

  async #look({ number, fileBytes }: TableMeta): Promise<Scrubbed> {
    const held = this.#parts.state.live.retain();
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
