/**
 * Space kept back on disk in the file RESERVE. It is given up when a flush meets a full disk, so that the flush, the
 * manifest and close succeed, and taken again when there is room.
 *
 * ```
 *  none ──take──▶ filling ──▶ held ──giveUp──▶ none
 *    ▲               │ no room: what was written is removed
 *    └───────────────┘
 * ```
 */
import { type Files, type Log, joinPath } from '@coterie/env';
import { reserveName } from './names.ts';

const chunkBytes: number = 256 * 1024;

/** The reserve of one store. */
export class Reserve {
  readonly #files: Files;
  readonly #log: Log;
  readonly #path: string;
  readonly #bytes: number;
  #work: Promise<boolean> = Promise.resolve(false);
  #wanted = false;

  constructor(world: { readonly files: Files; readonly log: Log; readonly directory: string }, bytes: number) {
    this.#files = world.files;
    this.#log = world.log;
    this.#path = joinPath(world.directory, reserveName);
    this.#bytes = bytes;
  }

  /** Takes the space, unless it is held already; resolves to whether it is. */
  take(): Promise<boolean> {
    if (this.#bytes === 0) return Promise.resolve(true);
    if (!this.#wanted) {
      this.#wanted = true;
      this.#work = this.#work.then(() => this.#fill());
    }
    return this.#work;
  }

  /** Gives the space back to the disk. */
  giveUp(): void {
    if (!this.#wanted) return;
    this.#wanted = false;
    this.#log.warn('disk full: the reserve is given up', { bytes: this.#bytes });
    try {
      this.#files.removeSync(this.#path);
    } catch {
      // Not there yet, or not removable: there is nothing to give.
    }
  }

  /** Resolves when no work is under way. */
  async drained(): Promise<void> {
    await this.#work;
  }

  async #fill(): Promise<boolean> {
    try {
      if (!(await this.#isWhole())) await this.#write();
      return this.#wanted;
    } catch (error) {
      this.#wanted = false;
      this.#log.warn('no space could be reserved', { reason: String(error) });
      await this.#files.remove(this.#path).catch(() => undefined);
      return false;
    }
  }

  async #isWhole(): Promise<boolean> {
    if (!(await this.#files.exists(this.#path))) return false;
    const file = await this.#files.open(this.#path, 'read');
    try {
      if ((await file.size()) === this.#bytes) return true;
    } finally {
      await file.close();
    }
    await this.#files.remove(this.#path);
    return false;
  }

  async #write(): Promise<void> {
    const file = await this.#files.open(this.#path, 'create');
    try {
      const zeros = new Uint8Array(Math.min(chunkBytes, this.#bytes));
      for (let at = 0; at < this.#bytes && this.#wanted; at += zeros.length) {
        await file.write(zeros, 0, Math.min(zeros.length, this.#bytes - at), at);
      }
    } finally {
      await file.close();
    }
  }
}
