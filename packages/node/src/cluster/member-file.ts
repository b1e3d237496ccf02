/**
 * The member file: who this node is in its cluster. It lies beside the ring log, not in the store, so that a node whose
 * store was lost is the same member still, and knows that it has something to take back.
 *
 * ```
 *  ring/member = {"format":1,"id":"9f02c41b6d3e8a75"}
 * ```
 */
import { CoterieError, type Environment, type Files, joinPath, randomHex, replaceFile } from '@coterie/env';

const fileName = 'member';
const bytesMax = 4096;

/** The id in the directory's member file; written if there is none, with `id` or a new one. */
export async function claimMemberId(environment: Pick<Environment, 'files' | 'random'>, directory: string, id?: string): Promise<string> {
  const { files, random } = environment;
  const path = joinPath(directory, fileName);
  if (await files.exists(path)) return readId(files, path);
  const minted = id ?? randomHex(random, 8);
  await replaceFile(files, { directory, name: fileName }, new TextEncoder().encode(`${JSON.stringify({ format: 1, id: minted })}\n`));
  return minted;
}

async function readId(files: Files, path: string): Promise<string> {
  const handle = await files.open(path, 'read');
  try {
    const bytes = new Uint8Array(Math.min(await handle.size(), bytesMax));
    const length = await handle.read(bytes, 0, bytes.length, 0);
    const said = parse(new TextDecoder().decode(bytes.subarray(0, length)));
    if (said?.format === 1 && typeof said.id === 'string' && /^[0-9a-f]{16}$/.test(said.id)) return said.id;
    throw new CoterieError('CORRUPTION', `${path} names no member`, { details: { file: path, offset: 0 } });
  } finally {
    await handle.close();
  }
}

function parse(text: string): { readonly format?: unknown; readonly id?: unknown } | undefined {
  try {
    return JSON.parse(text) as { readonly format?: unknown; readonly id?: unknown };
  } catch {
    return undefined;
  }
}
