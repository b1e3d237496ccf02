/**
 * A rehearsal: before a process belongs to a cluster it plays a small one to itself, in memory, so that the code which its
 * first requests need is compiled by then.
 *
 * ```
 *   two members ▶ requests ▶ a third joins, while requests go on ▶ requests, as many as there is time for
 *                                        │
 *       time or steps are used up ───────┴──▶ left where it is: nothing holds it any more
 * ```
 *
 * V8 reads a function when it is first called, learns while it interprets it, and compiles it when it has run often. A
 * process that has just started needs several times as long for a request as later, and a cluster that grows sends it as
 * many as anybody. Nothing else comes of it: files, network, time and counters of those who play are their own.
 */
import type { Clock, Random, Timers } from '@coterie/env';
import { playCluster } from './play.ts';
import { type DoorLimits, Stage } from './stage.ts';

/** What a rehearsal has of the world. */
export interface RehearsalWorld {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  /** Milliseconds of processor time that the process has used so far. */
  readonly usedMs: () => number;
}

/** How long it may be. */
export interface RehearsalLength {
  /** Milliseconds of processor time; it takes up to four times that on a busy machine. */
  readonly processorMs: number;
  readonly doors: DoorLimits;
}

/** What came of one. */
export interface Rehearsed {
  /** Requests that were answered. */
  readonly requests: number;
  /** What ended it before its time, which is no harm; undefined when nothing did. */
  readonly broke: Error | undefined;
}

/** Steps are as short as a turn of a node: this many take far longer than any rehearsal is let. */
const stepsMax = 100_000;
const stepsPerLook = 16;
const wallFactor = 4;

/** Rehearses until the time is used up. Never throws: what goes wrong on the stage is told, and stays there. */
export async function rehearse(world: RehearsalWorld, { processorMs, doors }: RehearsalLength): Promise<Rehearsed> {
  const stage = new Stage(world, doors);
  const isTimeUp = timeLimit(world, processorMs);
  let broke: Error | undefined;
  const breakOff = (error: unknown): void => {
    broke ??= error instanceof Error ? error : new Error(String(error));
  };
  playCluster(stage).catch(breakOff);
  for (let step = 0; step < stepsMax && broke === undefined && !(step % stepsPerLook === 0 && isTimeUp()); step++) {
    // Whoever waits for the step before has had its turn by then, and so has the world.
    await world.timers.turn();
    try {
      stage.time.step();
    } catch (error) {
      breakOff(error);
    }
  }
  return { requests: stage.requests, broke };
}

function timeLimit({ clock, usedMs }: RehearsalWorld, processorMs: number): () => boolean {
  const [beganMs, usedBefore] = [clock.monotonic(), usedMs()];
  return () => usedMs() - usedBefore >= processorMs || clock.monotonic() - beganMs >= wallFactor * processorMs;
}
