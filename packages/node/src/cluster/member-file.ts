/**
 * The member file: who this node is in its cluster. It lies beside the ring log, not in the store, so that a node whose
 * store was lost is the same member still, and knows that it has something to take back.
 *
 * ```
 *  ring/member = {"format":1,"id":"9f02c41b6d3e8a75","check":"5a1c03de"}      check = crc32 of the id
 * ```
 * One digit of it flipped would be another member, so the store keeps the id as well, for when the file is damaged.
 */
import { crc32 } from '@coterie/bytes';
import { CoterieError, type Environment, type Files, isCoterieError, joinPath, randomHex, replaceFile } from '@coterie/env';

const fileName = 'member';
const bytesMax = 4096;

/** What is known of the id elsewhere. */
export interface KnownId {
  /** The id for a directory without a member file. */
  readonly former?: string | undefined;
  /** The id that the store keeps, for a damaged member file. */
  readonly kept?: string | undefined;
}

/** The id in the directory's member file; written if there is none, with the former or a new one. @throws `CORRUPTION` */
export async function claimMemberId(
  environment: Pick<Environment, 'files' | 'random' | 'log'>,
  directory: string,
  { former, kept }: KnownId = {},
): Promise<string> {
  const { files, random, log } = environment;
  const path = joinPath(directory, fileName);
  let id = former ?? randomHex(random, 8);
  if (await files.exists(path)) {
    try {
      return await readId(files, path);
    } catch (error) {
      if (kept === undefined || !isCoterieError(error, 'CORRUPTION')) throw error;
      log.error('the member file is damaged; it is written again from what the store keeps', { file: path, id: kept });
      id = kept;
    }
  }
  const said = { format: 1, id, check: checkOf(id) };
  await replaceFile(files, { directory, name: fileName }, new TextEncoder().encode(`${JSON.stringify(said)}\n`));
  return id;
}

function checkOf(id: string): string {
  return crc32(new TextEncoder().encode(id)).toString(16).padStart(8, '0');
}

async function readId(files: Files, path: string): Promise<string> {
  const handle = await files.open(path, 'read');
  try {
    const bytes = new Uint8Array(Math.min(await handle.size(), bytesMax));
    const length = await handle.read(bytes, 0, bytes.length, 0);
    const said = parse(new TextDecoder().decode(bytes.subarray(0, length)));
    const isWhole = said?.format === 1 && typeof said.id === 'string' && /^[0-9a-f]{16}$/.test(said.id);
    if (isWhole && said.check === checkOf(said.id)) return said.id;
    throw new CoterieError('CORRUPTION', `${path} names no member`, { details: { file: path, offset: 0 } });
  } finally {
    await handle.close();
  }
}

interface Said {
  readonly format?: unknown;
  readonly id?: unknown;
  readonly check?: unknown;
}

function parse(text: string): Said | undefined {
  try {
    return JSON.parse(text) as Said;
  } catch {
    return undefined;
  }
}
