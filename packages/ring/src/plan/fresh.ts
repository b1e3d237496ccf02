/**
 * A layout drawn from nothing, put over what is held today so that as much as possible stays. A first cluster, and one
 * that grows to many times its size, gets its few replica sets this way. When members change one by one it would move far
 * too much, and the planner draws replicas instead (`draw.ts`).
 */
import type { Assignment } from './assignment.ts';

/** Columns put over partitions. */
export interface FreshQuestion {
  readonly assignment: Assignment;
  /** The columns of a layout, one for each partition. */
  readonly columns: readonly (readonly number[])[];
}

/** Most distinct lists that are looked through; more are not the sign of a young cluster. */
const kindsMax = 256;

/** Gives every partition of an empty assignment a column; false, and nothing done, if today's lists are too many kinds to try. */
export function takeLayout({ assignment, columns }: FreshQuestion): boolean {
  const today = kindsOf(assignment.original, scatteredOrder(assignment.partitions));
  if (today.length > kindsMax) return false;
  const wanted = kindsOf(columns, [...columns.keys()]);
  for (let shared = assignment.copies; shared >= 0; shared--) {
    for (const from of today) {
      for (const to of wanted) {
        if (to.places.length === 0 || from.places.length === 0 || sharedBy(from, to) !== shared) continue;
        pair({ assignment, columns, from, to });
      }
    }
  }
  return true;
}

/** Equal sets of members, and where they are. */
interface Kind {
  readonly members: ReadonlySet<number>;
  /** Not yet paired. */
  readonly places: number[];
}

/** Distinct sets and where they are. */
function kindsOf(lists: readonly (readonly number[])[], order: readonly number[]): Kind[] {
  const kinds = new Map<string, Kind>();
  for (const place of order) {
    const list = lists[place];
    const key = [...list].sort((a, b) => a - b).join();
    const known = kinds.get(key);
    if (known === undefined) kinds.set(key, { members: new Set(list), places: [place] });
    else known.places.push(place);
  }
  return [...kinds.values()];
}

/**
 * All partitions in such an order that whoever lies side by side on the ring lies far apart in it, some 0.38 of its length,
 * and takes columns far apart: then the walk to the fallbacks meets others soon, and each meets different ones. `count` is a power of two.
 */
function scatteredOrder(count: number): number[] {
  const stride = Math.round(count * goldenSection) | 1;
  let inverse = stride;
  for (let step = 0; step < inverseSteps; step++) inverse = Math.imul(inverse, 2 - Math.imul(stride, inverse));
  return Array.from({ length: count }, (_, i) => Math.imul(i, inverse) & (count - 1));
}

const goldenSection = 0.6180339887498949;
/** Newton's steps to the inverse of an odd number modulo 2^32: three bits are right at first, and each step doubles them. */
const inverseSteps = 4;

function sharedBy(a: Kind, b: Kind): number {
  let shared = 0;
  for (const member of a.members) if (b.members.has(member)) shared++;
  return shared;
}

function pair({ assignment, columns, from, to }: FreshQuestion & { readonly from: Kind; readonly to: Kind }): void {
  for (let left = Math.min(from.places.length, to.places.length); left > 0; left--) {
    const partition = from.places.pop() as number;
    const column = to.places.pop() as number;
    for (const member of columns[column]) assignment.add(partition, member);
  }
}
