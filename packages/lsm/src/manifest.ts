/**
 * The manifest: a log of version edits. The first record of a file is a whole version; each further one an edit. The
 * store is what the records of the manifest that `CURRENT` names add up to. `manifest-format.ts` has the bytes.
 *
 * ```
 *  append ─▶ sync ─▶ confirm        each record tells what was synced before it; the confirmation tells it of the last edit
 *
 *  switch:  write MANIFEST-n · sync · write CURRENT.new · sync · rename to CURRENT · sync the directory
 * ```
 * A failed write is cut off, and a failed beginning of a switch is taken back. After a failed sync, cut or rename the
 * manifest takes nothing more: what the disk holds is unknown.
 */
import { type CoterieError, type FileHandle, type Files, isCoterieError, joinPath, letGo } from '@coterie/env';
import { asFinal, isFinal, orFinal } from './final.ts';
import { confirmationRecord, editRecord, encodeCurrent, manifestMagic } from './manifest-format.ts';
import { currentDraftName, currentName, manifestName } from './names.ts';
import type { VersionEdit } from './version.ts';

/** Past this size the next edit starts a new manifest. */
const rotateBytes: number = 8 * 2 ** 20;

/** An open manifest, being appended to. */
export class Manifest {
  readonly #files: Files;
  readonly #directory: string;
  #file: FileHandle;
  #syncFile: FileHandle;
  #offset: number;
  #synced: number;
  #failure: CoterieError | undefined;

  private constructor(files: Files, directory: string, opened: OpenedManifest) {
    this.#files = files;
    this.#directory = directory;
    this.#file = opened.file;
    this.#syncFile = opened.syncFile;
    this.#offset = opened.offset;
    this.#synced = opened.synced;
  }

  /** Writes a new manifest that holds `state` and makes `CURRENT` name it; durable when it returns. */
  static create(files: Files, directory: string, state: VersionEdit & { readonly number: number }): Manifest {
    return new Manifest(files, directory, writeManifest(files, directory, state));
  }

  /** Whether the file has grown so far that the next change should start a new one with `replace`. */
  get isLarge(): boolean {
    return this.#offset > rotateBytes;
  }

  /** Appends an edit; durable only after `sync`. @throws CoterieError the failure that ended this manifest */
  append(edit: VersionEdit): void {
    if (this.#failure !== undefined) throw this.#failure;
    const record = editRecord(edit, this.#synced);
    try {
      this.#file.writeSync(record, 0, record.length, this.#offset);
    } catch (error) {
      this.#cut(error as CoterieError);
      throw error;
    }
    this.#offset += record.length;
  }

  /** Makes what was appended durable. */
  async sync(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const file = this.#file;
    const end = this.#offset;
    try {
      await file.sync();
    } catch (error) {
      throw this.#end(error);
    }
    // A new file may have taken its place meanwhile.
    if (file === this.#file) this.#synced = Math.max(this.#synced, end);
  }

  /** Notes that what was appended so far is durable. Needs no sync; if it cannot be written, nothing is lost. */
  confirm(): void {
    const record = confirmationRecord(this.#synced);
    try {
      this.#file.writeSync(record, 0, record.length, this.#offset);
      this.#offset += record.length;
    } catch (error) {
      this.#cut(error as CoterieError);
    }
  }

  /** The same at once, on a descriptor of its own: an async sync may be under way on the other. */
  syncSync(): void {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      this.#syncFile.syncSync();
    } catch (error) {
      throw this.#end(error);
    }
    this.#synced = this.#offset;
  }

  /** Starts a new manifest file holding `state`; durable when it returns. The old one is removed. */
  replace(state: VersionEdit & { readonly number: number }): void {
    if (this.#failure !== undefined) throw this.#failure;
    const opened = this.#switch(state);
    const old = this.#file.path;
    this.#closeFiles();
    removeQuietly(this.#files, old);
    this.#file = opened.file;
    this.#syncFile = opened.syncFile;
    this.#offset = opened.offset;
    this.#synced = opened.synced;
  }

  /** Gives the file back. What was confirmed last is synced first, so that damage to the last edit will show. */
  close(): void {
    try {
      if (this.#failure === undefined && this.#synced < this.#offset) this.#syncFile.syncSync();
    } catch (error) {
      this.#failure = asFinal(error);
    }
    this.#closeFiles();
  }

  #switch(state: VersionEdit & { readonly number: number }): OpenedManifest {
    try {
      return writeManifest(this.#files, this.#directory, state);
    } catch (error) {
      throw isFinal(error) ? this.#end(error) : error;
    }
  }

  #end(error: unknown): CoterieError {
    this.#failure ??= asFinal(error);
    return this.#failure;
  }

  #closeFiles(): void {
    letGo(this.#file);
    letGo(this.#syncFile);
  }

  /** A half-written record must not stay: a later whole one behind it would read as corruption. */
  #cut(cause: CoterieError): void {
    try {
      this.#file.truncateSync(this.#offset);
    } catch {
      this.#end(cause);
    }
  }
}

interface OpenedManifest {
  readonly file: FileHandle;
  readonly syncFile: FileHandle;
  readonly offset: number;
  readonly synced: number;
}

/** Writes a manifest and makes `CURRENT` name it. Unless its error is final, nothing has changed and nothing is left behind. */
function writeManifest(files: Files, directory: string, state: VersionEdit & { readonly number: number }): OpenedManifest {
  const name = manifestName(state.number);
  const path = joinPath(directory, name);
  const draft = joinPath(directory, currentDraftName);
  const opened: FileHandle[] = [];
  try {
    opened.push(files.openSync(path, 'create'));
    opened.push(files.openSync(path, 'update'));
    const [file, syncFile] = opened;
    const record = editRecord(state, 0);
    file.writeSync(manifestMagic, 0, manifestMagic.length, 0);
    file.writeSync(record, 0, record.length, manifestMagic.length);
    orFinal(() => file.syncSync());
    writeDraft(files, draft, encodeCurrent(name));
    orFinal(() => files.syncDirectorySync(directory));
    orFinal(() => files.renameSync(draft, joinPath(directory, currentName)));
    orFinal(() => files.syncDirectorySync(directory));
    return {
      file,
      syncFile,
      offset: confirmFirst(file, manifestMagic.length + record.length),
      synced: manifestMagic.length + record.length,
    };
  } catch (error) {
    for (const handle of opened) letGo(handle);
    if (!isFinal(error)) for (const left of opened.length > 0 ? [path, draft] : []) removeQuietly(files, left);
    throw error;
  }
}

function writeDraft(files: Files, path: string, bytes: Uint8Array): void {
  if (files.existsSync(path)) files.removeSync(path);
  const draft = files.openSync(path, 'create');
  try {
    draft.writeSync(bytes, 0, bytes.length, 0);
    orFinal(() => draft.syncSync());
  } finally {
    letGo(draft);
  }
}

/** Writes the first confirmation; without room for it the manifest is as good, so far. Returns where the next record goes. */
function confirmFirst(file: FileHandle, offset: number): number {
  const record = confirmationRecord(offset);
  try {
    file.writeSync(record, 0, record.length, offset);
    return offset + record.length;
  } catch {
    orFinal(() => file.truncateSync(offset));
    return offset;
  }
}

/** An orphan that cannot be removed now is removed by the next open. */
function removeQuietly(files: Files, path: string): void {
  try {
    files.removeSync(path);
  } catch (error) {
    if (!isCoterieError(error)) throw error;
  }
}
