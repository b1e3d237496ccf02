/**
 * Scenario 8: a failed write is seen by one read and gone at the next. The fix: a monotonic read writes back what it
 * answers before it answers. It is switched off by reading without the mode.
 */
import { describe, expect, it } from 'vitest';
import { Scene } from './scene.ts';

/** What a read at the only holder of a failed write shows, and what one shows after that holder is gone. */
async function readTwice(monotonic: boolean): Promise<{ before: string[] | 'refused'; after: string[] }> {
  const scene = await new Scene(8, 3).form();
  const cut = scene.world.network.partition(['n1'], ['n2', 'n3']);
  const failed = await scene.put('n1', 'v', { w: 2, timeoutMs: 3000 }).catch((error: unknown) => error);
  expect(failed).toMatchObject({ details: { mayHaveTakenEffect: true } });
  const before = await scene.values('n1', { r: 1, monotonic, timeoutMs: 3000 }).catch(() => 'refused' as const);
  scene.kill('n1');
  cut.undo();
  return { before, after: await scene.values('n2', { r: 2 }) };
}

describe('a write that failed', () => {
  it('is not shown by a monotonic read that cannot keep it', async () => {
    expect(await readTwice(true)).toEqual({ before: 'refused', after: [] });
  });

  it('is seen and then gone without the mode', async () => {
    expect(await readTwice(false)).toEqual({ before: ['v'], after: [] });
  });
});
