/** Opens tables whose disk may not read everything: it is tried again, and what never can be read is damage. */
import { CoterieError } from '@coterie/env';
import { isUnreadable, readAgain, readAttempts, Table, type TableContext } from '@coterie/sstable';

/** Opens a table within a job. @throws CoterieError `CORRUPTION` also when the disk cannot read it, `DISK_IO` */
export function* openStubbornly(context: TableContext, path: string): Generator<void, Table> {
  const table = yield* readAgain(() => Table.openSync(context, path));
  if (table === undefined) throw unreadable(path);
  return table;
}

/** Opens a table off the main thread. @throws CoterieError as `openStubbornly` */
export async function openStubbornlyAsync(context: TableContext, path: string): Promise<Table> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await Table.open(context, path);
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      if (attempt === readAttempts) throw unreadable(path);
    }
  }
}

function unreadable(path: string): CoterieError {
  const details = { file: path, offset: 0, osCode: 'EIO' };
  return new CoterieError('CORRUPTION', `${path}: the disk cannot read it`, { details });
}
