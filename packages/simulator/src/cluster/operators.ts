/**
 * Operators that change the ring while clients work and faults strike: nodes join, leave, replace one another, weigh more,
 * and changes are taken back half way. What befalls stores is in `accidents.ts`.
 *
 * ```
 *   scenario.actions ──▶ at its time: ask a member that runs, or start a machine ──refused or silent──▶ once more, a while later
 *   every 20 ms      ──▶ the ring of every node: each partition on distinct members, on as many as there can be, in as
 *                        many zones as there can be
 * ```
 */
import { CoterieError, isCoterieError } from '@coterie/env';
import type { CoterieNode, RingChanges, RingWish } from '@coterie/node';
import { CrashError } from '../disk/faults.ts';
import { Accidents } from './accidents.ts';
import { isRingAction, type OperatorAction, type PlannedAction, type RingAction } from './actions.ts';
import type { Violation } from './checkers/violation.ts';
import type { Fleet } from './fleet.ts';
import type { StoreLedger } from './store-ledger.ts';
import { checkZones } from './checkers/placement.ts';

/** Copies that every partition has where there are members enough. */
const copies = 3;
const patienceMs = 12_000;
const triesMax = 8;
const pauseMs = 3000;
const watchMs = 20;
/**
 * Moves of a plan, over the fewest that loads alone ask for; and one for each member, since lists that are full can ask for
 * a chain of swaps. (What is really needed, a flow says in the tests of the planner.)
 */
const movesMax = 1.05;

/** The operators of one run. */
export class Operators {
  readonly violations: Violation[] = [];
  readonly #fleet: Fleet;
  readonly #seen = new Set<number>();
  readonly #ledger: StoreLedger | undefined;
  readonly #accidents: Accidents | undefined;
  #newest = 0;
  /** The oldest epoch that matters: whoever has lost its ring log reads of those in which the cluster was formed. */
  #oldest = 0;
  #watching = true;

  /** `ledger`: where it is written down what befell stores; without one, nothing befalls them. */
  constructor(fleet: Fleet, ledger?: StoreLedger) {
    this.#fleet = fleet;
    this.#ledger = ledger;
    const complain = (sentence: string): void => this.#complain(sentence);
    this.#accidents = ledger && new Accidents({ fleet, ledger, complain });
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
    this.#oldest = Math.min(...this.#fleet.nodes.map(({ epoch }) => epoch));
    await Promise.all([this.#watchRings(), this.#accidents?.watch()]);
  }

  async #watchRings(): Promise<void> {
    while (this.#watching) {
      for (const node of this.#fleet.nodes) this.#check(node);
      await this.#fleet.pause(watchMs);
    }
  }

  stopWatching(): void {
    this.#watching = false;
    this.#accidents?.stopWatching();
  }

  async #perform(action: OperatorAction): Promise<void> {
    if (!isRingAction(action)) return this.#accidents?.happen(action);
    const zone = 'zone' in action && action.zone !== undefined ? { zone: action.zone } : {};
    if (action.kind === 'join') return this.#fleet.add(action.machine, zone);
    if (action.kind === 'replace') return this.#fleet.add(action.machine, { replace: action.old, ...zone });
    for (let tries = 0; tries < triesMax; tries++) {
      if (action.kind === 'leave' && this.#fleet.staying.filter((one) => one !== action.member).length < copies) return;
      const name = this.#fleet.asked.find((one) => !isAbout(action, one));
      if (name !== undefined && (await this.#tryAt(name, action))) return;
      await this.#fleet.pause(pauseMs);
    }
  }

  /** Whether it was begun, or can never be. */
  async #tryAt(name: string, action: Exclude<RingAction, { kind: 'join' | 'replace' }>): Promise<boolean> {
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
  async #begin(node: CoterieNode, wish: Extract<RingWish, { kind: 'leave' | 'weight' }>): Promise<void> {
    const { topology } = node;
    await topology.stage(wish);
    const { plan, problem, preview, staged, changes } = await topology.plan();
    const { staying } = this.#fleet;
    const stay = preview?.loads.filter(({ name, after }) => after !== undefined && staying.includes(name)).length ?? copies;
    if (stay < copies) return takeBack(topology, changes.length);
    const most = preview === undefined ? Infinity : Math.ceil(preview.fewestMoves * movesMax) + preview.loads.length;
    // Zones ask for more than loads alone do, and come before few moves; so does a member that grows while another goes with
    // whom it shares partitions.
    const hasZones = node.cluster().members.some(({ zone }) => zone !== '');
    const isAlone = wish.kind === 'leave' && staged.length === 1;
    if (preview !== undefined && isAlone && !hasZones && preview.moves > most)
      this.#complain(`a leave moves ${preview.moves} copies where ${preview.fewestMoves} would do`);
    if (plan === undefined) throw new CoterieError('NOT_READY', problem ?? 'what was staged is not staged any more');
    // By its name: what another operator stages from now on was not looked at, and is not begun with it.
    await topology.commit(plan);
  }

  #check(node: CoterieNode): void {
    if (node.epoch < this.#oldest || this.#seen.has(node.epoch)) return;
    const { epoch, members, replicas } = node.ring();
    this.#seen.add(epoch);
    if (epoch > this.#newest) {
      this.#newest = epoch;
      this.#ledger?.ring(replicas.map((holders) => holders.map((position) => members[position]?.id ?? '')));
    }
    for (const [partition, holders] of replicas.entries()) {
      const isDistinct = new Set(holders).size === holders.length && holders.every((position) => members[position] !== undefined);
      if (!isDistinct) this.#complain(`at epoch ${epoch} partition ${partition} lies on [${holders.join(' ')}]`);
      if (holders.length !== copies) this.#complain(`at epoch ${epoch} partition ${partition} has ${holders.length} holders`);
    }
    for (const sentence of checkZones(node.cluster(), node.ring())) this.#complain(sentence);
  }

  #complain(sentence: string): void {
    this.violations.push({ rule: 'placement', sentence });
  }
}

/** Somebody else has staged a leave too, and both together are too much. @throws `NOT_READY` while what is under way would be taken back instead */
async function takeBack(topology: RingChanges, underWay: number): Promise<void> {
  if (underWay > 0) throw new CoterieError('NOT_READY', 'too few would stay, and another change is under way');
  await topology.abort();
}

function isAbout(action: RingAction, name: string): boolean {
  return (action.kind === 'leave' || action.kind === 'weight') && action.member === name;
}
