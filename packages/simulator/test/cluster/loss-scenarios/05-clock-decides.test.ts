/**
 * Scenario 5: clocks jump by an hour, and the last write wins by its stamp: acknowledged writes go. The fix: what a
 * write's author had seen comes before any stamp, and stamps are above those that the coordinator has seen. It is
 * switched off by `wallClockWins`.
 */
import { describe, expect, it } from 'vitest';
import type { BucketProperties, Hazards } from '@coterie/node';
import { Scene } from './scene.ts';

const rounds = 20;
const hourMs = 3_600_000;

/** Complaints after updates, each by somebody who had seen the one before, at nodes whose clocks jump. */
async function updateUnderJumps(conflict: BucketProperties['conflict'], hazards: Partial<Hazards>): Promise<string[]> {
  const scene = await new Scene(5, 3, { hazards, bucket: { conflict } }).form();
  const { world, fleet } = scene;
  const client = scene.witness();
  for (let round = 0; round < rounds; round++) {
    const name = world.random.pick(fleet.names);
    world.machine(name).clock.jump(world.random.pick([-hourMs, hourMs]));
    await scene.run(async () => {
      await client.read(name);
      await client.update(name);
    });
  }
  const complaints = await scene.judge();
  if (complaints.length === 0) expect(await scene.run(() => client.read('n1', { r: 3 }))).toEqual([rounds - 1]);
  return complaints;
}

describe('the causally last value', () => {
  it.each(['siblings', 'lww'] as const)('stays, whatever the clocks do (%s)', async (conflict) => {
    expect(await updateUnderJumps(conflict, {})).toEqual([]);
  });

  it('gives way to an older one where the wall clock decides', async () => {
    const complaints = await updateUnderJumps('lww', { wallClockWins: true });
    expect(complaints).toContainEqual(expect.stringMatching(/^lww: put #\d+ .* stays, although put #\d+ .* came after it/));
  });
});
