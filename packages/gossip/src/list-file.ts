/**
 * The membership list's file. A new one is written beside the old, synced, renamed over it, and the directory synced: it
 * is whole or absent, old or new.
 */
import { CoterieError, type Files, joinPath, replaceFile } from '@coterie/env';

const fileName = 'members';
/** Room for the largest list with the longest profiles. */
const bytesMax = 64 * 2 ** 20;

/** The bytes of the list in `directory`; undefined if there is none. @throws `TOO_LARGE` · `DISK_IO` */
export async function readListFile(files: Files, directory: string): Promise<Uint8Array | undefined> {
  const path = joinPath(directory, fileName);
  if (!(await files.exists(path))) return undefined;
  const handle = await files.open(path, 'read');
  try {
    const size = await handle.size();
    if (size > bytesMax) throw new CoterieError('TOO_LARGE', `${path} has ${size} bytes`, { details: { file: path } });
    const bytes = new Uint8Array(size);
    await handle.read(bytes, 0, size, 0);
    return bytes;
  } finally {
    await handle.close();
  }
}

/** Makes `bytes` the list in `directory`; durable when it resolves. @throws `DISK_IO` `DISK_FULL` */
export async function writeListFile(files: Files, directory: string, bytes: Uint8Array): Promise<void> {
  await replaceFile(files, { directory, name: fileName }, bytes);
}
