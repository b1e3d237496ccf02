/** Etags: 64-bit hashes in quoted hex. Equal clocks and values give equal etags on every replica. */
import { ByteWriter } from '@coterie/bytes';
import { formatToken, hash64 } from '@coterie/ring';
import type { Sibling } from '@coterie/vector-clock';
import { type CausalObject, encodeHeader } from './object.ts';
import type { Payload } from './payload.ts';

/** Names the whole state of a key. */
export function etagOf(object: CausalObject): string {
  return quoted(encodeHeader(object));
}

/** Names one sibling. */
export function siblingEtagOf({ dot, value }: Sibling<Payload>): string {
  return quoted(new ByteWriter(48).string(dot.incarnation).u53(dot.epoch).u53(dot.counter).u32(value.checksum).finish());
}

function quoted(bytes: Uint8Array): string {
  return `"${formatToken(hash64(bytes))}"`;
}
