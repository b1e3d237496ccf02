/**
 * Keys between bytes and text. A key is bytes; in a path, a query and JSON it is *percent-encoded*: the characters that
 * RFC 3986 allows in a path segment stand for themselves, every other byte is `%XX`. The same text serves everywhere,
 * and `decodeKey(encodeKey(bytes))` is `bytes` for all bytes.
 *
 * ```
 *  bytes      75 73 65 72 2f 34 32 ff
 *  encoded    u  s  e  r  %2F 4  2 %FF
 * ```
 *
 * Nothing normalises: `..` is a key of two dots, `%41` and `A` are the same key, `+` is a plus sign.
 */
import { CoterieError } from '@coterie/env';

/** 1 for each byte that stands for itself in a path segment: unreserved characters, sub-delimiters, `:` and `@`. */
const plain = new Uint8Array(256);
for (const character of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@") {
  plain[character.charCodeAt(0)] = 1;
}

const hexDigits: readonly string[] = Array.from({ length: 256 }, (_, byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`);
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The bytes that a raw path segment or query value names.
 * @throws `INVALID_ARGUMENT` for broken percent-encoding and for characters that have to be encoded; `what` names it
 */
export function decodeSegment(raw: string, what: string): Uint8Array {
  const bytes = Buffer.allocUnsafe(raw.length);
  let length = 0;
  for (let i = 0; i < raw.length; i++) {
    const code = raw.charCodeAt(i);
    if (code === 0x25) {
      bytes[length++] = hexPair(raw, i, what);
      i += 2;
    } else if (code > 0x20 && code < 0x7f && code !== 0x23) {
      bytes[length++] = code;
    } else {
      throw new CoterieError('INVALID_ARGUMENT', `${what} has a character at position ${i} that must be percent-encoded`);
    }
  }
  return length === bytes.length ? bytes : bytes.subarray(0, length);
}

/** As `decodeSegment`, for text in JSON: characters past ASCII stand for their UTF-8 bytes, and only `%` is special. */
export function decodeKey(text: string, what: string): Uint8Array {
  if (!text.includes('%')) return Buffer.from(wellFormed(text, what), 'utf8');
  const parts: Uint8Array[] = [];
  let from = 0;
  for (let at = text.indexOf('%'); at >= 0; at = text.indexOf('%', from)) {
    if (at > from) parts.push(Buffer.from(wellFormed(text.slice(from, at), what), 'utf8'));
    parts.push(Uint8Array.of(hexPair(text, at, what)));
    from = at + 3;
  }
  parts.push(Buffer.from(wellFormed(text.slice(from), what), 'utf8'));
  return Buffer.concat(parts);
}

/** The percent-encoded form of `bytes`. */
export function encodeKey(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    text += plain[byte] === 1 ? String.fromCharCode(byte) : hexDigits[byte];
  }
  return text;
}

/** The text of a raw segment whose bytes are UTF-8. @throws `INVALID_ARGUMENT` */
export function decodeText(raw: string, what: string): string {
  if (isPlain(raw)) return raw;
  const bytes = decodeSegment(raw, what);
  try {
    return strictUtf8.decode(bytes);
  } catch {
    throw new CoterieError('INVALID_ARGUMENT', `${what} is not UTF-8 once percent-decoded`);
  }
}

/** Whether every character stands for itself, as in nearly all bucket names. */
function isPlain(raw: string): boolean {
  for (let i = 0; i < raw.length; i++) {
    const code = raw.charCodeAt(i);
    if (code > 0x7e || plain[code] === 0) return false;
  }
  return true;
}

function hexPair(text: string, at: number, what: string): number {
  const high = hexValue(text.charCodeAt(at + 1));
  const low = hexValue(text.charCodeAt(at + 2));
  if (high < 0 || low < 0) {
    throw new CoterieError(
      'INVALID_ARGUMENT',
      `${what} has "%" at position ${at} without two hex digits after it; a plain percent sign is %25`,
    );
  }
  return high * 16 + low;
}

/** Value of a hex digit's character code, or -1 (also for NaN, past the end of the text). */
function hexValue(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

function wellFormed(text: string, what: string): string {
  if (/\p{Surrogate}/u.test(text)) throw new CoterieError('INVALID_ARGUMENT', `${what} has half of a surrogate pair, which is no text`);
  return text;
}
