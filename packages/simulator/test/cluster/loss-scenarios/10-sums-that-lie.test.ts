/**
 * Scenario 10: trees disagree although the data agrees, and repair for ever; or agree although it differs. The fix: the
 * sum of a leaf changes in the batch that changes the object, so no crash comes between the two. It is switched off, by
 * `leavesApart`, where a store's sums are held against its objects after each crash:
 * `packages/node/test/anti-entropy/trees.test.ts`. Whatever repairs there are, when all is quiet there are none.
 */
import { describe, expect, it } from 'vitest';
import type { ComparisonCounts } from '@coterie/node';
import { Scene } from './scene.ts';

const keys = Array.from({ length: 12 }, (_, number) => `k${number}`);
const crashes = 4;

interface Outcome {
  /** Sums that were not those of the objects. */
  readonly mended: number;
  /** Copies that were sent or fetched once everything was equal. */
  readonly needless: number;
  readonly proven: boolean;
}

/** What comes of power failures in the midst of writes. */
async function loseAndGainPower(): Promise<Outcome> {
  const scene = await new Scene(10, 3, { keys: keys.length }).form();
  for (let crash = 0; crash < crashes; crash++) {
    const writes = keys.map((key) => scene.witness(key).put('n1', { w: 1 }));
    await scene.world.advance(0.5 + 0.25 * crash);
    scene.world.machine('n2').crash();
    await scene.run(() => Promise.all(writes));
    await scene.start('n2');
    await scene.reunite();
  }
  await scene.world.advance(60_000);
  const before = repairsIn(scene);
  const reports = [];
  for (const node of scene.fleet.nodes) reports.push(...(await scene.run(() => node.repair({ prove: true }))));
  const proven = reports.every((report) => report.proven);
  await scene.world.advance(60_000);
  return { mended: total(scene, 'mended'), needless: repairsIn(scene) - before, proven };
}

function repairsIn(scene: Scene): number {
  return total(scene, 'sent') + total(scene, 'fetched');
}

function total(scene: Scene, count: keyof ComparisonCounts): number {
  return scene.fleet.nodes.reduce((sum, node) => sum + node.status().comparing[count], 0);
}

describe('sums of a store whose power fails', () => {
  it('are those of its objects, and nothing is sent for nothing', async () => {
    expect(await loseAndGainPower()).toEqual({ mended: 0, needless: 0, proven: true });
  });
});
