/**
 * The pending group: records on their way to the system, laid out exactly as they will stand in the segment, so that
 * handing them over is one write of `bytes[0, used)` at the segment's end.
 *
 * ```
 *  begin ──▶ place ──▶ (caller encodes the payload) ──▶ complete ──▶ place … ──▶ fillClaims, write, deliver ──▶ begin
 * ```
 *
 * A record that fits into its block lies there as one frame and is never moved. One that does not is placed with its
 * payload whole, spread over its frames when it is complete, and gathered again for delivery.
 *
 * Invariants: base + used is the position of the next frame; a placed record counts only once it is complete.
 */
import { varintLength, writeVarint } from '@coterie/bytes';
import {
  blockBytes,
  claimFrameBytes,
  frameHeaderBytes,
  frameKind,
  frameSeed,
  putClaim,
  putFrameHeader,
  recordBytesBound,
  trailerBelowBytes,
} from './format.ts';
import type { LogPosition } from './format.ts';
import { fragmentOverhead, gather, spread } from './fragments.ts';

/** Records of a group at most. */
export const groupRecordsMax = 64;
/** Bytes of a group at most; a single larger record is a group of its own. */
export const groupBytesMax: number = 256 * 1024;
/** A buffer that a large record made larger than this is not kept. */
const keptBytesMax = 4 * 1024 * 1024;

/** Called with a record: its payload is `bytes[start, end)`, its first sequence `firstSequence`. */
export type RecordHandler = (bytes: Uint8Array, start: number, end: number, firstSequence: number) => void;

/** Records that wait to be handed to the system together. */
export class Group {
  /** The group as it will be written. */
  bytes: Uint8Array = new Uint8Array(groupBytesMax);
  /** Bytes laid out so far. */
  used = 0;
  /** Complete records. */
  records = 0;
  /** Sequences of the complete records. */
  sequences = 0;

  // Where the group will stand.
  #number = 0;
  #base = 0;
  #limit = 0;
  // The complete records: first frame, payload, first sequence.
  readonly #frame = new Int32Array(groupRecordsMax);
  readonly #start = new Int32Array(groupRecordsMax);
  readonly #end = new Int32Array(groupRecordsMax);
  readonly #sequence = new Float64Array(groupRecordsMax);
  // Its claims, at most one before each record and one in each block that a record begins in.
  #claims = 0;
  readonly #claimAt = new Int32Array(2 * groupRecordsMax);
  readonly #claimSequence = new Float64Array(2 * groupRecordsMax);
  #claimWanted = false;
  #claimBlock = -1;
  // The placed record: first frame (-1: none), payload, sequences; and the claims before it.
  #placedFrame = -1;
  #placedStart = 0;
  #placedEnd = 0;
  #placedSequences = 0;
  #placedClaims = 0;
  #placedClaimBlock = -1;

