/**
 * Lines out of chunks. A line ends with `\n` (a `\r` before it is dropped); the last may lack it; empty ones are
 * skipped. A line over the limit comes out as `tooLong` once, the rest of it is dropped without being kept, and the
 * next line is read as if nothing had happened.
 */

/** Stands for a line that was over the limit. */
export const tooLong: unique symbol = Symbol('line over the limit');

/** A line's bytes, or the sign that it was too long. */
export type Line = Uint8Array | typeof tooLong;

/** Cuts chunks into lines. */
export class LineSplitter {
  private readonly bytesMax: number;
  private parts: Uint8Array[] = [];
  private held = 0;
  private dropping = false;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  /** The lines that `chunk` completes; they may be views of it. */
  *push(chunk: Uint8Array): Generator<Line, void, void> {
    let from = 0;
    for (let end = chunk.indexOf(10, from); end >= 0; end = chunk.indexOf(10, from)) {
      this.hold(chunk.subarray(from, end));
      yield* this.take();
      from = end + 1;
    }
    if (from < chunk.length) this.hold(chunk.subarray(from));
  }

  /** The last line, when it has no end mark. */
  *end(): Generator<Line, void, void> {
    yield* this.take();
  }

  private hold(part: Uint8Array): void {
    this.held += part.length;
    if (this.held > this.bytesMax) {
      this.dropping = true;
      this.parts = [];
    } else if (part.length > 0) {
      this.parts.push(part);
    }
  }

  private *take(): Generator<Line, void, void> {
    const { parts, dropping } = this;
    this.parts = [];
    this.held = 0;
    this.dropping = false;
    if (dropping) {
      yield tooLong;
      return;
    }
    if (parts.length === 0) return;
    let line = parts.length === 1 ? parts[0] : Buffer.concat(parts);
    if (line[line.length - 1] === 13) line = line.subarray(0, line.length - 1);
    if (line.length > 0) yield line;
  }
}
