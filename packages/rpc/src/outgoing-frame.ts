/** Makes frames ready to send: small ones in one piece, large values by themselves, uncopied. */
import { allocate } from '@coterie/bytes';
import { CoterieError } from '@coterie/env';
import { packBody } from './body.ts';
import { sealFrame, valuesMax } from './frame.ts';
import type { FrameType } from './frame.ts';

/** What to send. */
export interface OutgoingFrame {
  readonly type: FrameType;
  readonly id: number;
  readonly body: unknown;
  readonly values: readonly Uint8Array[];
}

/** A frame in the pieces in which it is sent. */
export interface PackedFrame {
  readonly pieces: readonly Uint8Array[];
  readonly bytes: number;
}

/** Values that are shorter together are copied behind their frame: cheaper than a piece each. */
const copyBelowBytes = 4096;

/**
 * Packs a frame. @throws CoterieError `TOO_LARGE` past `frameBytesMax` or 1024 values · `INVALID_ARGUMENT` for a body that cannot be
 */
export function packFrame({ type, id, body, values }: OutgoingFrame, frameBytesMax: number): PackedFrame {
  if (values.length > valuesMax) throw new CoterieError('TOO_LARGE', `a message carries ${valuesMax} values at most, not ${values.length}`);
  const head = packBody(body, values.length);
  let bytes = head.length;
  for (const value of values) bytes += value.length;
  if (bytes > frameBytesMax) throw new CoterieError('TOO_LARGE', `a message of ${bytes} bytes; ${frameBytesMax} are the most`);
  sealFrame(head, { type, id }, values);
  if (values.length === 0) return { pieces: [head], bytes };
  if (bytes - head.length >= copyBelowBytes) return { pieces: [head, ...values.filter((value) => value.length > 0)], bytes };
  return { pieces: [inOnePiece(head, values, bytes)], bytes };
}

function inOnePiece(head: Uint8Array, values: readonly Uint8Array[], bytes: number): Uint8Array {
  const whole = allocate(bytes);
  whole.set(head);
  let at = head.length;
  for (const value of values) {
    whole.set(value, at);
    at += value.length;
  }
  return whole;
}
