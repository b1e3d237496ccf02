/**
 * LMDB with a writable memory map: off by default and warned against by its own documents (a stray pointer corrupts the
 * data), but its quickest form. Printed, not judged.
 */
import { notes as lmdbNotes, openWith } from './lmdb.mjs';

export const name = 'lmdb-writemap';
export const title = 'LMDB (writemap)';
export const packages = ['lmdb'];
export const judged = false;
export const notes = `${lmdbNotes}; useWritemap`;

export function open(directory, { durable }) {
  return openWith(directory, { durable, useWritemap: true });
}
