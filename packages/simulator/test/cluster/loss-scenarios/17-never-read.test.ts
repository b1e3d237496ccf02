/**
 * Scenario 17: a write that a holder missed stays missing there until somebody reads it. The fix: holders compare their
 * copies by themselves. It is switched off by `onlyReadRepair`.
 */
import { describe, expect, it } from 'vitest';
import type { Hazards } from '@coterie/node';
import { Scene } from './scene.ts';

const keys = Array.from({ length: 12 }, (_, number) => `k${number}`);
/** How long copies have to become equal. */
const limitMs = 30_000;

/** Keys whose copies are not equal, some time after a node was away that nobody kept anything for. */
async function apartAfterAbsence(hazards: Partial<Hazards>): Promise<string[]> {
  // Three nodes: every one holds every key, and there is nobody to keep a hint.
  const scene = await new Scene(17, 3, { hazards, keys: keys.length }).form();
  scene.kill('n3');
  for (const key of keys) await scene.run(() => scene.witness(key).put('n1', { w: 2 }));
  await scene.start('n3');
  await scene.reunite();
  await scene.world.advance(limitMs);
  const apart: string[] = [];
  for (const key of keys) {
    const copies = await scene.run(() => Promise.all(scene.fleet.nodes.map((node) => node.inspect('b', new TextEncoder().encode(key)))));
    if (new Set(copies.map(({ etag }) => etag)).size > 1) apart.push(key);
  }
  return apart;
}

describe('writes that a holder missed and nobody reads', () => {
  it('reach it by themselves', async () => {
    expect(await apartAfterAbsence({})).toEqual([]);
  });

  it('stay missing where copies are compared by reads alone', async () => {
    expect(await apartAfterAbsence({ onlyReadRepair: true })).toEqual(keys);
  });
});
