/**
 * Scenario 4: expiry is counted from arrival, and a repair or a hand-over brings back with a fresh lease what had expired.
 * The fix: a value carries the moment at which it expires, and goes once when all clocks are past it. It is switched off by
 * `expiryFromArrival`.
 */
import { describe, expect, it } from 'vitest';
import type { Hazards } from '@coterie/node';
import { Scene } from './scene.ts';

const ttlMs = 20_000;

/** What is shown, by every node, of a value that a fallback alone took and hands over after its time. */
async function shownAfterHandOver(hazards: Partial<Hazards>): Promise<{ readonly shown: string[][]; readonly scene: Scene }> {
  const scene = await new Scene(4, 4, { hazards, forgets: 'soon' }).form();
  const [fallback = ''] = (await scene.holders()).slice(3);
  const others = scene.fleet.names.filter((name) => name !== fallback);
  const cut = scene.world.network.partition([fallback], others);
  await scene.put(fallback, 'brief', { w: 1, ttlMs });
  await scene.world.advance(ttlMs + 1000);
  cut.undo();
  await scene.run(() => scene.fleet.until(() => scene.fleet.nodeOn(fallback)?.cluster().hints === 0, 'the hint is handed over'));
  const shown: string[][] = [];
  for (const name of scene.fleet.names) shown.push(await scene.values(name));
  return { shown, scene };
}

describe('a value that is handed over after its time', () => {
  it('is not shown again, and is forgotten like what was deleted', async () => {
    const { shown, scene } = await shownAfterHandOver({});
    expect(shown).toEqual([[], [], [], []]);
    expect(await scene.judge()).toEqual([]);
    const left = await scene.run(() => Promise.all(scene.fleet.nodes.map((node) => node.inspect('b', new TextEncoder().encode('k0')))));
    expect(left.map(({ etag }) => etag)).toEqual([undefined, undefined, undefined, undefined]);
  }, 120_000);

  it('is shown again where its time is counted from its arrival', async () => {
    const { shown } = await shownAfterHandOver({ expiryFromArrival: true });
    expect(shown.flat()).toContain('brief');
  }, 120_000);
});
