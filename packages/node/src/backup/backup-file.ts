/**
 * What a backup says of itself. It is written last: a directory without it is no backup, whatever else lies there.
 *
 * ```
 *  NAME/BACKUP.json    this
 *  NAME/store/         the store as it was, without the node's own records: no life, no identity
 *  NAME/ring/ring.log  what the cluster had decided, as one snapshot; no votes
 * ```
 */
import { CoterieError, type Files, joinPath, replaceFile } from '@coterie/env';

/** A backup. */
export interface BackupReport {
  readonly name: string;
  readonly directory: string;
  /** Wall-clock milliseconds. */
  readonly takenAt: number;
  readonly cluster: string;
  readonly epoch: number;
  /** The member whose store it is. */
  readonly member: string;
  readonly memberName: string;
  readonly entries: number;
  readonly bytes: number;
}

const fileName = 'BACKUP.json';
const bytesMax = 65_536;

/** @throws `INVALID_ARGUMENT` for what cannot be the name of a backup */
export function checkBackupName(name: string): void {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name)) return;
  throw new CoterieError(
    'INVALID_ARGUMENT',
    `a backup's name has 1 to 64 letters, digits, dots, dashes and underlines, and begins with a letter or digit`,
  );
}

/** Completes a backup; durable when it resolves. */
export async function writeBackupFile(files: Files, report: BackupReport): Promise<void> {
  const { directory, ...said } = report;
  const text = JSON.stringify({ format: 1, ...said }, undefined, 2);
  await replaceFile(files, { directory, name: fileName }, new TextEncoder().encode(`${text}\n`));
}

/** Reads what a backup says of itself. @throws `INVALID_ARGUMENT` where there is none that was completed, `UNSUPPORTED_FORMAT` */
export async function readBackupFile(files: Files, directory: string): Promise<BackupReport> {
  const path = joinPath(directory, fileName);
  if (!(await files.exists(path)))
    throw new CoterieError('INVALID_ARGUMENT', `${directory} holds no complete backup: there is no ${fileName}`);
  const handle = await files.open(path, 'read');
  try {
    const bytes = new Uint8Array(Math.min(await handle.size(), bytesMax));
    await handle.read(bytes, 0, bytes.length, 0);
    const said = JSON.parse(new TextDecoder().decode(bytes)) as BackupReport & { readonly format: number };
    if (said.format !== 1) throw new CoterieError('UNSUPPORTED_FORMAT', `${path} has format ${said.format}`, { details: { file: path } });
    return { ...said, directory };
  } finally {
    await handle.close();
  }
}
