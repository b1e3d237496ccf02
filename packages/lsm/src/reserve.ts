/**
 * Space kept back on disk in the file RESERVE. It is given up when the disk is full, so that manifest, small flushes and
 * close succeed, and taken again when there is room.
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
  #work: Promise<void> = Promise.resolve();
  #held = false;

  constructor(world: { readonly files: Files; readonly log: Log; readonly directory: string }, bytes: number) {
    this.#files = world.files;
    this.#log = world.log;
    this.#path = joinPath(world.directory, reserveName);
    this.#bytes = bytes;
  }

  /** Takes the space in the background, unless it is held already. */
  take(): void {
    if (this.#bytes === 0 || this.#held) return;
    this.#held = true;
    this.#work = this.#work.then(() => this.#fill()).catch((error: unknown) => {
      this.#held = false;
      this.#log.warn('no space could be reserved', { reason: String(error) });
    });
  }

  /** Gives the space back to the disk. */
  giveUp(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#log.warn('disk full: the reserve is given up', { bytes: this.#bytes });
    try {
      this.#files.removeSync(this.#path);
    } catch {
      // Not there yet, or not removable: there is nothing to give.
    }
  }

  /** Resolves when no work is under way. */
  drained(): Promise<void> {
    return this.#work;
  }

  async #fill(): Promise<void> {
    if (await this.#files.exists(this.#path)) {
      if (await this.#isWhole()) return;
      await this.#files.remove(this.#path);
    }
    const file = await this.#files.open(this.#path, 'create');
    try {
      const zeros = new Uint8Array(Math.min(chunkBytes, this.#bytes));
      for (let at = 0; at < this.#bytes && this.#held; at += zeros.length) await file.write(zeros, 0, Math.min(zeros.length, this.#bytes - at), at);
    } finally {
      await file.close();
    }
  }

  async #isWhole(): Promise<boolean> {
    const file = await this.#files.open(this.#path, 'read');
    try {
      return (await file.size()) === this.#bytes;
    } finally {
      await file.close();
    }
  }
}
