/** Power fails at every operation of a recovery: done again, it ends as if it had not. */
import { CrashError, createSimulation, type SimulatedDisk, type Simulation } from '@coterie/simulator';
import { describe, expect, it } from 'vitest';
import { forecastRecovery, recoverUnsafe, type RecoverOrder } from '../../src/index.ts';
import { readIdentity } from '../../src/store/identity-file.ts';
import { ClusterWorld } from '../cluster-world.ts';
import { bearUnheardPowerFailures } from '../power-failures.ts';

const timeout = 120_000;
/** What a crash leaves is drawn: so many draws of each. */
const outcomes = 3;

bearUnheardPowerFailures();

/** The disk of a second member, stopped cleanly, whose first member is gone: it has no vote. */
async function survivorDisk(): Promise<SimulatedDisk> {
  const cluster = await new ClusterWorld(81).startAll(2);
  await cluster.put('n2', 'k', 'v', { w: 2 });
  await cluster.run(() => cluster.node('n2').close());
  const { disk } = cluster.machine('n2');
  disk.powerCut();
  return disk;
}

const orderOf = ({ environment }: Simulation, as: RecoverOrder['as']): RecoverOrder => ({ environment, dataDirectory: '/data', as });

/** Recovers with power failing at one operation; whether it did fail, and the disk as the crash left it. */
async function recoverUntil(
  disk: SimulatedDisk,
  order: { readonly as: RecoverOrder['as']; readonly at: number; readonly seed: number },
): Promise<{ readonly hasFailed: boolean; readonly after: Simulation }> {
  const before = createSimulation({ seed: order.seed, disk: disk.clone() });
  before.disk.crashAtMutation(before.disk.mutationCount + order.at);
  let hasFailed = false;
  try {
    await before.run(() => recoverUnsafe(orderOf(before, order.as)));
    before.disk.powerCut();
  } catch (error) {
    if (!(error instanceof CrashError)) throw error;
    hasFailed = true;
  }
  return { hasFailed, after: createSimulation({ seed: order.seed + 1, disk: before.disk }) };
}

/** Does it again, as an operator would who saw it fail; what a second try says when the first had done it. */
function again(simulation: Simulation, as: RecoverOrder['as']): Promise<string> {
  return simulation.run(() => recoverUnsafe(orderOf(simulation, as)).then(() => 'done', String));
}

describe('a recovery in which power fails', () => {
  it('as the first begins one lineage, whole', { timeout }, async () => {
    const disk = await survivorDisk();
    const told = new Set<string>();
    let at = 0;
    for (let isCrashing = true; isCrashing; at++) {
      for (let seed = 1; seed <= outcomes; seed++) {
        const { hasFailed, after } = await recoverUntil(disk, { as: 'first', at, seed });
        isCrashing = hasFailed;
        told.add((await again(after, 'first')).replace(/.*(votes alone already).*/, '$1'));
        const { epoch, lineage, cluster, members } = await after.run(() => forecastRecovery(orderOf(after, 'other')));
        expect([at, epoch, lineage === cluster]).toEqual([at, 2 ** 20, false]);
        expect(members.filter(({ isSteward }) => isSteward).map(({ name }) => name)).toEqual(['n2']);
        expect(await after.run(() => readIdentity(after.environment.files, '/data'))).toBeUndefined();
      }
    }
    expect(at).toBeGreaterThan(5);
    expect(told).toEqual(new Set(['done', 'votes alone already']));
  });

  it('as another one sets its log and its votes aside, both', { timeout }, async () => {
    const disk = await survivorDisk();
    const told = new Set<string>();
    let at = 0;
    for (let isCrashing = true; isCrashing; at++) {
      for (let seed = 1; seed <= outcomes; seed++) {
        const { hasFailed, after } = await recoverUntil(disk, { as: 'other', at, seed });
        isCrashing = hasFailed;
        told.add((await again(after, 'other')).replace(/.*(follow another one already).*/, '$1'));
        const { files } = after.environment;
        const left = await after.run(() => files.list('/data/ring'));
        expect([at, left.includes('ring.log'), left.includes('votes.log'), left.includes('member')]).toEqual([at, false, false, true]);
        expect((await after.run(() => files.list('/data/ring/before-recover-1'))).sort()).toEqual(['ring.log', 'votes.log']);
        expect(await after.run(() => readIdentity(files, '/data'))).toBeUndefined();
      }
    }
    expect(at).toBeGreaterThan(5);
    expect(told).toEqual(new Set(['done', 'follow another one already']));
  });
});
