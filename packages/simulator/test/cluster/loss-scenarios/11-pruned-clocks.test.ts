/**
 * Scenario 11: a clock grows by an entry with every life of its coordinator, and stores cut it short: what was ordered
 * becomes concurrent, and copies that are never equal are repaired for ever. The fix: entries go only on coordinated
 * writes, and only in a bucket that asks for it. It is switched off by `prunedClocks`.
 */
import { describe, expect, it } from 'vitest';
import { Scene, type Setting } from './scene.ts';

/** So many lives cut many entries off. */
const enoughLives = 40;
const timeoutMs = 120_000;

interface Outcome {
  /** What the two that took part show once the third, which was away all the while, is back. */
  readonly shown: readonly number[];
  readonly complaints: readonly string[];
}

/** One key, changed by every life of n1 while n3 is away with the first value. */
async function writeInManyLives(lives: number, setting: Setting): Promise<Outcome> {
  const scene = await new Scene(11, 3, setting).form();
  const client = scene.witness();
  await scene.run(() => client.put('n1', { w: 3 }));
  scene.kill('n3');
  for (let life = 1; life <= lives; life++) {
    scene.kill('n1');
    await scene.start('n1');
    await scene.run(async () => {
      await client.read('n1');
      await client.update('n1');
    });
  }
  scene.kill('n1');
  await scene.start('n3');
  const shown = await scene.run(() => client.read('n2', { r: 2 }));
  await scene.start('n1');
  return { shown, complaints: await scene.judge() };
}

describe('a key written by many incarnations', () => {
  it('has no false sibling', { timeout: timeoutMs }, async () => {
    expect(await writeInManyLives(200, {})).toEqual({ shown: [200], complaints: [] });
  });

  it('has an extra sibling at worst, and equal copies, where the bucket asks for short clocks', async () => {
    const { shown, complaints } = await writeInManyLives(enoughLives, { bucket: { clockEntriesMax: 8 } });
    expect(shown).toContain(enoughLives);
    expect(shown.length).toBeLessThanOrEqual(2);
    expect(complaints.filter((complaint) => !complaint.startsWith('P4: '))).toEqual([]);
  });

  it('has false siblings and is repaired for ever where clocks are cut wherever objects meet', async () => {
    const { shown, complaints } = await writeInManyLives(enoughLives, { hazards: { prunedClocks: true } });
    expect(shown).toEqual([0, enoughLives]);
    expect(complaints).toContainEqual(expect.stringMatching(/^P4: false sibling: put #0 .* beside put #40/));
    expect(complaints).toContainEqual(expect.stringMatching(/^convergence: the copies of b\/k0 stay apart/));
  });
});
