/**
 * An assignment from nothing: every load at its target, every rule kept, and few distinct replica sets.
 *
 * ```
 *   members in the order of the zone tree, each as long as its target; every partition takes a column:
 *
 *   row 0   │ a  a  a  a │ b  b  b  b │ c  c     10 columns, loads a 4, b 4, c 4, d 3, e 7, f 8
 *   row 1   │ c  c │ d  d  d │ e  e  e  e  e     (a line of 3 × 10 cells, cut into 3 rows)
 *   row 2   │ e  e │ f  f  f  f  f  f  f  f
 *             column 0 = {a c e}, twice; column 2 = {a d f}, twice; column 4 = {b d f}; …
 * ```
 *
 * A run no longer than the row lies in each column at most once, so no member is twice in a partition; a zone that asks
 * for x rows is ⌊x⌋ or ⌈x⌉ times in each column, which is its range in the zone tree. A new set begins only where a run
 * begins, so there are at most as many sets as members. This is systematic sampling; in scheduling, McNaughton's
 * wrap-around rule.
 *
 * The columns are cut into four sections, each with an order of its own. So a member shares partitions with some 8 (n - 1)
 * others: few enough that losing three at once seldom loses a set, and enough to fetch from when one is lost. That is
 * copyset replication with its permutations (Cidon et al., USENIX ATC 2013).
 */
import type { ZoneTree } from './zone-tree.ts';

/** What a layout is drawn from. */
export interface LayoutQuestion {
  readonly tree: ZoneTree;
  /** Replicas by member; together as many as copies × columns. */
  readonly targets: Int32Array;
  /** A multiple of four, or too few to cut. */
  readonly columns: number;
}

const sectionsUsual = 4;

/** For each column the members in it. */
export function layOut({ tree, targets, columns }: LayoutQuestion): number[][] {
  const sections = columns % sectionsUsual === 0 ? sectionsUsual : 1;
  const parts = sectionLoads(tree, targets, sections);
  return parts.flatMap((loads, section) => layOutSection(membersInOrder(tree, section), loads, columns / sections));
}

function layOutSection(members: readonly number[], loads: Int32Array, columns: number): number[][] {
  const made = Array.from({ length: columns }, (): number[] => []);
  let cell = 0;
  for (const member of members) {
    for (let i = 0; i < loads[member]; i++) made[cell++ % columns].push(member);
  }
  return made;
}

/**
 * Each member's load cut into equal parts, a remainder of one here and there, so that every zone's part is equal in that
 * sense too: level by level the remainders go to the sections in which their zone has most left to give.
 */
function sectionLoads(tree: ZoneTree, targets: Int32Array, sections: number): Int32Array[] {
  const totals = Int32Array.from(tree.memberAt, (member) => (member < 0 ? 0 : targets[member]));
  for (let vertex = totals.length - 1; vertex > 0; vertex--) totals[tree.parents[vertex]] += totals[vertex];
  const loads = Array.from({ length: sections }, () => new Int32Array(targets.length));
  const cut = (vertex: number, parts: readonly number[]): void => {
    if (tree.memberAt[vertex] >= 0) parts.forEach((part, section) => (loads[section][tree.memberAt[vertex]] = part));
    const left = [...parts];
    const children = tree.children[vertex];
    for (const child of children) for (let s = 0; s < sections; s++) left[s] -= Math.floor(totals[child] / sections);
    for (const child of children) cut(child, partsOf(totals[child], left));
  };
  cut(0, new Array<number>(sections).fill(totals[0] / sections));
  return loads;
}

/** Cuts a total into parts, the remainder where most is `left`, and takes it from there. */
function partsOf(total: number, left: number[]): number[] {
  const parts = left.map(() => Math.floor(total / left.length));
  const sections = left.map((_, section) => section).sort((a, b) => left[b] - left[a] || a - b);
  for (const section of sections.slice(0, total % left.length)) {
    parts[section]++;
    left[section]--;
  }
  return parts;
}

/** Members zone by zone; in each section zones, and members of a zone, follow each other in another order. */
function membersInOrder(tree: ZoneTree, section: number): number[] {
  const found: number[] = [];
  const visit = (vertex: number): void => {
    if (tree.memberAt[vertex] >= 0) found.push(tree.memberAt[vertex]);
    const children = [...tree.children[vertex]];
    if (section > 0) children.sort((a, b) => shuffled(a, section) - shuffled(b, section) || a - b);
    for (const child of children) visit(child);
  };
  visit(0);
  return found;
}

/** A number that has nothing to do with another section's: the finish of MurmurHash3. */
function shuffled(vertex: number, section: number): number {
  let x = Math.imul(vertex + 1, 0x9e3779b1) ^ Math.imul(section, 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}
