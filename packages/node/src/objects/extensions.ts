/**
 * The extension map: fields that later versions add to an object or a sibling. A node that does not know a tag keeps it.
 *
 * ```
 *  extensions = count varint, then per entry, sorted by tag: tag varint │ length varint │ bytes
 * ```
 */
import { type ByteReader, type ByteWriter, compareBytes } from '@coterie/bytes';
import { CoterieError } from '@coterie/env';

/** One field by its number. */
export interface Extension {
  readonly tag: number;
  readonly bytes: Uint8Array;
}

/** Sorted by tag, each tag once. */
export type Extensions = readonly Extension[];

/** No extensions. */
export const noExtensions: Extensions = [];

/** Appends the encoded form. */
export function writeExtensions(writer: ByteWriter, extensions: Extensions): void {
  writer.varint(extensions.length);
  for (const { tag, bytes } of extensions) writer.varint(tag).byteString(bytes);
}

/** Reads the encoded form; fields are views of the input. @throws `CORRUPTION` */
export function readExtensions(reader: ByteReader): Extensions {
  const count = reader.varint();
  if (count === 0) return noExtensions;
  if (count * 2 > reader.remaining) throw malformed('too many extensions');
  const extensions: Extension[] = [];
  for (let i = 0; i < count; i++) {
    const tag = reader.varint();
    if (i > 0 && extensions[i - 1].tag >= tag) throw malformed('extensions out of order');
    extensions.push({ tag, bytes: reader.view(reader.varint()) });
  }
  return extensions;
}

/** Both maps' fields; of two values for one tag the one that sorts last, so that copies agree. */
export function mergeExtensions(a: Extensions, b: Extensions): Extensions {
  if (b.length === 0) return a;
  if (a.length === 0) return b;
  const merged = new Map(a.map((extension) => [extension.tag, extension]));
  for (const extension of b) {
    const other = merged.get(extension.tag);
    if (other === undefined || compareBytes(other.bytes, extension.bytes) < 0) merged.set(extension.tag, extension);
  }
  return [...merged.values()].sort((x, y) => x.tag - y.tag);
}

/** Whether two maps are the same. */
export function equalExtensions(a: Extensions, b: Extensions): boolean {
  return a.length === b.length && a.every(({ tag, bytes }, at) => tag === b[at].tag && compareBytes(bytes, b[at].bytes) === 0);
}

function malformed(what: string): CoterieError {
  return new CoterieError('CORRUPTION', `malformed object: ${what}`);
}
