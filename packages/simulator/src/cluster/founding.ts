/**
 * A young cluster, for many runs to begin with: its disks as they are when all nodes have joined. To form a cluster
 * anew costs a run more than a minute under faults does; a copy of its disks costs next to nothing.
 */
import type { SimulatedDisk } from '../disk/disk.ts';
import { createWorld } from '../world/world.ts';
import { Fleet } from './fleet.ts';
import { machineNames, type StoreCut } from './scenario.ts';

/** Disks by the names of their machines. They are down; copy them before use. */
export type YoungDisks = ReadonlyMap<string, SimulatedDisk>;

/** Stores so small that a short run has them flush and compact. */
export const youngStore: StoreCut = {
  writeBufferBytes: 64 * 1024,
  cacheBytes: 256 * 1024,
  blockBytes: 4096,
  tableBytes: 64 * 1024,
  level0Tables: 4,
  level1Bytes: 256 * 1024,
  logSegmentBytes: 64 * 1024,
  reserveBytes: 64 * 1024,
};

/** The zones of machines by their names, for a fleet: the first is that of n1. */
export function zonesOf(zones: readonly string[]): ReadonlyMap<string, string> {
  return new Map(machineNames(zones.length).map((name, at) => [name, zones[at]]));
}

/** Forms a cluster of so many nodes, in these zones, always the same, and takes its disks. */
export async function formYoungDisks(nodes: number, zones: readonly string[] = []): Promise<YoungDisks> {
  const world = createWorld({ seed: 1 });
  const fleet = new Fleet({ world, nodes, store: youngStore, ...(zones.length === 0 ? {} : { zones: zonesOf(zones) }) });
  await world.run(() => fleet.form());
  return new Map(fleet.names.map((name) => [name, world.machine(name).disk.clone()]));
}
