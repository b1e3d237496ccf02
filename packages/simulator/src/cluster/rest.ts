/**
 * After the faults: the cluster comes to rest by itself, within bounded time. What does not is a violation.
 *
 * ```
 *   all nodes run ▶ all see all alive ▶ hints drained ▶ copies equal, nobody having read them ▶ nothing left to be forgotten ▶
 *   copies equal ▶ every key read once by all its holders ▶ copies equal still, nothing in flight
 * ```
 */
import { isCoterieError } from '@coterie/env';
import type { CoterieNode } from '@coterie/node';
import { CrashError } from '../disk/faults.ts';
import type { Fleet } from './fleet.ts';
import { type Recorder, shownBy } from './recorder.ts';
import type { WorkloadPlan } from './scenario.ts';
import { checkIdle } from './checkers/bounded.ts';
import { apartnessOf, expiringAmong, hasForgotten, restConditions } from './checkers/converged.ts';
import type { Violation } from './checkers/violation.ts';
import { lookAround } from './watch.ts';

/** What comes to rest. */
export interface Resting {
  readonly fleet: Fleet;
  readonly plan: Pick<WorkloadPlan, 'buckets' | 'keys'>;
  readonly recorder: Recorder;
  /** Whether its nodes forget soon enough to be judged by it. */
  readonly forgets: 'soon' | 'some time';
}

const limitMs = 120_000;
/** By then every node has looked once more what there is to be forgotten. */
const lookAgainMs = 5000;
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
  const kept = resting.forgets === 'soon' ? await waitUntilForgotten(resting) : undefined;
  if (kept !== undefined) return [kept];
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
      const { tombstones, expired, floors, waitingFor } = node.status().forgetting;
      const waits = waitingFor.map(({ member, reason }) => `, forgetting waits for ${member}: ${reason}`).join('');
      const left = tombstones + expired === 0 ? '' : `, ${tombstones} tombstones and ${expired} expired under ${floors} floors${waits}`;
      return `${name} ${node.status().state}, ${hints} hints${left}${isRecovering ? ', recovering' : ''}${moving}${leaving}${odd.length === 0 ? '' : `, sees ${odd.join(', ')}`}`;
    })
    .join('; ');
}

/** P2: what was deleted is forgotten, and what has expired; what is said of the rest is still the same everywhere. */
async function waitUntilForgotten(resting: Resting): Promise<Violation | undefined> {
  const { fleet } = resting;
  await fleet.pause(lookAgainMs);
  if (!(await untilForgotten(fleet)))
    return {
      rule: 'P2',
      sentence: `tombstones or expired values stay for ${limitMs / 1000} s after everything else is at rest: ${state(fleet)}`,
    };
  const apart = await waitForEqualCopies(resting);
  return apart === undefined ? undefined : failure(apart);
}

/** The time begins anew with every value that expires meanwhile: a clock that was ahead may have written it. */
async function untilForgotten(fleet: Fleet): Promise<boolean> {
  const nodes = (): (CoterieNode | undefined)[] => fleet.members.map((name) => fleet.nodeOn(name));
  for (let before = Infinity, expiring = expiringAmong(nodes()); expiring < before; expiring = expiringAmong(nodes())) {
    before = expiring;
    if (await comesAbout(fleet, () => hasForgotten(nodes()))) return true;
  }
  return false;
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
  try {
    const copies = await Promise.all(
      fleet.members.map(async (name) => ({ name, copy: await fleet.ask(name, (node) => node.inspect(bucket, encode(key)), askMs) })),
    );
    return apartnessOf(copies);
  } catch (error) {
    // A newcomer that waited until all was quiet may be a member by now, and not run yet.
    if (!isCoterieError(error) && !(error instanceof CrashError)) throw error;
    return error.message;
  }
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function failure(sentence: string): Violation {
  return { rule: 'convergence', sentence };
}
