/**
 * What operators do to a cluster, and what befalls its stores, as plain data drawn from a seed: a run's plan can be
 * printed, edited, and carried out again.
 */
import type { SeededRandom } from '../random.ts';

/** A wish about the ring. Machines are named; a new one has not been in the cluster before. */
export type RingAction =
  | { readonly kind: 'join'; readonly machine: string; readonly zone?: string }
  | { readonly kind: 'replace'; readonly machine: string; readonly old: string; readonly zone?: string }
  | { readonly kind: 'leave'; readonly member: string }
  | { readonly kind: 'weight'; readonly member: string; readonly weight: number }
  | { readonly kind: 'abort' };

/** Something that befalls stores, and what an operator does about it. */
export type Accident =
  /** The directories of these stores are gone, all in one moment; the nodes start again after `ms`. */
  | { readonly kind: 'wipe'; readonly machines: readonly string[]; readonly ms: number }
  /** Bits flip in a file, chosen by `seed`; after `ms` somebody has the node look for damage. */
  | { readonly kind: 'rot'; readonly machine: string; readonly seed: number; readonly ms: number }
  /** The node saves itself while it runs. */
  | { readonly kind: 'back up'; readonly machine: string }
  /** The node is stopped, its last backup put in place of its store, and it starts again. */
  | { readonly kind: 'restore'; readonly machine: string }
  /** The machine dies, and is removed by force; with `returns` its disk turns up again afterwards. */
  | { readonly kind: 'remove'; readonly machine: string; readonly returns: boolean }
  /** The machine loses its disk, and its node takes its own former place, by force, as a new member. */
  | { readonly kind: 'rebuild'; readonly machine: string };

/** Something that is done to a cluster. */
export type OperatorAction = RingAction | Accident;

/** An action and when it is begun. */
export interface PlannedAction {
  readonly atMs: number;
  readonly action: OperatorAction;
}

/** What to draw. */
export interface ActionDraw {
  readonly machines: readonly string[];
  readonly untilMs: number;
}

/** Members that at least stay. */
const fewest = 3;
/** Moments at which something is done in a run with everything, at most. */
const momentsMax = 7;
/** Stores that are wiped at once, at most: of five, a majority of any list. */
const wipedMax = 3;

/** Whether the action is a wish about the ring. */
export function isRingAction(action: OperatorAction): action is RingAction {
  return ['join', 'replace', 'leave', 'weight', 'abort'].includes(action.kind);
}

/** Wishes about the ring by seed, in the order of their times. No more members go than leave three. */
export function drawActions(random: SeededRandom, { machines, untilMs }: ActionDraw): PlannedAction[] {
  let next = machines.length + 1;
  const stay = [...machines];
  const times = Array.from({ length: 1 + random.below(5) }, () => Math.floor(random.fraction() * untilMs)).sort((a, b) => a - b);
  return times.map((atMs) => {
    const kind = random.pick(['join', 'join', 'leave', 'replace', 'weight', 'abort'] as const);
    const [member] = kind === 'leave' || kind === 'replace' ? stay.splice(random.below(stay.length), 1) : [random.pick(stay)];
    const newcomer = (): string => `n${next++}`;
    if (kind === 'abort') return { atMs, action: { kind } };
    if (kind === 'weight') return { atMs, action: { kind, member, weight: 1 + random.below(3) } };
    if (kind === 'leave' && stay.length >= fewest) return { atMs, action: { kind, member } };
    if (kind === 'join') return { atMs, action: { kind, machine: newcomer() } };
    return { atMs, action: { kind: 'replace', machine: newcomer(), old: member } };
  });
}

