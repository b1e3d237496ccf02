/**
 * How a life asks the disk. `now` asks at once, on the caller's thread, and spends a little virtual time. `later` asks at
 * an event some time from now, so operations in flight take effect in seeded order, and those that had not when power
 * failed never do.
 *
 * After the power failed `now` throws `CrashError`; what `later` promised is never answered, as nobody is left to hear it.
 */
import type { SeededRandom } from '../random.ts';
import type { Life, Schedule } from '../schedule.ts';
import type { DiskRequest, SimulatedDisk } from './disk.ts';
import { CrashError } from './faults.ts';
import type { DiskOperationKind } from './faults.ts';

/** How long operations take: [at least, at most] in milliseconds. */
const latencyMs: Partial<Record<DiskOperationKind, readonly [number, number]>> = {
  read: [0.02, 0.2],
  write: [0.01, 0.1],
  sync: [0.1, 1],
  syncDirectory: [0.1, 1],
};
const otherLatencyMs = [0.01, 0.1] as const;

/** Who asks, of which disk, in which time. */
export interface DiskUser {
  readonly disk: SimulatedDisk;
  readonly schedule: Schedule;
  readonly random: SeededRandom;
  readonly life: Life;
  /** Called before each operation; what it throws is thrown instead. Jobs die here. */
  readonly gate?: (kind: DiskOperationKind, path: string) => void;
}

/** Asks at once. @throws CrashError when power fails or has failed */
export function now<T>(user: DiskUser, request: DiskRequest<T>): T {
  const { disk, schedule, life } = user;
  user.gate?.(request.kind, request.path);
  const fault = disk.announce(life, request);
  schedule.spend(latencyOf(user, request.kind) + delayOf(fault));
  return disk.execute(life, request, fault);
}

/** Asks at an event of virtual time. */
export function later<T>(user: DiskUser, request: DiskRequest<T>): Promise<T> {
  const { disk, schedule, life } = user;
  return new Promise((resolve, reject) => {
    const attempt = (action: () => void): void => {
      try {
        action();
      } catch (error) {
        if (!(error instanceof CrashError)) reject(error);
      }
    };
    schedule.after(latencyOf(user, request.kind), life, () =>
      attempt(() => {
        user.gate?.(request.kind, request.path);
        const fault = disk.announce(life, request);
        const finish = (): void => attempt(() => resolve(disk.execute(life, request, fault)));
        if (delayOf(fault) > 0) schedule.after(delayOf(fault), life, finish);
        else finish();
      }),
    );
  });
}

function latencyOf({ random }: DiskUser, kind: DiskOperationKind): number {
  const [least, most] = latencyMs[kind] ?? otherLatencyMs;
  return least + (most - least) * random.fraction();
}

function delayOf(fault: ReturnType<SimulatedDisk['announce']>): number {
  return fault === undefined || fault === 'crash' ? 0 : (fault.delayMs ?? 0);
}
