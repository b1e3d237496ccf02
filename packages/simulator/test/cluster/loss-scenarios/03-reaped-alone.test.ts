/**
 * Scenario 3: tombstones are dropped while somebody has not heard of the delete, and the value comes back; or one survives
 * somewhere and kills the key's next life. The fix: a tombstone goes when everybody has agreed that nothing older is left,
 * and what comes later all the same is not let in. It is switched off by `reapsAlone`.
 */
import { describe, expect, it } from 'vitest';
import type { Hazards } from '@coterie/node';
import { Scene } from './scene.ts';

/** Longer than a round takes, and than it takes to see a member away. */
const longMs = 60_000;

/** What is shown after a delete of which a holder has not heard until long afterwards, by every node. */
async function shownAfterAbsence(hazards: Partial<Hazards>): Promise<{ readonly shown: string[][]; readonly scene: Scene }> {
  const scene = await new Scene(3, 3, { hazards, forgets: 'soon' }).form();
  await scene.put('n1', 'old', { w: 3 });
  scene.kill('n3');
  await scene.remove('n1', { w: 2 });
  await scene.world.advance(longMs);
  await scene.start('n3');
  await scene.reunite();
  await scene.world.advance(longMs);
  const shown: string[][] = [];
  for (const name of ['n1', 'n2', 'n3']) shown.push(await scene.values(name, { r: 1 }));
  return { shown, scene };
}

/** How many tombstones each node has found when it last looked. */
function tombstonesOf(scene: Scene): number[] {
  return scene.fleet.nodes.map((node) => node.status().forgetting.tombstones);
}

describe('a delete of which a holder hears late', () => {
  it('is remembered until that one has heard of it, and forgotten then; and the key lives again', async () => {
    const { shown, scene } = await shownAfterAbsence({});
    expect(shown).toEqual([[], [], []]);
    await scene.put('n2', 'new', { w: 3 });
    await scene.world.advance(longMs);
    for (const name of ['n1', 'n2', 'n3']) expect(await scene.values(name, { r: 1 })).toEqual(['new']);
    expect(tombstonesOf(scene).every((count) => count === 0)).toBe(true);
  }, 120_000);

  it('comes undone where stores drop tombstones by themselves', async () => {
    const { shown } = await shownAfterAbsence({ reapsAlone: true });
    expect(shown).toEqual([['old'], ['old'], ['old']]);
  }, 120_000);
});

describe('a tombstone that is kept for a holder', () => {
  it('holds forgetting up while it is out of reach, and does not harm the next life of its key', async () => {
    const scene = await new Scene(33, 4, { forgets: 'soon' }).form();
    const [, , third = '', fallback = ''] = await scene.holders();
    const others = scene.fleet.names.filter((name) => name !== third && name !== fallback);
    await scene.put(others[0] ?? '', 'old', { w: 3 });
    scene.kill(third);
    await scene.remove(others[0] ?? '', { w: 3 });
    const cut = scene.world.network.partition(
      [fallback],
      scene.fleet.names.filter((name) => name !== fallback),
    );
    await scene.start(third);
    await scene.world.advance(longMs);
    const waitsFor = scene.fleet.nodes.flatMap((node) => node.status().forgetting.waitingFor.map(({ member }) => member));
    expect(waitsFor).toContain(fallback);
    await scene.put(third, 'new', { w: 2 });
    cut.undo();
    await scene.reunite();
    await scene.world.advance(longMs);
    for (const name of scene.fleet.names) expect(await scene.values(name)).toEqual(['new']);
    expect(tombstonesOf(scene).every((count) => count === 0)).toBe(true);
  }, 120_000);
});
