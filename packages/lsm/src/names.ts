/**
 * Names of the files in a store's directory.
 *
 * ```
 *  CURRENT            name of the manifest in force            LOCK       who has the store open
 *  MANIFEST-000007    log of version edits                     RESERVE    space kept back for a full disk
 *  000012.sst         a table                                  log/       commit-log segments
 *                                                              damaged/   files set aside, for the operator
 * ```
 */
import { joinPath } from '@coterie/env';

/** File that names the manifest in force. */
export const currentName = 'CURRENT';
/** A new `CURRENT` before it is moved into place. */
export const currentDraftName = 'CURRENT.new';
/** Space kept back for a full disk. */
export const reserveName = 'RESERVE';
/** Directory of the commit log. */
export const logDirectoryName = 'log';

/** Directory of what was found damaged and set aside. */
export const damagedName = 'damaged';

/** Name of table `number`. */
export function tableName(number: number): string {
  return `${String(number).padStart(6, '0')}.sst`;
}

/** Path of table `number`. */
export function tablePath(directory: string, number: number): string {
  return joinPath(directory, tableName(number));
}

/** Name of manifest `number`. */
export function manifestName(number: number): string {
  return `MANIFEST-${String(number).padStart(6, '0')}`;
}

/** What a file name in a store's directory means; `undefined` for names that are none of ours. */
export function parseName(name: string): { readonly kind: 'table' | 'manifest'; readonly number: number } | undefined {
  const table = /^(\d{6,15})\.sst$/.exec(name);
  if (table !== null) return { kind: 'table', number: Number(table[1]) };
  const manifest = /^MANIFEST-(\d{6,15})$/.exec(name);
  if (manifest !== null) return { kind: 'manifest', number: Number(manifest[1]) };
  return undefined;
}
