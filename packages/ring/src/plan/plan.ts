/**
 * The planner: from a ring, and changes staged together, to a better ring and the moves that lead there. Pure: the same
 * question has the same answer everywhere.
 *
 * ```
 *   changes ─▶ stage ─▶ zone tree ─▶ ideal loads ─▶ target loads
 *                                                       │
 *        young cluster: a layout from nothing ◀─────────┤     keeps today's data, or is not taken
 *        otherwise:     keep ▶ draw ▶ fill ▶ even out ◀─┘     (what may be given up is chosen before anything is drawn)
 *                                    │
 *                          order of each list ─▶ moves, balance, advice
 * ```
 *
 * In this order it wants: distinct nodes; distinct zones, the widest first; every load at its weighted ideal, rounded down
 * or up; few moves; few distinct replica sets.
 */
import { CoterieError } from '@coterie/env';
import { type Balance, balanceOf } from '../balance.ts';
import { weightOf } from '../member.ts';
import { replicasMax, type Ring } from '../ring.ts';
import { type Advice, adviceFor } from './advice.ts';
import { Assignment, movesOf } from './assignment.ts';
import { drawReplicas } from './draw.ts';
import { evenOut, evenOutFreely } from './even-out.ts';
import { fewestMoves } from './fewest-moves.ts';
import { fillHoles } from './fill.ts';
import { takeLayout } from './fresh.ts';
import { idealLoads } from './ideal-loads.ts';
import { keepHolders } from './keep.ts';
import { layOut } from './layout.ts';
import { isEven, type LoadBounds, loadBounds } from './load-bounds.ts';
import { type Move, type Release, ringDifference } from './moves.ts';
import { orderHolders } from './order.ts';
import { SpreadRule } from './spread.ts';
import { type RingChange, type Stage, stageChanges } from './stage.ts';
import { targetLoads } from './target-loads.ts';
import { type ZoneTree, zoneTree } from './zone-tree.ts';

/** How a plan is to be made. */
export interface PlanOptions {
  /** Copies of each key, 1 to 16: the largest n of any bucket; 3 by default. */
  readonly n?: number;
}

/** Where to, and how. */
export interface Plan {
  /** The ring when all is done, one epoch on. Its lists have min(n, members) entries. */
  readonly ring: Ring;
  /** Replicas that somebody has to copy, by partition. */
  readonly moves: readonly Move[];
  /** Replicas that are given up and not replaced. */
  readonly releases: readonly Release[];
  /** Partitions whose list changes, if only in its order; ascending. */
  readonly changed: readonly number[];
  /** No plan for such even loads has fewer: what members hold too little of today, or too much. Zones can ask for more. */
  readonly fewestMoves: number;
  readonly before: Balance;
  readonly after: Balance;
  readonly advice: readonly Advice[];
}

const copiesDefault = 3;
/** A layout drawn from nothing is taken if it moves at most so many times the fewest. */
const layoutMovesMax = 1.05;

/** The plan for these changes; with none, what would even the ring out. @throws `INVALID_ARGUMENT` for changes that cannot be, or an impossible n */
export function plan(ring: Ring, changes: readonly RingChange[], options: PlanOptions = {}): Plan {
  const n = options.n ?? copiesDefault;
  if (!(Number.isInteger(n) && n >= 1 && n <= replicasMax)) {
    throw new CoterieError('INVALID_ARGUMENT', `n must be an integer from 1 to ${replicasMax}, not ${n}`);
  }
  const stage = stageChanges(ring, changes);
  const frame = frameOf(stage, ring.partitions, n);
  const assignment = assign(stage, frame);
  const sets = ring.replicas.map((_, partition) => assignment.holdersOf(partition));
  const replicas = orderHolders({ tree: frame.tree, members: stage.members.length, sets, today: stage.lists });
  const target: Ring = { epoch: ring.epoch + 1, partitions: ring.partitions, members: stage.members, replicas };
  const after = balanceOf(target, n);
  const ideal = after.members.map((member) => member.ideal);
  const { members } = stage;
  return {
    ring: target,
    ...ringDifference(ring, target),
    fewestMoves: fewestFor(stage, assignment, frame),
    before: balanceOf(ring, n),
    after,
    advice: adviceFor({ members, ideal, weights: frame.weights, partitions: ring.partitions, n }),
  };
}

/** What is settled before anything moves. */
interface Frame {
  readonly copies: number;
  readonly weights: readonly number[];
  readonly tree: ZoneTree;
  readonly bounds: LoadBounds;
  /** By member. */
  readonly targets: Int32Array;
}

function frameOf({ members, lists }: Stage, partitions: number, n: number): Frame {
  const copies = Math.min(n, members.length);
  const weights = members.map(weightOf);
  const tree = zoneTree(members, copies);
  const ideal = idealLoads({ tree, weights, partitions });
  const bounds = loadBounds(members.map((_, index) => ideal[tree.paths[(index + 1) * tree.depth - 1]]));
  const targets = targetLoads({ tree, ideal, present: loadsOf(lists, members.length) });
  return { copies, weights, tree, bounds, targets };
}

function assign(stage: Stage, frame: Frame): Assignment {
  const grown = emptyAssignment(stage, frame);
  keepHolders(grown, stage.lists, frame.targets);
  if (isFull(grown) && isEven(grown.loads(), frame.bounds)) return grown;
  const fresh = emptyAssignment(stage, frame);
  const columns = layOut({ tree: frame.tree, targets: frame.targets, columns: fresh.partitions });
  if (takeLayout({ assignment: fresh, columns }) && movesOf(fresh) <= fewestFor(stage, fresh, frame) * layoutMovesMax) return fresh;
  const question = { assignment: grown, tree: frame.tree, bounds: frame.bounds };
  if (isFull(grown) && isGivenUp(grown)) evenOutFreely(question, frame.targets);
  drawReplicas(grown, frame.targets);
  fillHoles(grown, frame.targets);
  if (isEven(grown.loads(), frame.bounds) && movesOf(grown) === fewestFor(stage, grown, frame)) return grown;
  evenOut(question);
  return grown;
}

function emptyAssignment({ members, original }: Stage, { copies, tree }: Frame): Assignment {
  return new Assignment({ rule: new SpreadRule(tree), members: members.length, copies, original });
}

function isFull(assignment: Assignment): boolean {
  for (let partition = 0; partition < assignment.partitions; partition++) {
    if (assignment.countOf(partition) < assignment.copies) return false;
  }
  return true;
}

/** Whether somebody has data of a partition and does not hold it. */
function isGivenUp(assignment: Assignment): boolean {
  return assignment.original.some((_, partition) => !assignment.isKept(partition));
}

function fewestFor({ original, members }: Stage, assignment: Assignment, { bounds }: Frame): number {
  return fewestMoves({ today: loadsOf(original, members.length), loads: assignment.loads(), bounds });
}

function loadsOf(lists: readonly (readonly number[])[], members: number): Int32Array {
  const loads = new Int32Array(members);
  for (const list of lists) for (const member of list) loads[member]++;
  return loads;
}
