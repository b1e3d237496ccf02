/** A store with nothing but tombstones, for tests of what a driver of rounds makes of them. */
import type { ClusterState } from '../../src/cluster/state.ts';
import type { Core } from '../../src/core.ts';
import { Attempt } from '../../src/coordinator/deadlines.ts';
import { remove } from '../../src/coordinator/delete.ts';
import { linkOfOne, makeCore, stateOfOne } from '../core.ts';
import { bytes, World } from '../world.ts';

/** The state of a cluster of one whose ring is one partition: smaller than any that is ever made. */
export function stateOfOnePartition(): ClusterState {
  const state = stateOfOne(64);
  return { ...state, ring: { ...state.ring, partitions: 1, replicas: state.ring.replicas.slice(0, 1) } };
}

/** A store with one tombstone after the other, all in one partition. */
export async function withTombstones(seed: number, count: number): Promise<{ world: World; core: Core }> {
  const world = new World(seed);
  const { core } = await makeCore(world);
  const removeAt = (at: number): Promise<unknown> =>
    remove(core, { bucket: 'b', key: bytes(`k${at}`) }, { attempt: new Attempt(core.environment.clock, 5000), origin: 'client' });
  await world.run(Promise.all(Array.from({ length: count }, (_, at) => removeAt(at))));
  return { world, core: { ...core, cluster: linkOfOne(stateOfOnePartition()) } };
}
