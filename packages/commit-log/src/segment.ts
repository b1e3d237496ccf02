/**
 * One segment file that is being written, or was and is not known to be synced yet.
 *
 * ```
 *  0        header   syncedTo              end              allocatedEnd
 *  ├──────────┴──────────┼──────────────────┼────────────────────┤
 *     on disk for sure     handed over         zeros or stale bytes: an overwrite syncs faster than an append
 * ```
 *
 * Two handles: sync forms have their own, because one file descriptor never sees two syncs at a time.
 *
 * Invariant: nothing in the segment counts as synced before the file's name in its directory does.
 */
import { isCoterieError, letGo } from '@coterie/env';
import type { FileHandle, Files } from '@coterie/env';
import { claimFrameBytes, encodeHeader, frameKind, frameStartAt, headerBytes, putClaim } from './format.ts';
import type { LogPosition, SegmentHeader } from './format.ts';

/** Bytes of zeros written ahead at a time: small logs stay small, large ones pay one longer sync in a thousand. */
const aheadBytesMin = 16 * 1024;
const aheadBytesMax = 256 * 1024;
const zeros = new Uint8Array(aheadBytesMax);

/** Where a new segment goes and what it may reuse. */
export interface NewSegment {
  readonly files: Files;
  readonly directory: string;
  readonly path: string;
  readonly header: SegmentHeader;
  /** A spare file to take over. */
  readonly spare: string | undefined;
}

/** A segment with open handles. */
export class Segment {
  readonly number: number;
  readonly path: string;
  readonly firstSequence: number;
  /** Where the next group goes. */
  end: number = headerBytes;
  /** Everything before this offset is on disk for sure. */
  syncedTo = 0;
  /** Whether its removal from the directory is durable: nothing in it needs syncing any more. */
  gone = false;
  #allocatedEnd: number;
  #nameSynced = false;
  #nameSync: Promise<void> | undefined;
  readonly #files: Files;
  readonly #directory: string;
  readonly #own: FileHandle;
  readonly #shared: FileHandle;

  private constructor(spec: NewSegment, own: FileHandle, shared: FileHandle) {
    this.#files = spec.files;
    this.#directory = spec.directory;
    this.number = spec.header.number;
    this.path = spec.path;
    this.firstSequence = spec.header.firstSequence;
    this.#own = own;
    this.#shared = shared;
    this.#allocatedEnd = own.sizeSync();
  }

  /** Makes the file, or takes the spare over, and writes the header. Leaves nothing behind when it fails. */
  static create(spec: NewSegment): Segment {
    const { files, path, spare } = spec;
    const handles: FileHandle[] = [];
    try {
      if (spare !== undefined) files.renameSync(spare, path);
      handles.push(files.openSync(path, spare === undefined ? 'create' : 'update'));
      handles.push(files.openSync(path, 'update'));
      handles[0].writeSync(encodeHeader(spec.header), 0, headerBytes, 0);
      return new Segment(spec, handles[0], handles[1]);
    } catch (error) {
      for (const handle of handles) letGo(handle);
      if (handles.length > 0 || spare !== undefined) removeQuietly(files, path);
      throw error;
    }
  }

  /** The place behind the last group. */
  get position(): LogPosition {
    return { number: this.number, offset: this.end };
  }

  /** Bytes that the file takes. */
  get fileBytes(): number {
    return Math.max(this.end, this.#allocatedEnd);
  }

  /** Hands `bytes[0, length)` to the system, at the end. */
  write(bytes: Uint8Array, length: number): void {
    this.#own.writeSync(bytes, 0, length, this.end);
    this.end += length;
  }

  /** Removes what a failed write left behind the end, durably. */
  cut(): void {
    this.#own.truncateSync(this.end);
    this.#allocatedEnd = this.end;
    this.#own.syncSync();
  }

  /** Writes zeros ahead of the end if nothing is there, up to `limit`. A full disk is left for the next group to meet. */
  extend(limit: number): void {
    const { end } = this;
    if (this.#allocatedEnd > end) return;
    const length = Math.min(Math.max(end, aheadBytesMin), aheadBytesMax, limit - end);
    if (length <= 0) return;
    try {
      this.#own.writeSync(zeros, 0, length, end);
      this.#allocatedEnd = end + length;
    } catch (error) {
      if (!isCoterieError(error)) throw error;
    }
  }

  /** Writes the mark that the segment is whole, and gives unused space back. Everything before must be synced already. */
  putEndMark(nextSequence: number): void {
    const at = frameStartAt(this.end);
    const position = { number: this.number, offset: at };
    const bytes = new Uint8Array(at - this.end + claimFrameBytes);
    putClaim(bytes, at - this.end, { kind: frameKind.end, position, nextSequence, synced: position });
    this.write(bytes, bytes.length);
    if (this.#allocatedEnd > this.end) this.#own.truncateSync(this.end);
    this.#allocatedEnd = this.end;
  }

  /** Bytes that a sync would bring to the disk; unbounded while the file's name is not durable. */
  get unsyncedBytes(): number {
    return this.#nameSynced ? this.end - this.syncedTo : Infinity;
  }

  /** Makes the file's name durable. */
  syncName(): Promise<void> {
    this.#nameSync ??= this.#files.syncDirectory(this.#directory).then(() => {
      this.#nameSynced = true;
    });
    return this.#nameSync;
  }

  /** Makes the file's name durable. */
  syncNameSync(): void {
    if (this.#nameSynced) return;
    this.#files.syncDirectorySync(this.#directory);
    this.#nameSynced = true;
  }

  /** Makes what was handed over before the call durable. Never call it again before it is done. */
  async sync(): Promise<void> {
    if (!this.#nameSynced) await this.syncName();
    const { end } = this;
    if (this.syncedTo >= end) return;
    await this.#shared.sync();
    if (this.syncedTo < end) this.syncedTo = end;
  }

  /** Makes what was handed over durable. May run while `sync` does. */
  syncSync(): void {
    this.syncNameSync();
    if (this.syncedTo >= this.end) return;
    this.#own.syncSync();
    this.syncedTo = this.end;
  }

  /** Gives the handles back; a sync in flight goes on to its end. */
  closeSync(): void {
    letGo(this.#own);
    letGo(this.#shared);
  }
}

/** Removes what a failed creation left; if that fails too, recovery knows the file for an orphan. */
function removeQuietly(files: Files, path: string): void {
  try {
    files.removeSync(path);
  } catch (error) {
    if (!isCoterieError(error)) throw error;
  }
}
