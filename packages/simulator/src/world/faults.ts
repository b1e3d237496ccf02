/**
 * What can go wrong in a world, as plain data: a run's faults can be drawn from a seed, printed, edited, and played again.
 * Every fault that lasts says for how long, so that a plan ends with a whole world.
 */
import type { LinkConditions } from '../network/links.ts';
import type { SeededRandom } from '../random.ts';

/** Something that goes wrong. */
export type WorldFault =
  /** Power fails; `seed` decides what the disk keeps; the machine starts again after `ms`. */
  | { readonly kind: 'crash'; readonly machine: string; readonly seed: number; readonly ms: number }
  /** The process ends as by `kill -9`; the machine starts again after `ms`. */
  | { readonly kind: 'kill'; readonly machine: string; readonly ms: number }
  /** The process stands still. */
  | { readonly kind: 'pause'; readonly machine: string; readonly ms: number }
  /** Nothing gets through in one direction. */
  | { readonly kind: 'cut'; readonly from: readonly string[]; readonly to: readonly string[]; readonly ms: number }
  /** The groups do not reach each other. */
  | { readonly kind: 'partition'; readonly groups: readonly (readonly string[])[]; readonly ms: number }
  /** Links in one direction are slow, or lossy, or whatever `change` says. */
  | {
      readonly kind: 'link';
      readonly from: readonly string[];
      readonly to: readonly string[];
      readonly change: Partial<LinkConditions>;
      readonly ms: number;
    }
  /** Connections between two machines are reset. */
  | { readonly kind: 'reset'; readonly between: readonly [string, string] }
  /** A wall clock is set forward or, below 0, back. */
  | { readonly kind: 'jump'; readonly machine: string; readonly byMs: number }
  /** A clock goes wrong at this rate from now on. */
  | { readonly kind: 'drift'; readonly machine: string; readonly partsPerMillion: number }
  /** Every operation of a disk takes longer. */
  | { readonly kind: 'slow disk'; readonly machine: string; readonly delayMs: number; readonly ms: number }
  /** A disk takes no writes: `EROFS`. */
  | { readonly kind: 'read-only disk'; readonly machine: string; readonly ms: number }
  /** Of `every` operations of a disk, one fails: `EIO`. */
  | { readonly kind: 'failing disk'; readonly machine: string; readonly every: number; readonly ms: number }
  /** A disk has no space left. */
  | { readonly kind: 'full disk'; readonly machine: string; readonly ms: number };

/** The kinds of faults. */
export type WorldFaultKind = WorldFault['kind'];

/** A fault and when it comes. */
export interface PlannedFault {
  readonly atMs: number;
  readonly fault: WorldFault;
}

/** What to draw. */
export interface FaultDraw {
  readonly machines: readonly string[];
  /** Faults begin in [0, untilMs) and last up to `longestMs`. */
  readonly untilMs: number;
  readonly longestMs: number;
  readonly count: number;
  /** Kinds to choose among; one named twice is twice as likely. */
  readonly kinds: readonly WorldFaultKind[];
}

/** Faults by seed, in the order of their times. */
export function drawFaults(random: SeededRandom, draw: FaultDraw): PlannedFault[] {
  const planned = Array.from({ length: draw.count }, () => {
    const atMs = Math.floor(random.fraction() * draw.untilMs);
    return { atMs, fault: drawFault(random, draw) };
  });
  return planned.sort((a, b) => a.atMs - b.atMs);
}

function drawFault(random: SeededRandom, { machines, kinds, longestMs }: FaultDraw): WorldFault {
  const kind = random.pick(kinds);
  const machine = random.pick(machines);
  const ms = 1 + random.below(longestMs);
  switch (kind) {
    case 'crash':
      return { kind, machine, seed: random.u32(), ms };
    case 'jump':
      return { kind, machine, byMs: random.below(7_200_001) - 3_600_000 };
    case 'drift':
      return { kind, machine, partsPerMillion: random.below(1001) - 500 };
    case 'slow disk':
      return { kind, machine, delayMs: 1 + random.below(100), ms };
    case 'failing disk':
      return { kind, machine, every: 2 + random.below(50), ms };
    case 'reset':
      return { kind, between: [machine, random.pick(machines)] };
    case 'cut':
      return { kind, ...drawSides(random, machines), ms };
    case 'link':
      return { kind, ...drawSides(random, machines), change: drawLink(random), ms };
    case 'partition': {
      const { from, to } = drawSides(random, machines);
      return { kind, groups: [from, to], ms };
    }
    default:
      return { kind, machine, ms };
  }
}

/** Two groups, neither of them empty where there are two machines. */
function drawSides(random: SeededRandom, machines: readonly string[]): { from: string[]; to: string[] } {
  const shuffled = [...machines];
  for (let i = shuffled.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [shuffled[i], shuffled[j]] = [shuffled[j], shuffled[i]];
  }
  const size = 1 + random.below(Math.max(1, shuffled.length - 1));
  return { from: shuffled.slice(0, size), to: shuffled.slice(size) };
}

function drawLink(random: SeededRandom): Partial<LinkConditions> {
  switch (random.below(4)) {
    case 0:
      return { latencyMs: [10, 10 + random.below(500)] };
    case 1:
      return { loss: 0.5 * random.fraction() };
    case 2:
      return { resets: 0.1 * random.fraction() };
    default:
      return { bytesPerMs: 1 + random.below(1000) };
  }
}
