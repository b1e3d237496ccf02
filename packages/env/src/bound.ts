/** How full something is that has a limit, for whoever watches over limits. */

/** What a queue, a table or a budget holds now, and the most that it may hold. */
export interface Bound {
  readonly now: number;
  readonly most: number;
}

/** Bounds by name. */
export type Bounds = Readonly<Record<string, Bound>>;
