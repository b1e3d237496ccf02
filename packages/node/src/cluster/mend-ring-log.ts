/**
 * A ring log or a file of votes that is damaged does not keep a member away: both can be had again from the others.
 *
 * ```
 *   votes damaged ──▶ set aside: the seat ends, and a decision gives this member another
 *   log damaged   ──seeds?──yes──▶ set aside: pulled again from them, as by a member that joins
 *                      └─no──▶ refused: nobody says where the others are
 * ```
 */
import { CoterieError, type Files, isCoterieError, joinPath, type Log } from '@coterie/env';

/** What is to be opened, and where. */
export interface Mending<Opened> {
  readonly files: Files;
  readonly log: Log;
  readonly directory: string;
  /** Whether somebody can be asked who does not stand in the log. */
  readonly hasSeeds: boolean;
  open(): Promise<Opened>;
}

const damagedName = 'damaged';
/** Two files, each set aside once. */
const triesMax = 3;

/** Opens the ring log, after setting aside what keeps it from opening. @throws what `open` throws and cannot be mended */
export async function openMended<Opened>(mending: Mending<Opened>): Promise<Opened> {
  for (let tries = 1; ; tries++) {
    try {
      return await mending.open();
    } catch (error) {
      const name = isCoterieError(error, 'CORRUPTION') ? error.details.file?.split('/').at(-1) : undefined;
      const isMendable = name === 'votes.log' || name === 'ring.log';
      if (name === undefined || !isMendable || tries === triesMax) throw error;
      if (name === 'ring.log' && !mending.hasSeeds) throw withAdvice(error as CoterieError);
      await setAside(mending, name);
      mending.log.error('a damaged file of the ring log was set aside', { file: name, reason: String(error) });
    }
  }
}

async function setAside({ files, directory }: Mending<unknown>, name: string): Promise<void> {
  const aside = joinPath(directory, damagedName);
  await files.makeDirectory(aside);
  await files.rename(joinPath(directory, name), joinPath(aside, name));
  await files.syncDirectory(aside);
  await files.syncDirectory(directory);
}

function withAdvice(error: CoterieError): CoterieError {
  const { code, message, details } = error;
  return new CoterieError(code, `${message}; start with --seed, and the others tell it what was decided`, { cause: error, details });
}
