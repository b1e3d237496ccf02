/**
 * Buckets and keys as bytes and as text in paths. A key is bytes; text stands for its UTF-8. In a path and in JSON it is
 * percent-encoded: what RFC 3986 allows in a path segment stands for itself, every other byte is `%XX`.
 *
 * ```
 *  bytes      75 73 65 72 2f 34 32 ff
 *  encoded    u  s  e  r  %2F 4  2 %FF
 * ```
 */
import { CoterieError } from '@coterie/env';

/** A key or a value: bytes, or text that stands for its UTF-8. */
export type Bytes = Uint8Array | string;

const keyBytesMax = 2048;
const bucketBytesMax = 128;
const utf8 = new TextEncoder();

/** 1 for each byte that stands for itself: unreserved characters, sub-delimiters, `:` and `@`. */
const plain = new Uint8Array(256);
for (const character of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@") {
  plain[character.charCodeAt(0)] = 1;
}
const escapes: readonly string[] = Array.from({ length: 256 }, (_, byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`);

/** A bucket and a key, checked, in both forms. */
export interface Address {
  readonly bucket: Uint8Array;
  readonly key: Uint8Array;
  readonly bucketText: string;
  readonly keyText: string;
}

/** The address of a key. @throws `INVALID_ARGUMENT` for an empty or too long bucket or key, and for text that is no Unicode */
export function addressOf(bucket: string, key: Bytes): Address {
  const bucketBytes = bucketBytesOf(bucket);
  const keyBytes = bytesOf(key, 'the key');
  if (keyBytes.length < 1 || keyBytes.length > keyBytesMax) throw refuse(`a key has 1 to ${keyBytesMax} bytes, not ${keyBytes.length}`);
  return { bucket: bucketBytes, key: keyBytes, bucketText: encode(bucketBytes), keyText: encode(keyBytes) };
}

/** A bucket's name as a path segment. @throws `INVALID_ARGUMENT` */
export function bucketSegment(bucket: string): string {
  return encode(bucketBytesOf(bucket));
}

/** Bytes as they are, text as its UTF-8. @throws `INVALID_ARGUMENT` naming `what` */
export function bytesOf(value: Bytes, what: string): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (typeof value !== 'string') throw refuse(`${what} is text or a Uint8Array, not ${typeof value}`);
  // The encoder would make the same replacement character of each, and so one key of many.
  if (/\p{Surrogate}/u.test(value)) throw refuse(`${what} has half of a surrogate pair, which is no text`);
  return utf8.encode(value);
}

/** The percent-encoded form of bytes. */
export function encode(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    text += plain[byte] === 1 ? String.fromCharCode(byte) : escapes[byte];
  }
  return text;
}

/** The bytes of a percent-encoded text, or `undefined` when it is none. */
export function decode(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(text.length);
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7e) return undefined;
    const escaped = code === 0x25;
    if (escaped && !/^[0-9a-fA-F]{2}$/.test(text.slice(i + 1, i + 3))) return undefined;
    bytes[length++] = escaped ? Number.parseInt(text.slice(i + 1, i + 3), 16) : code;
    if (escaped) i += 2;
  }
  return bytes.slice(0, length);
}

function bucketBytesOf(bucket: string): Uint8Array {
  const bytes = bytesOf(bucket, 'the bucket');
  if (bytes.length >= 1 && bytes.length <= bucketBytesMax) return bytes;
  throw refuse(`a bucket's name has 1 to ${bucketBytesMax} bytes, not ${bytes.length}`);
}

function refuse(message: string): CoterieError {
  return new CoterieError('INVALID_ARGUMENT', message, { details: { mayHaveTakenEffect: false } });
}
