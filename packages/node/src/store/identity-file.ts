/**
 * The identity file: ties a life of a store to the very file that says so. It records its own inode and device, so a
 * copied or restored directory gives itself away, even one that was stopped cleanly.
 *
 * ```
 *  identity = {"format":1,"incarnation":"9f02c41b6d3e8a75","device":"2049","inode":"131077"}
 * ```
 *
 * It is written beside and renamed into place, so it is whole or absent. Absent, unreadable or mismatched all mean the
 * same: a new life begins.
 */
import { type Files, joinPath, replaceFile } from '@coterie/env';

/** What the file says, and what it is. */
export interface IdentityFile {
  readonly incarnation: string;
  /** Whether the file is the one that it says it is. */
  readonly genuine: boolean;
}

const fileName = 'identity';
/** Larger files are not identity files. */
const bytesMax = 4096;

/** Reads the identity file; undefined if there is none that can be read. */
export async function readIdentity(files: Files, directory: string): Promise<IdentityFile | undefined> {
  const path = joinPath(directory, fileName);
  if (!(await files.exists(path))) return undefined;
  const text = await readText(files, path);
  const actual = await files.identity(path);
  try {
    const said: unknown = JSON.parse(text);
    if (!isRecord(said) || said['format'] !== 1 || typeof said['incarnation'] !== 'string') return undefined;
    const genuine = said['device'] === String(actual.device) && said['inode'] === String(actual.inode);
    return { incarnation: said['incarnation'], genuine };
  } catch {
    return undefined;
  }
}

/** Makes the identity file say `incarnation`; durable when it resolves. */
export async function writeIdentity(files: Files, directory: string, incarnation: string): Promise<void> {
  await replaceFile(files, { directory, name: fileName }, ({ device, inode }) => {
    const said = { format: 1, incarnation, device: String(device), inode: String(inode) };
    return new TextEncoder().encode(`${JSON.stringify(said)}\n`);
  });
}

/** Takes the file away, durably: whatever store lies beside it may have lost something. */
export async function forgetIdentity(files: Files, directory: string): Promise<void> {
  const path = joinPath(directory, fileName);
  if (!(await files.exists(path))) return;
  await files.remove(path);
  await files.syncDirectory(directory);
}

async function readText(files: Files, path: string): Promise<string> {
  const handle = await files.open(path, 'read');
  try {
    const bytes = new Uint8Array(Math.min(await handle.size(), bytesMax));
    const length = await handle.read(bytes, 0, bytes.length, 0);
    return new TextDecoder().decode(bytes.subarray(0, length));
  } finally {
    await handle.close();
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