/** Wishes and accidents by seed, in the order of their times. Newcomers are put in one of `zones`, if there are any. */
export function drawEverything(random: SeededRandom, draw: ActionDraw & { readonly zones: readonly string[] }): PlannedAction[] {
  const names = new Names(random, draw);
  const planned = Array.from({ length: 2 + random.below(momentsMax - 1) }, () => {
    const atMs = Math.floor(random.fraction() * draw.untilMs);
    return drawMoment(random, names).map((action, index) => ({ action, atMs: index === 0 ? atMs : laterThan(random, atMs, draw.untilMs) }));
  });
  return planned.flat().sort((a, b) => a.atMs - b.atMs);
}

function laterThan(random: SeededRandom, atMs: number, untilMs: number): number {
  return atMs + Math.floor(random.fraction() * (untilMs - atMs));
}

/** What is done at one moment; a backup comes with a restore some time later. */
function drawMoment(random: SeededRandom, names: Names): OperatorAction[] {
  const kind = random.pick([
    ...(['join', 'join', 'leave', 'replace', 'weight', 'abort', 'remove', 'remove', 'rebuild'] as const),
    ...(['wipe', 'wipe', 'rot', 'rot', 'restore', 'restore'] as const),
  ]);
  const machine = names.any();
  switch (kind) {
    case 'abort':
      return [{ kind }];
    case 'join':
      return [{ kind, ...names.newcomer() }];
    case 'weight':
      return [{ kind, member: machine, weight: 1 + random.below(3) }];
    case 'leave':
      return [{ kind, member: names.going() }];
    case 'replace': {
      // Chosen first: nobody takes the place of itself.
      const old = names.going();
      return [{ kind, ...names.newcomer(), old }];
    }
    case 'remove':
      return [{ kind, machine: names.going(), returns: random.chance(0.5) }];
    case 'rebuild':
      return [{ kind, machine }];
    case 'wipe':
      return [{ kind, machines: names.several(1 + (random.chance(0.5) ? random.below(wipedMax) : 0)), ms: random.below(3000) }];
    case 'rot':
      return [{ kind, machine, seed: random.u32(), ms: 1 + random.below(5000) }];
    default:
      return [
        { kind: 'back up', machine },
        { kind, machine },
      ];
  }
}

/** Which machines there are, by the plan: whether that is so when the time has come, operators see. */
class Names {
  readonly #random: SeededRandom;
  readonly #stay: string[];
  readonly #zones: readonly string[];
  #next: number;

  constructor(random: SeededRandom, { machines, zones }: { readonly machines: readonly string[]; readonly zones: readonly string[] }) {
    this.#random = random;
    this.#stay = [...machines];
    this.#zones = zones;
    this.#next = machines.length + 1;
  }

  newcomer(): { readonly machine: string; readonly zone?: string } {
    const machine = `n${this.#next++}`;
    this.#stay.push(machine);
    return this.#zones.length === 0 ? { machine } : { machine, zone: this.#random.pick(this.#zones) };
  }

  any(): string {
    return this.#random.pick(this.#stay);
  }

  /** One that goes for good. */
  going(): string {
    if (this.#stay.length <= fewest) return this.any();
    const [machine] = this.#stay.splice(this.#random.below(this.#stay.length), 1);
    return machine;
  }

  several(count: number): string[] {
    const left = [...this.#stay];
    return Array.from({ length: Math.min(count, left.length) }, () => left.splice(this.#random.below(left.length), 1)[0]);
  }
}

/** Machines that clients cannot rely on from a time on: those that go, those whose stores meet with an accident, and those that are new. */
export function unreliableBy(actions: readonly PlannedAction[]): { readonly machine: string; readonly fromMs: number }[] {
  return actions.flatMap(({ atMs, action }) => {
    const from = (machine: string, fromMs = atMs): { readonly machine: string; readonly fromMs: number } => ({ machine, fromMs });
    switch (action.kind) {
      case 'join':
        return [from(action.machine, 0)];
      case 'replace':
        return [from(action.machine, 0), from(action.old)];
      case 'leave':
        return [from(action.member)];
      case 'weight':
      case 'abort':
        return [];
      case 'wipe':
        return action.machines.map((machine) => from(machine));
      default:
        return [from(action.machine)];
    }
  });
}
