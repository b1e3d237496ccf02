/**
 * How many operations become requests of bounded size: a pure division. Operations with the same first endpoint go
 * together, in their order, until a page has enough lines or bytes.
 *
 * ```
 *  a1 b1 a2 a3 b2 a4 … ──by endpoint──▶ [a1 a2 a3] [a4 …]  [b1 b2 …]
 * ```
 */

/** One operation in a batch. */
export interface Line {
  /** Its place among all that were asked for. */
  readonly index: number;
  /** The endpoint that it should go to. */
  readonly endpoint: string;
  readonly text: string;
}

/** Limits of a page. */
export interface PageLimits {
  readonly linesMax: number;
  /** Characters; a line that has more stands alone. */
  readonly lengthMax: number;
}

/** The lines in pages; each line is in exactly one, and those of one endpoint keep their order. */
export function pagesOf(lines: readonly Line[], limits: PageLimits): readonly (readonly Line[])[] {
  const pages: Line[][] = [];
  const open = new Map<string, { page: Line[]; length: number }>();
  for (const line of lines) {
    let current = open.get(line.endpoint);
    const isFull = current === undefined || current.page.length >= limits.linesMax || current.length + line.text.length > limits.lengthMax;
    if (current === undefined || isFull) {
      current = { page: [], length: 0 };
      open.set(line.endpoint, current);
      pages.push(current.page);
    }
    current.page.push(line);
    current.length += line.text.length;
  }
  return pages;
}
