/** Etags: 64-bit hashes in quoted hex. Equal clocks and values give equal etags on every replica. */
import { ByteWriter } from '@coterie/bytes';
import { type Hash64, hash64 } from '@coterie/ring';
import { compareDots, type Dot, type Sibling } from '@coterie/vector-clock';
import { type CausalObject, hashOf } from './object.ts';
import type { Payload } from './payload.ts';

/** Names the whole state of a key. */
export function etagOf(object: CausalObject): string {
  return quoted(hashOf(object));
}

/** The same, from the hash of the object's header. */
export function etagFrom(hash: Hash64): string {
  return quoted(hash);
}

/**
 * Names the state as the author of the write `own` knows it. It is the state's own etag unless other values stand beside
 * the write: nobody has shown these to the author, and whoever names an etag counts as having seen everything.
 */
export function etagAfterWrite(after: CausalObject, own: Dot): string {
  const { siblings } = after.set;
  // Nothing beside it: the state as it is, whose header is written and hashed for its encoding anyway.
  if (siblings.length === 1 && compareDots(siblings[0].dot, own) === 0) return etagOf(after);
  const operation = siblings.find(({ dot }) => compareDots(dot, own) === 0)?.value.operation;
  return etagOf({ ...after, set: after.set.reduce(({ value }) => value.operation === operation) });
}

/** Names one sibling. */
export function siblingEtagOf({ dot, value }: Sibling<Payload>): string {
  const writer = dotWriter.restart().string(dot.incarnation).u53(dot.epoch).u53(dot.counter).u32(value.checksum);
  return quoted(hash64(writer.bytes, 0, writer.length));
}

// Reused, as nothing awaits while it is in use.
const dotWriter = new ByteWriter(64);

// The text is made in one piece: put together from pieces it takes as long to send as to make, and more memory.
const quotedHex = Buffer.alloc(18, '"');
const digits = Buffer.from('0123456789abcdef');

function quoted({ high, low }: Hash64): string {
  for (let i = 0; i < 8; i++) {
    quotedHex[1 + i] = digits[(high >>> (28 - 4 * i)) & 15];
    quotedHex[9 + i] = digits[(low >>> (28 - 4 * i)) & 15];
  }
  return quotedHex.toString('latin1');
}
