/**
 * The ring log of a lineage that a member gave up to follow another. It is moved aside, never deleted; and while it lies
 * there, the member joins others, and begins no cluster of its own.
 *
 * ```
 *  ring/ring.log, votes.log ──▶ ring/before-recover-1/        the next time before-recover-2
 * ```
 */
import { CoterieError, type Files, joinPath } from '@coterie/env';

const asideName = 'before-recover';

/** Moves log and votes aside, the log last: what is done half is done whole the next time. Returns where they lie. */
export async function setLogAside(files: Files, ring: string): Promise<string> {
  let number = 1;
  while (await files.exists(joinPath(ring, `${asideName}-${number}`, 'ring.log'))) number++;
  const aside = joinPath(ring, `${asideName}-${number}`);
  await files.makeDirectory(aside);
  for (const name of ['votes.log', 'ring.log']) {
    if (await files.exists(joinPath(ring, name))) await files.rename(joinPath(ring, name), joinPath(aside, name));
  }
  await files.syncDirectory(aside);
  await files.syncDirectory(ring);
  return aside;
}

/** Whether a log was ever set aside here. */
export function wasSetAside(files: Files, ring: string): Promise<boolean> {
  return files.exists(joinPath(ring, `${asideName}-1`));
}

/** Does nothing where no log was ever set aside. @throws `INVALID_ARGUMENT`: such a member follows others */
export async function checkMayFound(files: Files, ring: string): Promise<void> {
  if (!(await wasSetAside(files, ring))) return;
  throw new CoterieError(
    'INVALID_ARGUMENT',
    `this node was recovered to follow another one (its former ring log lies in ${joinPath(ring, asideName)}-…): start it with --seed, naming that one`,
  );
}
