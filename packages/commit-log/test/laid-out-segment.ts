/** A segment laid out by groups in memory, and read back by the parser. */
import { headerBytes } from '../src/format.ts';
import { FrameParser } from '../src/frame-parser.ts';
import type { Group } from '../src/group.ts';
import { expect } from 'vitest';
import { fillPayload, Replay } from './workload.ts';

/** Number of the segment. */
export const number = 7;
const origin = { number: 0, offset: 0 };

/** A segment made of groups, as bytes. */
export class LaidOutSegment {
  bytes = new Uint8Array(1 << 22);
  end = headerBytes;
  sequence = 1;
  readonly delivered = new Replay();

  /** Adds a group and checks what it delivers. */
  add(group: Group, records: readonly { bytes: number; sequences: number }[]): void {
    group.begin(number, this.end, this.bytes.length);
    for (const { bytes, sequences } of records) {
      group.makeRoom(0);
      if (!group.fits(bytes)) break;
      const at = group.place(bytes, sequences);
      fillPayload(group.bytes, at, { sequence: this.sequence, bytes });
      expect(group.complete(this.sequence)).toBe(true);
      this.sequence += sequences;
    }
    group.fillClaims(origin);
    this.bytes.set(group.bytes.subarray(0, group.used), this.end);
    group.deliver(this.delivered.handler);
    this.end += group.used;
  }

  /** Reads it all back, in chunks. */
  read(chunkBytes: number): { parser: FrameParser; replay: Replay } {
    const replay = new Replay();
    const start = { number, path: '/x', fileBytes: this.end, firstSequence: 1, synced: origin };
    const parser = new FrameParser(start, (_, ...record) => replay.handler(...record));
    for (let at = 0; at < this.end && parser.state === 'reading'; at += chunkBytes) {
      const length = Math.min(chunkBytes, this.end - at);
      parser.parse(this.bytes.slice(at, at + length), length, at);
    }
    return { parser, replay };
  }
}
