/**
 * Operators that change the ring while clients work and faults strike, as plain data drawn from a seed: nodes join, leave,
 * replace one another, weigh more, and changes are taken back half way.
 *
 * ```
 *   scenario.actions ──▶ at its time: ask a member that runs, or start a machine ──refused or silent──▶ once more, a while later
 *   every 100 ms     ──▶ the ring of every node: each partition on distinct members, and on as many as there can be
 * ```
 */
import { isCoterieError } from '@coterie/env';
import type { CoterieNode, RingWish } from '@coterie/node';
import { CrashError } from '../disk/faults.ts';
import type { SeededRandom } from '../random.ts';
import type { Violation } from './checkers/violation.ts';
import type { Fleet } from './fleet.ts';

/** Something an operator does. Machines are named; a new one has not been in the cluster before. */
export type OperatorAction =
  | { readonly kind: 'join'; readonly machine: string }
  | { readonly kind: 'replace'; readonly machine: string; readonly old: string }
  | { readonly kind: 'leave'; readonly member: string }
  | { readonly kind: 'weight'; readonly member: string; readonly weight: number }
  | { readonly kind: 'abort' };

/** An action and when it is begun. */
export interface PlannedAction {
  readonly atMs: number;
  readonly action: OperatorAction;
}

/** Copies that every partition has where there are members enough. */
const copies = 3;
const patienceMs = 12_000;
const triesMax = 8;
const pauseMs = 3000;
const watchMs = 100;
/**
 * Moves of a plan, over the fewest that loads alone ask for; and one for each member, since lists that are full can ask for
 * a chain of swaps. (What is really needed, a flow says in the tests of the planner.)
 */
const movesMax = 1.05;

/** Actions by seed, in the order of their times. No more members go than leave three. */
export function drawActions(
  random: SeededRandom,
  { machines, untilMs }: { readonly machines: readonly string[]; readonly untilMs: number },
): PlannedAction[] {
  let next = machines.length + 1;
  const stay = [...machines];
  const times = Array.from({ length: 1 + random.below(5) }, () => Math.floor(random.fraction() * untilMs)).sort((a, b) => a - b);
  return times.map((atMs) => {
    const kind = random.pick(['join', 'join', 'leave', 'replace', 'weight', 'abort'] as const);
    const [member] = kind === 'leave' || kind === 'replace' ? stay.splice(random.below(stay.length), 1) : [random.pick(stay)];
    const newcomer = (): string => `n${next++}`;
    if (kind === 'abort') return { atMs, action: { kind } };
    if (kind === 'weight') return { atMs, action: { kind, member, weight: 1 + random.below(3) } };
    if (kind === 'leave' && stay.length >= copies) return { atMs, action: { kind, member } };
    if (kind === 'join') return { atMs, action: { kind, machine: newcomer() } };
    return { atMs, action: { kind: 'replace', machine: newcomer(), old: member } };
  });
}

/** Members that are to go by these actions, and from when on. */
export function departuresOf(actions: readonly PlannedAction[]): { readonly machine: string; readonly atMs: number }[] {
  return actions.flatMap(({ atMs, action }) => {
    if (action.kind === 'leave') return [{ machine: action.member, atMs }];
    return action.kind === 'replace' ? [{ machine: action.old, atMs }] : [];
  });
}

/** The operators of one run. */
export class Operators {
  readonly violations: Violation[] = [];
  readonly #fleet: Fleet;
  readonly #seen = new Set<string>();
  #watching = true;

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
  }

  /** Begins each action at its time, counted from now; resolves when the last has been begun, or given up. */
  async act(actions: readonly PlannedAction[]): Promise<void> {
    await Promise.all(
      actions.map(async ({ atMs, action }) => {
        await this.#fleet.pause(atMs);
        await this.#perform(action);
      }),
    );
  }

  /** Looks at every ring that comes about, until it is told to stop. */
  async watch(): Promise<void> {
    while (this.#watching) {
      for (const node of this.#fleet.nodes) this.#check(node);
      await this.#fleet.pause(watchMs);
    }
  }

  stopWatching(): void {
    this.#watching = false;
  }

  async #perform(action: OperatorAction): Promise<void> {
    if (action.kind === 'join') return this.#fleet.add(action.machine);
    if (action.kind === 'replace') return this.#fleet.add(action.machine, { replace: action.old });
    for (let tries = 0; tries < triesMax; tries++) {
      const name = this.#fleet.members.find((one) => this.#fleet.nodeOn(one) !== undefined && !isAbout(action, one));
      if (name !== undefined && (await this.#tryAt(name, action))) return;
      await this.#fleet.pause(pauseMs);
    }
  }

  /** Whether it was begun, or can never be. */
  async #tryAt(name: string, action: Exclude<OperatorAction, { kind: 'join' | 'replace' }>): Promise<boolean> {
    try {
      if (action.kind === 'abort') await this.#fleet.ask(name, (node) => node.topology.abort(), patienceMs);
      else await this.#fleet.ask(name, (node) => this.#begin(node, action), patienceMs);
      return true;
    } catch (error) {
      if (!isCoterieError(error) && !(error instanceof CrashError)) throw error;
      return isCoterieError(error, 'INVALID_ARGUMENT');
    }
  }

  /** Begins a wish by way of a plan, whose moves are looked at. */
  async #begin({ topology }: CoterieNode, wish: Extract<RingWish, { kind: 'leave' | 'weight' }>): Promise<void> {
    await topology.stage(wish);
    const { preview } = await topology.plan();
    const most = preview === undefined ? Infinity : Math.ceil(preview.fewestMoves * movesMax) + preview.loads.length;
    if (preview !== undefined && wish.kind === 'leave' && preview.moves > most)
      this.#complain(`a leave moves ${preview.moves} copies where ${preview.fewestMoves} would do`);
    await topology.commit();
  }

  #check(node: CoterieNode): void {
    const { epoch, members, replicas } = node.ring();
    const key = `${epoch}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    for (const [partition, holders] of replicas.entries()) {
      const isDistinct = new Set(holders).size === holders.length && holders.every((position) => members[position] !== undefined);
      if (!isDistinct) this.#complain(`at epoch ${epoch} partition ${partition} lies on [${holders.join(' ')}]`);
      if (holders.length !== copies) this.#complain(`at epoch ${epoch} partition ${partition} has ${holders.length} holders`);
    }
  }

  #complain(sentence: string): void {
    this.violations.push({ rule: 'placement', sentence });
  }
}

function isAbout(action: OperatorAction, name: string): boolean {
  return (action.kind === 'leave' || action.kind === 'weight') && action.member === name;
}
