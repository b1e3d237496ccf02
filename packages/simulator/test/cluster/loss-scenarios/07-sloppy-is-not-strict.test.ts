/**
 * Scenario 7: a sloppy quorum breaks r + w > n, because stand-ins count. The fix: pr and pw count distinct primaries. It
 * is switched off by asking for r and w alone.
 */
import { describe, expect, it } from 'vitest';
import { Scene } from './scene.ts';

interface Asks {
  readonly write: { readonly w: number; readonly pw: number };
  readonly read: { readonly r: number; readonly pr: number };
}

/** What a majority of the holders shows of a write that was acknowledged beside a stand-in; `refused` if it was not acknowledged. */
async function writeApart({ write, read }: Asks): Promise<string[] | 'refused'> {
  const scene = await new Scene(7, 5).form();
  const [first, second, third, fourth, fifth] = (await scene.holders()) as [string, string, string, string, string];
  scene.world.network.partition([first, fourth], [second, third, fifth]);
  const acknowledged = await scene.put(first, 'v', { ...write, timeoutMs: 5000 }).then(
    () => true,
    () => false,
  );
  return acknowledged ? scene.values(second, read) : 'refused';
}

describe('an acknowledged write', () => {
  it('is met by every strict read, or was refused', async () => {
    expect(await writeApart({ write: { w: 2, pw: 2 }, read: { r: 2, pr: 2 } })).toBe('refused');
  });

  it('is missed where stand-ins count', async () => {
    expect(await writeApart({ write: { w: 2, pw: 0 }, read: { r: 2, pr: 0 } })).toEqual([]);
  });
});
