#!/usr/bin/env node
/**
 * The binary `coterie`. Exit codes: 0 done, 1 refused or failed, 2 usage. What went wrong goes to standard error, with
 * the next command to run.
 */
import { CommanderError } from 'commander';
import { CommandFailure, UsageFailure } from './command/failure.ts';
import { buildProgram } from './command/program.ts';

// `coterie bucket keys x | head` ends when its reader has enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

try {
  await buildProgram().parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (!(error instanceof CommandFailure)) throw error;
  process.stderr.write(`coterie: ${error.message}\n`);
  if (error.next !== undefined) process.stderr.write(`  next: ${error.next}\n`);
  return error instanceof UsageFailure ? 2 : 1;
}
