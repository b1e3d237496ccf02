/**
 * Scenario 19: a fallback takes a write, hands it over and forgets it, and takes another one for the same key. Its new
 * clock covers the dot of the first write, which then vanishes. The fix: whoever writes a key of which it has no copy of
 * its own begins a new key epoch. It is switched off by `oneEpochForEver`.
 */
import { describe, expect, it } from 'vitest';
import type { Hazards } from '@coterie/node';
import { Scene } from './scene.ts';

/** Complaints after two blind writes at a node that is no holder and can reach nobody, the first handed over before the second. */
async function writeTwiceAtFallback(hazards: Partial<Hazards>): Promise<string[]> {
  const scene = await new Scene(19, 4, { hazards }).form();
  const [fallback = ''] = (await scene.holders()).slice(3);
  const client = scene.witness();
  const hints = (): number => scene.fleet.nodeOn(fallback)?.cluster().hints ?? -1;
  for (let write = 0; write < 2; write++) {
    const cut = scene.world.network.partition(
      [fallback],
      scene.fleet.names.filter((name) => name !== fallback),
    );
    await scene.run(() => client.put(fallback, { w: 1 }));
    expect(hints()).toBe(1);
    cut.undo();
    await scene.run(() => scene.fleet.until(() => hints() === 0, 'the hint is handed over'));
  }
  return scene.judge();
}

describe('two writes at a fallback', () => {
  it('both come home', async () => {
    expect(await writeTwiceAtFallback({})).toEqual([]);
  });

  it('destroy the first when the fallback goes on with the epoch that it gave away', async () => {
    const complaints = await writeTwiceAtFallback({ oneEpochForEver: true });
    expect(complaints).toEqual([expect.stringMatching(/^P1: lost: put #0 /)]);
  });
});
