/** Lets planned faults happen to a world, and end. */
import type { SimulatedDisk } from '../disk/disk.ts';
import type { PlannedFault, WorldFault } from './faults.ts';
import type { World } from './world.ts';

/**
 * Lets `faults` happen at their times, counted from now, and end again; resolves when the last has ended. A machine that is
 * down already is not crashed again, and one that is struck twice starts again when the first is over.
 */
export async function strike(world: World, faults: readonly PlannedFault[]): Promise<void> {
  await Promise.all(
    faults.map(async ({ atMs, fault }) => {
      await wait(world, atMs);
      const undo = begin(world, fault);
      if ('ms' in fault) await wait(world, fault.ms);
      undo();
    }),
  );
}

function wait(world: World, ms: number): Promise<void> {
  return new Promise((resolve) => void world.timers.after(ms, resolve));
}

const nothing = (): void => {};

/** Begins a fault, and returns what ends it. */
function begin(world: World, fault: WorldFault): () => void {
  switch (fault.kind) {
    case 'crash':
    case 'kill':
      return bringDown(world, fault);
    case 'pause':
      world.machine(fault.machine).pause();
      return () => world.machine(fault.machine).resume();
    case 'cut':
      return world.network.cut(fault.from, fault.to).undo;
    case 'partition':
      return world.network.partition(...fault.groups).undo;
    case 'link':
      return world.network.links.change(fault.from, fault.to, fault.change).undo;
    case 'reset':
      world.network.resetConnections(...fault.between);
      return nothing;
    case 'jump':
      world.machine(fault.machine).clock.jump(fault.byMs);
      return nothing;
    case 'drift':
      world.machine(fault.machine).clock.drift(fault.partsPerMillion);
      return nothing;
    default:
      return spoil(world.machine(fault.machine).disk, fault);
  }
}

function bringDown(world: World, fault: Extract<WorldFault, { kind: 'crash' | 'kill' }>): () => void {
  const machine = world.machine(fault.machine);
  if (!machine.isUp) return nothing;
  if (fault.kind === 'crash') machine.crash(fault.seed);
  else machine.kill();
  return () => {
    if (!machine.isUp && !machine.isScrapped) machine.restart();
  };
}

type DiskTrouble = Extract<WorldFault, { kind: 'slow disk' | 'failing disk' | 'read-only disk' | 'full disk' }>;

function spoil(disk: SimulatedDisk, fault: DiskTrouble): () => void {
  if (fault.kind === 'failing disk') {
    disk.setFault(({ index }) => (index % fault.every === 0 ? { error: 'EIO' } : undefined));
    return () => disk.setFault(undefined);
  }
  if (fault.kind === 'slow disk') {
    disk.setFault(() => ({ delayMs: fault.delayMs }));
    return () => disk.setFault(undefined);
  }
  if (fault.kind === 'read-only disk') {
    disk.readOnly = true;
    return () => (disk.readOnly = false);
  }
  const { capacityBytes } = disk;
  disk.capacityBytes = 0;
  return () => (disk.capacityBytes = capacityBytes === 0 ? 2 ** 40 : capacityBytes);
}
