/**
 * A durable, segmented, group-committed log. `CommitLog.open` recovers a directory and gives the log; the tools read
 * one without opening it. Only here the real world is the default.
 */
import { createNodeEnvironment } from '@coterie/env-node';
import { CommitLog as Log } from './commit-log.ts';
import type { RecordHandler } from './group.ts';
import { openLog } from './open.ts';
import { checkOptions } from './options.ts';
import type { CommitLogOptions } from './options.ts';

export type { AppendOptions, SegmentFile } from './commit-log.ts';
export { dumpLog, readSegment } from './dump.ts';
export type { DumpedRecord, LogReport, SegmentReport } from './dump.ts';
export type { RecordHandler } from './group.ts';
export type { CommitLogOptions, LogEnvironment } from './options.ts';

/** An open log. */
export type CommitLog = Log;

/** Opens logs. */
export const CommitLog: {
  /**
   * Opens the log in `directory`, which is made if it is missing, and replays its records in order. A torn tail that was
   * never synced is cut off, durably; `environment.log.warn` says where and how much.
   * @throws CoterieError `INVALID_ARGUMENT`, `LOCKED`, `UNSUPPORTED_FORMAT`, `DISK_IO`, `DISK_FULL`; `CORRUPTION` with
   * `details.file` and `details.offset` for damage below what was synced, or in a log that was closed
   */
  open(directory: string, options?: CommitLogOptions, replay?: RecordHandler): Promise<CommitLog>;
} = {
  async open(directory, options = {}, replay = () => {}) {
    const settings = checkOptions(options, options.environment ?? createNodeEnvironment());
    return new Log(settings, await openLog(directory, settings, replay));
  },
};
