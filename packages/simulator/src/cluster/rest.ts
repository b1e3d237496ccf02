/**
 * After the faults: the cluster comes to rest by itself, within bounded time. What does not is a violation.
 *
 * ```
 *   all nodes run ▶ all see all alive ▶ hints drained ▶ copies equal, nobody having read them ▶ every key read once by all
 *   its holders ▶ copies equal still, nothing in flight
 * ```
 */
import { isCoterieError } from '@coterie/env';
import { CrashError } from '../disk/faults.ts';
import type { Fleet } from './fleet.ts';
import { type Recorder, shownBy } from './recorder.ts';
import type { WorkloadPlan } from './scenario.ts';
import { checkIdle } from './checkers/bounded.ts';
import { apartnessOf, restConditions } from './checkers/converged.ts';
import type { Violation } from './checkers/violation.ts';
import { lookAround } from './watch.ts';

/** What comes to rest. */
export interface Resting {
  readonly fleet: Fleet;
  readonly plan: Pick<WorkloadPlan, 'buckets' | 'keys'>;
  readonly recorder: Recorder;
}

const limitMs = 120_000;
const askMs = 5000;
const readTries = 20;
/** How often copies are looked at before they are said to stay apart: for two minutes. */
const equalTries = 240;

/** Waits for rest, reads every key once, and compares the copies. */
export async function comeToRest(resting: Resting): Promise<Violation[]> {
  const { fleet } = resting;
  fleet.makeWhole();
  for (const { what, holds } of restConditions) {
    if (!(await comesAbout(fleet, () => holds(fleet.members.map((name) => fleet.nodeOn(name))))))
      return [failure(`${what} does not come about within ${limitMs / 1000} s after the faults: ${state(fleet)}`)];
  }
  // P5: no read is needed.
  const unread = await waitForEqualCopies(resting);
  if (unread !== undefined) return [failure(unread)];
  const read = await readAll(resting);
  if (read !== undefined) return [failure(read)];
  const apart = await waitForEqualCopies(resting);
  if (apart !== undefined) return [failure(apart)];
  fleet.dismiss();
  return checkIdle(lookAround(fleet));
}

function state(fleet: Fleet): string {
  return fleet.machines
    .map((name) => {
      const node = fleet.nodeOn(name);
      if (node === undefined) return `${name} does not run`;
      const { epoch, hints, isRecovering, members, changes, leavingWaitsFor } = node.cluster();
      const moving = changes
        .map(({ aims, phase, waitingFor }) => `, epoch ${epoch}: ${aims} in ${phase}, waits for ${waitingFor}`)
        .join('');
      const leaving = leavingWaitsFor === '' ? '' : `, leaving waits for ${leavingWaitsFor}`;
      const odd = members.filter((member) => member.state !== 'alive').map((member) => `${member.name} ${member.state}`);
      return `${name} ${node.status().state}, ${hints} hints${isRecovering ? ', recovering' : ''}${moving}${leaving}${odd.length === 0 ? '' : `, sees ${odd.join(', ')}`}`;
    })
    .join('; ');
}

async function comesAbout(fleet: Fleet, holds: () => boolean): Promise<boolean> {
  const stepMs = 100;
  for (let waitedMs = 0; waitedMs <= limitMs; waitedMs += stepMs) {
    if (holds()) return true;
    await fleet.pause(stepMs);
  }
  return false;
}

/** Reads each key with the word of all its holders. A sentence about the first that cannot be read. */
async function readAll({ fleet, plan, recorder }: Resting): Promise<string | undefined> {
  let turn = 0;
  for (const bucket of plan.buckets) {
    for (let number = 0; number < plan.keys; number++) {
      const key = `k${number}`;
      const name = fleet.members[turn++ % fleet.members.length] ?? '';
      const startMs = fleet.world.nowMs;
      const reply = await tryOften(fleet, () =>
        fleet.ask(name, (node) => node.get({ bucket: bucket.name, key: encode(key), r: 3, pr: 3 }), askMs),
      );
      if (reply === undefined) return `${bucket.name}/${key} cannot be read by all its holders at ${name}: ${state(fleet)}`;
      recorder.readAtRest({ bucket: bucket.name, key, node: name, startMs, endMs: fleet.world.nowMs, pr: 3, shown: shownBy(reply) });
    }
  }
  return undefined;
}

async function tryOften<T>(fleet: Fleet, work: () => Promise<T>): Promise<T | undefined> {
  for (let tries = 0; tries < readTries; tries++) {
    try {
      return await work();
    } catch (error) {
      if (!isCoterieError(error) && !(error instanceof CrashError)) throw error;
      await fleet.pause(500);
    }
  }
  return undefined;
}

/** Compares all copies of every key until they are equal. A sentence about the first that stay apart. */
async function waitForEqualCopies({ fleet, plan }: Resting): Promise<string | undefined> {
  for (const bucket of plan.buckets) {
    for (let number = 0; number < plan.keys; number++) {
      const key = `k${number}`;
      let apart: string | undefined = 'never looked at';
      for (let tries = 0; apart !== undefined && tries < equalTries; tries++) {
        if (tries > 0) await fleet.pause(500);
        apart = await compareCopies(fleet, bucket.name, key);
      }
      if (apart !== undefined) return `the copies of ${bucket.name}/${key} stay apart: ${apart}`;
    }
  }
  return undefined;
}

async function compareCopies(fleet: Fleet, bucket: string, key: string): Promise<string | undefined> {
  const copies = await Promise.all(
    fleet.members.map(async (name) => ({ name, copy: await fleet.ask(name, (node) => node.inspect(bucket, encode(key)), askMs) })),
  );
  return apartnessOf(copies);
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function failure(sentence: string): Violation {
  return { rule: 'convergence', sentence };
}
