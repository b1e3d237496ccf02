/**
 * What a full disk does to the store. Only flushes decide it: they have to get through. A full disk met by the log alone
 * refuses the writes that it met, and one met by a compaction is that compaction's failure.
 *
 * ```
 *  roomy ──a flush, or its manifest edit, found no space──▶ full: the reserve is given up, writes are refused
 *    ▲                                                       │ the flush is tried again every second
 *    └──────── flushed, and the reserve is held again ───────┘
 * ```
 * Writes stay refused until the reserve is held again: else the space given up for the flush would be theirs.
 */
import type { CoterieError, Timers } from '@coterie/env';
import type { Reserve } from './reserve.ts';
import type { StoreState } from './store-state.ts';

/** What it works with. */
export interface DiskSpaceParts {
  readonly state: StoreState;
  readonly reserve: Reserve;
  readonly timers: Timers;
  /** Space may have appeared, or run out. */
  readonly changed: () => void;
}

/** How long to rest before another look. */
const restMs = 1000;

/** Watches over disk space. */
export class DiskSpace {
  readonly #parts: DiskSpaceParts;
  #taking = false;

  constructor(parts: DiskSpaceParts) {
    this.#parts = parts;
  }

  /** Why writes are refused, while they are. */
  get full(): CoterieError | undefined {
    return this.#parts.state.diskFull;
  }

  /** A flush found no space. */
  ranOut(error: CoterieError): void {
    this.#parts.state.setDiskFull(error);
    this.#parts.reserve.giveUp();
    this.#parts.changed();
  }

  /** Every flush got through: once the reserve is held again, writes go on. */
  recover(): void {
    if (this.full === undefined || this.#taking) return;
    this.#taking = true;
    void this.#parts.reserve.take().then((held) => {
      this.#taking = false;
      if (held) this.#goOn();
      else this.#parts.timers.after(restMs, () => this.#lookAgain());
    });
  }

  #lookAgain(): void {
    const { state } = this.#parts;
    if (!state.closed && state.frozenCount === 0) this.recover();
  }

  #goOn(): void {
    this.#parts.state.setDiskFull(undefined);
    this.#parts.changed();
  }
}
