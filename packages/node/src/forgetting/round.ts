/**
 * A round of forgetting for some partitions that have the same primaries: what has to be proven, in which order, and what
 * follows. Pure; whoever drives a round performs the steps.
 *
 * ```
 *   step      asked of                  true when it is over                                            if one is silent
 *   look      the driver, a primary     which lives the tombstones here name (no tombstones: no round)
 *   report    every member              its life, its counter, its clock                                blocked: status
 *                                                                                                       names it
 *   wait      the driver                every write up to those counters has ended, and nobody asks     begins anew
 *                                       for one of their operations again
 *   deliver   every member              it keeps no hint for these partitions, and nothing of them      blocked
 *                                       out of place, of what it had when it was asked
 *   agree     every pair of primaries,  each knows whatever the other knew when the step began          blocked
 *             after all deliveries
 *   persist   every member, those       the floor is on its disk, and says from then on what is old     the others have it;
 *             first who own least                                                                       it hears of it later
 *   drop      each primary by itself    what is dead below the floor is gone, a stretch at a time       goes on after a restart
 * ```
 *
 * Why that is enough. An acknowledged write has its copies when its coordinator reports a counter at or above it; those
 * copies lie at primaries, or are hints or out of place, and come home in `deliver`; then `agree` shows them to all. So
 * every acknowledged write below the floor is known to every primary, as a value or as replaced. A write that was not
 * acknowledged may lie on the way still: it is refused when it comes, and that is what "may have taken effect" allows.
 *
 * The order of `look` before `report` tells ended lives from new ones: a life that was seen before its member reported
 * another one has ended. Nothing of a round is kept before `persist`, so one that ends half way never was.
 *
 * A round holds for one ring: whoever is asked under a later `ringEpoch` refuses, and no round begins while a partition
 * moves or one of its primaries is recovering. What a primary said in `agree` holds for one *condition* of its store: a
 * life that ended or a batch that failed since may have taken back what the others believe it to have.
 */
import { ended, type Floor, livesMax, unite } from './floor.ts';
import type { Before } from './forget.ts';

/** What a member says in `report`. */
export interface Report {
  readonly incarnation: string;
  /** Counter of the last dot of a write that has ended; all of a lower counter have too. */
  readonly counter: number;
  /** Its wall clock. */
  readonly wallMs: number;
}

/** What is known of partitions before a round begins. */
export interface Outlook {
  /** Lives that droppable tombstones and their clocks name here. */
  readonly lives: ReadonlySet<string>;
  readonly isMoving: boolean;
  /** Ids of primaries that have something to take back. */
  readonly recovering: readonly string[];
  readonly floor: Floor;
}

/** Why no round can begin now, in words; undefined when one can. */
export function whyNot({ lives, isMoving, recovering, floor }: Outlook): string | undefined {
  if (lives.size === 0) return 'nothing is to be forgotten';
  if (isMoving) return 'the partition is on its way to other owners';
  if (recovering.length > 0) return `${recovering.join(', ')} must take back first what was lost`;
  if (new Set([...floor.upTo.keys(), ...lives]).size > livesMax) return `the floor would name more than ${livesMax} lives`;
  return undefined;
}

/** The floor that holds when all steps up to `agree` are over. `reports`: of every member. */
export function floorAfter(outlook: Outlook, reports: readonly Report[]): Floor {
  const running = new Map(reports.map(({ incarnation, counter }) => [incarnation, counter]));
  const upTo = new Map<string, number>();
  for (const incarnation of outlook.lives) upTo.set(incarnation, running.get(incarnation) ?? ended);
  const united = unite(outlook.floor, { round: 0, upTo });
  return { ...united, round: outlook.floor.round + 1 };
}

/** What is past by the slowest of all clocks. */
export function momentOf(reports: readonly Pick<Report, 'wallMs'>[]): Before {
  return { expiredMs: Math.min(...reports.map(({ wallMs }) => wallMs)) };
}
