/**
 * Scenario 21: a wiped replica answers "not found" and counts as a strict answer. The fix: a store that may lack what it
 * once had never counts for pr before it has taken everything back. It is switched off by giving the empty store the
 * marks of its former self: the life record, and that it is whole.
 */
import { describe, expect, it } from 'vitest';
import { Scene } from './scene.ts';

async function readAfterLoss(marks: readonly string[]): Promise<string[] | 'refused'> {
  const scene = await new Scene(21, 3).form();
  scene.kill('n3');
  await scene.put('n1', 'v', { w: 2, pw: 2 });
  const kept = await scene.ownRecords('n2', marks);
  expect(kept.size).toBe(marks.length);
  scene.kill('n1');
  scene.kill('n2');
  scene.loseStore('n2', kept);
  await scene.start('n3');
  await scene.start('n2');
  return scene.values('n3', { r: 2, pr: 2, timeoutMs: 3000 }).catch(() => 'refused' as const);
}

describe('a strict read beside a store that was lost', () => {
  it('is refused rather than stale', async () => {
    expect(await readAfterLoss([])).toBe('refused');
  });

  it('is stale when the lost store takes itself for whole', async () => {
    expect(await readAfterLoss(['life', 'whole'])).toEqual([]);
  });
});
