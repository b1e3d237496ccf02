/**
 * The second step: every member that holds less than it shall takes replicas, out of holes and from members that hold too
 * much, one replica for one move.
 *
 * Which ones it takes decides how many members it shares partitions with: its scatter width. If that is large, some data
 * is lost whenever any few members are lost together (Cidon et al., "Copysets", USENIX ATC 2013). So first it takes what
 * it shares with members that it shares something with already:
 *
 * ```
 *   x holds {a b x}, shares with a and b
 *   p1 {a b s} in place of s: no new partner           first
 *   p2 {a c s} in place of s: one, c                   when nothing better is left, the c that most others come with
 * ```
 */
import type { Assignment } from './assignment.ts';

/** Lets members draw until nothing is left that goes in one step; those with the most to draw begin. */
export function drawReplicas(assignment: Assignment, targets: Int32Array): void {
  const wanting = [...targets.keys()].filter((member) => targets[member] > assignment.loadOf(member));
  const wants = (member: number): number => targets[member] - assignment.loadOf(member);
  wanting.sort((a, b) => wants(b) - wants(a) || a - b);
  const holes = holesOf(assignment);
  const limit = Math.ceil(candidatesTotal / Math.max(1, wanting.length));
  for (const member of wanting) new Draw({ assignment, targets, member }).run(candidatesFor({ assignment, targets, member, holes, limit }));
}

/** Candidates looked at by all members together: some 100 ms of work. Enough for every one of them in all but very large changes. */
const candidatesTotal = 2 ** 20;

interface DrawQuestion {
  readonly assignment: Assignment;
  readonly targets: Int32Array;
  /** Who draws. */
  readonly member: number;
}

/** A replica that the member could take. */
interface Candidate {
  readonly partition: number;
  /** Who holds it now; -1 for a hole. */
  readonly from: number;
  /** Moves that it adds: 1, or less where the member has the data, or where the holder would have had to fetch it. */
  readonly cost: number;
}

/** Partitions with free slots, once for each. */
function holesOf(assignment: Assignment): number[] {
  const holes: number[] = [];
  for (let partition = 0; partition < assignment.partitions; partition++) {
    if (assignment.countOf(partition) < assignment.copies) holes.push(partition);
  }
  return holes;
}

interface CandidateQuestion extends DrawQuestion {
  readonly holes: readonly number[];
  /** Most candidates that are looked at. */
  readonly limit: number;
}

function candidatesFor({ assignment, targets, member, holes, limit }: CandidateQuestion): Candidate[] {
  const found: Candidate[] = [];
  const offer = (partition: number, from: number): void => {
    const possible = from < 0 ? assignment.canAdd(partition, member) : assignment.canSwap(partition, from, member);
    if (!possible) return;
    const fetches = assignment.isOriginal(partition, member) ? 0 : 1;
    const saved = from >= 0 && !assignment.isOriginal(partition, from) ? 1 : 0;
    found.push({ partition, from, cost: fetches - saved });
  };
  for (const partition of holes) {
    if (found.length >= limit) break;
    offer(partition, -1);
  }
  // Begins elsewhere for each member, so that a limit does not send all of them to the same few.
  const members = targets.length;
  for (let step = 1; step <= members && found.length < limit; step++) {
    const from = (member + step) % members;
    if (assignment.loadOf(from) > targets[from]) for (const partition of assignment.held[from]) offer(partition, from);
  }
  return found;
}

class Draw {
  readonly #assignment: Assignment;
  readonly #targets: Int32Array;
  readonly #member: number;
  /** 1 for members that share a partition with this one. */
  readonly #near: Uint8Array;
  /** How many of the candidates each member comes with. */
  readonly #seen: Uint32Array;

  constructor({ assignment, targets, member }: DrawQuestion) {
    this.#assignment = assignment;
    this.#targets = targets;
    this.#member = member;
    this.#near = new Uint8Array(targets.length);
    this.#seen = new Uint32Array(targets.length);
    for (const partition of assignment.held[member]) this.#meet(partition);
  }

  run(candidates: readonly Candidate[]): void {
    for (let cost = -1; cost <= 1; cost++) {
      let open = candidates.filter((candidate) => candidate.cost === cost);
      while (open.length > 0 && this.#wants()) {
        open = this.#takeFamiliar(open);
        const next = this.#wants() ? this.#mostPromising(open) : undefined;
        // Since it was looked at, its holder may have given enough to others of the list.
        if (next !== undefined && this.#isPossible(next)) this.#take(next);
      }
    }
  }

  #wants(): boolean {
    return this.#assignment.loadOf(this.#member) < this.#targets[this.#member];
  }

  /** Takes all that bring no new partner; returns those that are left and still possible. */
  #takeFamiliar(candidates: readonly Candidate[]): Candidate[] {
    return candidates.filter((candidate) => {
      if (!this.#isPossible(candidate)) return false;
      if (!this.#wants() || this.#strangersIn(candidate) > 0) return true;
      this.#take(candidate);
      return false;
    });
  }

  /** The one with the fewest new partners, and of those the one whose partners come with most of the others. */
  #mostPromising(candidates: readonly Candidate[]): Candidate | undefined {
    this.#seen.fill(0);
    for (const candidate of candidates) this.#eachStranger(candidate, (other) => this.#seen[other]++);
    let best: Candidate | undefined;
    let bestWorth = -Infinity;
    for (const candidate of candidates) {
      let strangers = 0;
      let seen = 0;
      this.#eachStranger(candidate, (other) => {
        strangers++;
        seen += this.#seen[other];
      });
      const worth = seen / strangers - strangers * candidates.length;
      if (worth > bestWorth) {
        best = candidate;
        bestWorth = worth;
      }
    }
    return best;
  }

  #isPossible({ partition, from }: Candidate): boolean {
    const assignment = this.#assignment;
    if (assignment.holds(partition, this.#member)) return false;
    if (from < 0) return assignment.countOf(partition) < assignment.copies;
    return assignment.loadOf(from) > this.#targets[from];
  }

  #take({ partition, from }: Candidate): void {
    if (from < 0) this.#assignment.add(partition, this.#member);
    else this.#assignment.swap(partition, from, this.#member);
    this.#meet(partition);
  }

  #meet(partition: number): void {
    for (let slot = 0; slot < this.#assignment.countOf(partition); slot++) this.#near[this.#assignment.holderAt(partition, slot)] = 1;
  }

  #strangersIn(candidate: Candidate): number {
    let strangers = 0;
    this.#eachStranger(candidate, () => strangers++);
    return strangers;
  }

  /** The members that would become partners. */
  #eachStranger({ partition, from }: Candidate, visit: (member: number) => void): void {
    for (let slot = 0; slot < this.#assignment.countOf(partition); slot++) {
      const other = this.#assignment.holderAt(partition, slot);
      if (other !== from && this.#near[other] === 0) visit(other);
    }
  }
}
