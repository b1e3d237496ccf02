/**
 * The log: pino writes JSON, one object a line, to standard output; in the text form a small formatter turns each into
 * a line for people. Writing is synchronous, so that what was logged before a crash is there.
 */
import { writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import type { Log, LogFields } from '@coterie/env';
import { type Logger, pino } from 'pino';
import { textLine } from './text-form.ts';

/** Form of the log. */
export type LogFormat = 'json' | 'text';

/** From which severity on lines are written. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** How a log is to be written. */
export interface LogOptions {
  readonly format: LogFormat;
  readonly level: LogLevel;
  /** Where lines go; standard output when absent. */
  readonly write?: (line: string) => void;
}

/** A log as the rest of Coterie sees it. */
export function createLog(options: LogOptions): Log {
  const write = options.write ?? toStandardOutput;
  const colouring = options.write === undefined && isatty(1) && process.env['NO_COLOR'] === undefined ? 'colours' : 'plain';
  const destination = { write: options.format === 'json' ? write : (line: string) => write(textLine(line, colouring)) };
  const logger = pino(
    { level: options.level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (level) => ({ level }) } },
    destination,
  );
  return {
    debug: (event, fields) => put(logger, 'debug', { event, fields }),
    info: (event, fields) => put(logger, 'info', { event, fields }),
    warn: (event, fields) => put(logger, 'warn', { event, fields }),
    error: (event, fields) => put(logger, 'error', { event, fields }),
  };
}

function put(logger: Logger, level: 'debug' | 'info' | 'warn' | 'error', line: { event: string; fields: LogFields | undefined }): void {
  if (line.fields === undefined) logger[level](line.event);
  else logger[level](line.fields, line.event);
}

/** A reader of the log that went away (`| head`) or is slow must not end the server. */
function toStandardOutput(line: string): void {
  try {
    writeSync(1, line);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EPIPE' && code !== 'EAGAIN') throw error;
  }
}
