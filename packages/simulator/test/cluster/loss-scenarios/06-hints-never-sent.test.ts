/**
 * Scenario 6: hints are lost, or never sent, and what was acknowledged does not come home. The fix: a hint is data in the
 * store, known again after every restart; one too many is refused before it is acknowledged, and where an owner missed it is
 * noted. Knowing them again is switched off by `hintsInMemory`.
 */
import { describe, expect, it } from 'vitest';
import type { Hazards } from '@coterie/node';
import { SeededRandom } from '../../../src/index.ts';
import { Scene } from './scene.ts';

/** Complaints after a fallback took a write alone, and was restarted before it could hand it over. */
async function restartWithHint(hazards: Partial<Hazards>): Promise<string[]> {
  const scene = await new Scene(6, 4, { hazards }).form();
  const [fallback = ''] = (await scene.holders()).slice(3);
  const others = scene.fleet.names.filter((name) => name !== fallback);
  const cut = scene.world.network.partition([fallback], others);
  await scene.run(() => scene.witness().put(fallback, { w: 1 }));
  scene.kill(fallback);
  await scene.start(fallback);
  cut.undo();
  await scene.reunite();
  return scene.judge();
}

const keys = Array.from({ length: 8 }, (_, number) => `k${number}`);

/** Complaints after members went away and came back at random under writes, each keeping at most so many hints. */
async function restartUnderWrites(hintsMax: number): Promise<string[]> {
  const scene = await new Scene(60 + hintsMax, 5, { limits: { hintsMax }, keys: keys.length }).form();
  const random = new SeededRandom(hintsMax, 6);
  for (let round = 0; round < 6; round++) {
    const away = random.pick(scene.fleet.names);
    scene.kill(away);
    const at = random.pick(scene.fleet.names.filter((name) => name !== away));
    for (const key of keys) await scene.run(() => scene.witness(key).put(at, { w: 1 }));
    await scene.start(away);
    await scene.world.advance(random.below(4000));
  }
  await scene.reunite();
  return scene.judge();
}

describe('what a fallback keeps', () => {
  it('comes home though it was restarted', async () => {
    expect(await restartWithHint({})).toEqual([]);
  }, 120_000);

  it('never comes home where hints are noted in memory alone', async () => {
    expect(await restartWithHint({ hintsInMemory: true })).toEqual([expect.stringMatching(/^convergence: the copies of b\/k0 stay apart/)]);
  }, 120_000);
});

describe('a store that keeps few hints', () => {
  it.each([1, 2, 5])(
    'at most %i: all copies become equal in time, and nothing is lost',
    async (hintsMax) => {
      expect(await restartUnderWrites(hintsMax)).toEqual([]);
    },
    180_000,
  );
});
