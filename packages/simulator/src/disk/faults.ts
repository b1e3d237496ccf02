/** What can be done to a disk operation, as plain data, and the errors that come of it. */
import { CoterieError } from '@coterie/env';

/** Everything that a disk can be asked. */
export type DiskOperationKind =
  | 'open'
  | 'create'
  | 'read'
  | 'write'
  | 'sync'
  | 'size'
  | 'truncate'
  | 'close'
  | 'exists'
  | 'list'
  | 'makeDirectory'
  | 'rename'
  | 'link'
  | 'remove'
  | 'syncDirectory'
  | 'freeBytes'
  | 'identity'
  | 'lock'
  | 'unlock';

/** One operation, about to happen. */
export interface DiskOperation {
  /** Operations before it since the disk was made or cloned. */
  readonly index: number;
  /** For one that may change what a crash leaves: how many of these came before it. */
  readonly mutation: number | undefined;
  readonly kind: DiskOperationKind;
  readonly path: string;
  /** The new name of a rename or link. */
  readonly to: string | undefined;
  readonly position: number | undefined;
  readonly length: number | undefined;
}

/**
 * What happens to an operation instead of, or besides, what was asked.
 * - `'crash'`: power fails in its midst; by seed it took effect, in part (a write), or not at all.
 * - `error`: fails with this system code. Without `shortWriteBytes` nothing took effect. A failed `sync` loses for good
 *   what was not synced, though it can still be read until the next crash.
 * - `shortWriteBytes`: a write stops after so many bytes and fails, with `ENOSPC` unless `error` says otherwise.
 * - `delayMs`: takes so much longer.
 */
export type DiskFault = 'crash' | { readonly error?: string; readonly delayMs?: number; readonly shortWriteBytes?: number };

/** Decides over each operation. May also be used to watch, and to clone the disk before an operation. */
export type DiskFaultPlan = (operation: DiskOperation) => DiskFault | undefined;

/** Power failed. No error of the store's world: code under test meets it only where a real process would cease to be. */
export class CrashError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'CrashError';
  }
}

/** The typed error for a system code, as `env-node` makes it. */
export function systemError(kind: DiskOperationKind, file: string, osCode: string): CoterieError {
  const details = { file, osCode };
  if (osCode === 'ENOSPC' || osCode === 'EDQUOT')
    return new CoterieError('DISK_FULL', `no space left to ${kind} ${file} (${osCode})`, { details });
  const retryable = osCode === 'EMFILE' || osCode === 'ENFILE';
  return new CoterieError('DISK_IO', `cannot ${kind} ${file} (${osCode})`, { details, retryable });
}

const mutating: ReadonlySet<DiskOperationKind> = new Set([
  'create',
  'write',
  'sync',
  'truncate',
  'makeDirectory',
  'rename',
  'link',
  'remove',
  'syncDirectory',
  'lock',
  'unlock',
] as const);

/** Whether an operation of this kind may change what a crash leaves. */
export function isMutation(kind: DiskOperationKind): boolean {
  return mutating.has(kind);
}
