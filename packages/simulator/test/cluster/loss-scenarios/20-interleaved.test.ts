/**
 * Scenario 20: writes of one key interleave inside a node around an `await`: one overwrites the other, or a clock claims
 * a value that is not there. The fix: one critical section for each key. It is switched off by `sharedKeyTurn`.
 */
import { describe, expect, it } from 'vitest';
import type { Hazards } from '@coterie/node';
import { Scene } from './scene.ts';

const writers = 8;
const rounds = 5;

/** Complaints after many clients have changed one key at once, at nodes with slow disks. */
async function changeAllAtOnce(hazards: Partial<Hazards>): Promise<string[]> {
  const scene = await new Scene(20, 3, { hazards }).form();
  for (const { disk } of scene.world.machines) disk.setFault(() => ({ delayMs: 2 }));
  await scene.run(() => scene.witness().put('n1'));
  await scene.run(async () => {
    await Promise.all(
      Array.from({ length: writers }, async (_, number) => {
        const client = scene.witness();
        const at = scene.fleet.names[number % 2] ?? '';
        for (let round = 0; round < rounds; round++) {
          await client.read(at);
          await client.update(at);
        }
      }),
    );
  });
  const acknowledged = scene.recorder.history.writes.filter(({ attempts }) => attempts[0]?.outcome.kind === 'ok');
  expect(acknowledged).toHaveLength(1 + writers * rounds);
  return scene.judge();
}

describe('many writers of one key', () => {
  it('lose nothing that was acknowledged', async () => {
    expect(await changeAllAtOnce({})).toEqual([]);
  });

  it('overwrite each other where nobody waits for a turn', async () => {
    expect(await changeAllAtOnce({ sharedKeyTurn: true })).toContainEqual(expect.stringMatching(/^P1: lost: put #\d+ /));
  });
});
