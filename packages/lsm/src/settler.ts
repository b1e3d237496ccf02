/**
 * Waiting for background work: flush, settle, close; and noticing that the store is idle.
 *
 * Idle means that no write came for `idleMs`. Then compaction gets eager, and turns back to working off only what slows
 * reads as soon as writes come again.
 */
import { CoterieError, type Timer } from '@coterie/env';
import type { Background } from './background.ts';
import type { Settings } from './options.ts';
import type { StoreState } from './store-state.ts';
import type { WritePath } from './write-path.ts';

/** What waiting is made of. */
export interface SettlerParts {
  readonly settings: Settings;
  readonly state: StoreState;
  readonly background: Background;
  readonly writes: WritePath;
}

/** Waits for background work. */
export class Settler {
  readonly #parts: SettlerParts;
  #waiters: (() => void)[] = [];
  #settling = 0;
  #idleTimer: Timer | undefined;
  #writesSeen = 0;
  #stopped = false;

  constructor(parts: SettlerParts) {
    this.#parts = parts;
  }

  /** Something in the background changed. */
  changed(): void {
    for (const wake of this.#waiters.splice(0)) wake();
  }

  /** Starts looking for quiet times. */
  watch(): void {
    if (this.#stopped) return;
    const { settings, background, writes } = this.#parts;
    this.#idleTimer = settings.environment.timers.after(settings.idleMs, () => {
      const quiet = writes.counters.writes === this.#writesSeen;
      this.#writesSeen = writes.counters.writes;
      if (this.#settling === 0) background.setEagerness(quiet ? 'idle' : 'debt');
      this.watch();
    });
  }

  /** Resolves when everything written before the call is in tables. */
  async flush(): Promise<void> {
    const { state, writes } = this.#parts;
    await this.#until(() => writes.freezeActive());
    const wanted = state.frozen;
    await this.#until(() => !state.frozen.some((slot) => wanted.includes(slot)));
  }

  /** Resolves when everything is flushed and no compaction is left to do. */
  async settle(): Promise<void> {
    const { background } = this.#parts;
    this.#settling++;
    try {
      await this.flush();
      background.setEagerness('settle');
      await this.#until(() => background.settled || background.blocked !== undefined);
      if (background.blocked !== undefined) throw background.blocked;
    } finally {
      if (--this.#settling === 0) background.setEagerness('debt');
    }
  }

  /** Ends the watch; resolves when no job runs. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#idleTimer?.cancel();
    while (this.#parts.background.busy) await this.#change();
    this.changed();
  }

  async #until(done: () => boolean): Promise<void> {
    const { state } = this.#parts;
    for (;;) {
      state.checkOpen();
      if (state.failure !== undefined) throw state.failure;
      if (done()) return;
      if (state.diskFull !== undefined)
        throw new CoterieError('DISK_FULL', 'the disk takes no table', { cause: state.diskFull, details: state.diskFull.details });
      await this.#change();
    }
  }

  /** Resolves at the next change; until then the process stays alive, also if only a timer can bring it. */
  async #change(): Promise<void> {
    const hold = this.#parts.settings.environment.timers.hold?.();
    await new Promise<void>((resolve) => this.#waiters.push(resolve));
    hold?.cancel();
  }
}
