/**
 * The four ways in which two histories can stand to each other. Everything in this package that has a history answers
 * `compare` with one of them.
 */

/** `before`: the first is a part of the second. `concurrent`: each holds something that the other does not. */
export type Order = 'before' | 'after' | 'equal' | 'concurrent';

/** Anything that can be ordered against another of its kind. */
export interface Comparable<Self> {
  compare(other: Self): Order;
}

/** How history `a` stands to history `b`. */
export function compare<C extends Comparable<C>>(a: C, b: C): Order {
  return a.compare(b);
}

/** The order of two histories, from whether each holds something that the other does not. */
export function orderOf(holds: { readonly aOnly: boolean; readonly bOnly: boolean }): Order {
  if (holds.aOnly) return holds.bOnly ? 'concurrent' : 'after';
  return holds.bOnly ? 'before' : 'equal';
}
