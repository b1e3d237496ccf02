/**
 * Context tokens: what a read hands out and a write hands back, so that the write replaces exactly what the read showed.
 * A client cannot make one up or move it to another key: a false context would delete values that nobody saw.
 *
 * ```
 *  token    base64url, no padding
 *  bytes    version u8 = 1 │ version vector │ dots │ tag 16 bytes                 of a context without notes
 *           version u8 = 2 │ version vector │ dots │ notes │ tag 16 bytes
 *  dots     count varint, then per dot: incarnation 8 bytes │ epoch varint │ counter - epoch varint
 *  notes    length varint, then so many bytes
 *  tag      first 16 bytes of HMAC-SHA256(cluster key, version │ bucket, generation, key │ all before the tag)
 * ```
 *
 * The bucket's generation and the key are not in the token, only under its tag. `docs/formats/context.md` has the worked
 * example. Checked before anything is decoded, so what follows the check is what a member of this cluster wrote.
 */
import { hash, timingSafeEqual } from 'node:crypto';
import { ByteReader, ByteWriter } from '@coterie/bytes';
import { CoterieError, isCoterieError } from '@coterie/env';
import { cloudMax } from './cloud.ts';
import { Context, notesMax } from './context.ts';
import { readDot, writeDot } from './dot.ts';
import { VersionVector } from './version-vector.ts';

/** What a token is bound to. */
export interface ContextBinding {
  readonly bucket: string;
  /** How often the bucket was dropped, plus one. */
  readonly generation: number;
  readonly key: Uint8Array;
}

/** Longest token that is looked at, in characters. */
export const tokenLengthMax = 65_536;

/** Bytes of a cluster key. */
export const clusterKeyBytes = 32;

const versionPlain = 1;
const versionWithNotes = 2;
const tagBytes = 16;
/** SHA-256's block: the length to which HMAC pads its key. */
const blockBytes = 64;
const hashBytes = 32;

/** Makes and checks the context tokens of one cluster. */
export class ContextSealer {
  readonly #innerPad: Uint8Array;
  readonly #outer: Uint8Array;
  // Reused: two fresh buffers cost as much as one of the two hashes. Nothing here awaits, so no call meets another's.
  readonly #token: ByteWriter = new ByteWriter();
  readonly #message: ByteWriter = new ByteWriter(512);

  /** @throws `INVALID_ARGUMENT` unless `clusterKey` has 32 bytes */
  constructor(clusterKey: Uint8Array) {
    if (clusterKey.length !== clusterKeyBytes) throw new CoterieError('INVALID_ARGUMENT', `a cluster key has ${clusterKeyBytes} bytes`);
    this.#innerPad = new Uint8Array(blockBytes).fill(0x36);
    this.#outer = new Uint8Array(blockBytes + hashBytes).fill(0x5c, 0, blockBytes);
    for (let i = 0; i < clusterKeyBytes; i++) {
      this.#innerPad[i] ^= clusterKey[i];
      this.#outer[i] ^= clusterKey[i];
    }
  }

  /** A token that says: the holder has seen `context` of this key. */
  seal(context: Context, binding: ContextBinding): string {
    const writer = this.#token.restart();
    const { notes } = context;
    writer.u8(notes.length === 0 ? versionPlain : versionWithNotes);
    context.clock.encode(writer);
    writer.varint(context.dots.length);
    for (const dot of context.dots) writeDot(writer, dot);
    if (notes.length > 0) writer.byteString(notes);
    const tag = this.#tag(writer.bytes.subarray(0, writer.length), binding);
    for (let i = 0; i < tagBytes; i++) writer.u8(tag.charCodeAt(i));
    return Buffer.from(writer.bytes.buffer, writer.bytes.byteOffset, writer.length).toString('base64url');
  }

  /** What the holder of `token` has seen. @throws `INVALID_ARGUMENT` for any token that this cluster did not give for this key */
  open(token: string, binding: ContextBinding): Context {
    if (token.length > tokenLengthMax) throw invalid('too long');
    const bytes = Buffer.from(token, 'base64url');
    // The decoder skips what is not base64url; only the exact spelling is accepted.
    if (bytes.toString('base64url') !== token) throw invalid('not base64url');
    const body = bytes.length - tagBytes;
    if (body < 2) throw invalid('too short');
    if (bytes[0] !== versionPlain && bytes[0] !== versionWithNotes)
      throw invalid(`of version ${bytes[0]}, and this node knows ${versionPlain} and ${versionWithNotes}`);
    const expected = Buffer.from(this.#tag(bytes.subarray(0, body), binding).slice(0, tagBytes), 'binary');
    if (!timingSafeEqual(bytes.subarray(body), expected)) throw invalid('not one that this cluster gave for this key');
    return decodeContext(bytes, body);
  }

  /** HMAC-SHA256 as 32 latin1 characters: the one-shot hash to a string takes 1 µs, createHmac 5. */
  #tag(body: Uint8Array, binding: ContextBinding): string {
    const writer = this.#message.restart().raw(this.#innerPad);
    writer.u8(body[0]).string(binding.bucket).u53(binding.generation).byteString(binding.key);
    writer.raw(body);
    const inner = hash('sha256', writer.bytes.subarray(0, writer.length), 'binary');
    for (let i = 0; i < hashBytes; i++) this.#outer[blockBytes + i] = inner.charCodeAt(i);
    return hash('sha256', this.#outer, 'binary');
  }
}

function decodeContext(bytes: Uint8Array, end: number): Context {
  const reader = new ByteReader(bytes, 1, end);
  try {
    const clock = VersionVector.decode(reader);
    const count = reader.varint();
    if (count > cloudMax) throw invalid('malformed');
    const dots = Array.from({ length: count }, () => readDot(reader));
    const context = Context.of(clock, dots);
    if (bytes[0] === versionPlain && reader.remaining === 0) return context;
    const notes = reader.byteString();
    if (reader.remaining === 0 && notes.length > 0 && notes.length <= notesMax) return context.withNotes(new Uint8Array(notes));
  } catch (error) {
    if (!isCoterieError(error, 'CORRUPTION')) throw error;
  }
  throw invalid('malformed');
}

function invalid(what: string): CoterieError {
  return new CoterieError('INVALID_ARGUMENT', `context token is ${what}; read the key again and use the context of that answer`);
}