  /** Starts an empty group at `base` in segment `number`, which may grow to `limit`. */
  begin(number: number, base: number, limit: number): void {
    if (number !== this.#number) this.#claimBlock = -1;
    this.#number = number;
    this.#base = base;
    this.#limit = limit;
    this.#empty();
    if (this.bytes.length > keptBytesMax) this.bytes = new Uint8Array(groupBytesMax);
  }

  /** Forgets all records: they never reached the disk, and neither did their claims. */
  drop(): void {
    this.#empty();
    this.wantClaim();
  }

  /** Makes the buffer of an empty group large enough for a record of `payloadBytes`. */
  makeRoom(payloadBytes: number): void {
    const bound = recordBytesBound(payloadBytes);
    if (bound > this.bytes.length) this.bytes = new Uint8Array(bound);
  }

  /** Has the next record preceded by a claim: what is synced has changed, or the last claim never reached the disk. */
  wantClaim(): void {
    this.#claimWanted = true;
  }

  /** Whether a record of `payloadBytes` fits into the buffer and the segment. */
  fits(payloadBytes: number): boolean {
    const end = this.used + recordBytesBound(payloadBytes);
    return end <= this.bytes.length && this.#base + end <= this.#limit;
  }

  /** Lays out a record that fits; returns where its payload belongs. Placing again forgets a record that was not completed. */
  place(payloadBytes: number, sequences: number): number {
    const at = this.#nextFrame();
    const room = blockBytes - ((this.#base + at) % blockBytes);
    const prefix = frameHeaderBytes + (sequences < 0x80 ? 1 : varintLength(sequences));
    let start = at + prefix;
    if (prefix + payloadBytes > room) start += fragmentOverhead(payloadBytes, room - prefix);
    this.#placedFrame = at;
    this.#placedStart = start;
    this.#placedEnd = start + payloadBytes;
    this.#placedSequences = sequences;
    return start;
  }

  /** Completes the placed record, whose sequences begin at `firstSequence`; false if none is placed. */
  complete(firstSequence: number): boolean {
    const at = this.#placedFrame;
    if (at < 0) return false;
    const { bytes, records } = this;
    const start = this.#placedStart;
    const end = this.#placedEnd;
    const body = writeVarint(bytes, at + frameHeaderBytes, this.#placedSequences);
    if (body === start)
      putFrameHeader(bytes, at, end - at - frameHeaderBytes, this.#kindAndTag(frameKind.full), frameSeed(this.#number, this.#base + at));
    else spread({ bytes, at, start, end, number: this.#number, base: this.#base }, body);
    this.#frame[records] = at;
    this.#start[records] = start;
    this.#end[records] = end;
    this.#sequence[records] = firstSequence;
    this.records = records + 1;
    this.sequences += this.#placedSequences;
    this.used = end;
    if (this.#placedClaims > this.#claims) this.#keepClaims(firstSequence);
    this.#placedFrame = -1;
    return true;
  }

  /** Writes what is known to be synced into the group's claims. */
  fillClaims(synced: LogPosition): void {
    for (let i = 0; i < this.#claims; i++) {
      const at = this.#claimAt[i];
      const position = { number: this.#number, offset: this.#base + at };
      putClaim(this.bytes, at, { kind: frameKind.claim, position, nextSequence: this.#claimSequence[i], synced });
    }
  }

  /** Calls `handler` for each record in order. */
  deliver(handler: RecordHandler): void {
    const { bytes, records } = this;
    for (let i = 0; i < records; i++) {
      const at = this.#frame[i];
      const start = this.#start[i];
      const end = this.#end[i];
      if (bytes[at + 6] === frameKind.first) gather({ bytes, at, start, end, number: this.#number, base: this.#base });
      handler(bytes, start, end, this.#sequence[i]);
    }
  }

  #empty(): void {
    this.used = 0;
    this.records = 0;
    this.sequences = 0;
    this.#claims = 0;
    this.#placedFrame = -1;
  }

  /** Lays out trailers and claims before the next record's frame; returns where that begins. */
  #nextFrame(): number {
    let at = this.used;
    let claims = this.#claims;
    let wanted = this.#claimWanted;
    let claimBlock = this.#claimBlock;
    for (;;) {
      const inBlock = (this.#base + at) % blockBytes;
      const block = this.#base + at - inBlock;
      const room = blockBytes - inBlock;
      if (room < trailerBelowBytes) {
        this.bytes.fill(0, at, at + room);
        at += room;
      } else if (wanted || block !== claimBlock) {
        this.#claimAt[claims++] = at;
        at += claimFrameBytes;
        wanted = false;
        claimBlock = block;
      } else break;
    }
    this.#placedClaims = claims;
    this.#placedClaimBlock = claimBlock;
    return at;
  }

  #keepClaims(sequence: number): void {
    for (let i = this.#claims; i < this.#placedClaims; i++) this.#claimSequence[i] = sequence;
    this.#claims = this.#placedClaims;
    this.#claimBlock = this.#placedClaimBlock;
    this.#claimWanted = false;
  }

  #kindAndTag(kind: number): number {
    return kind | ((this.#number & 255) << 8);
  }
}
