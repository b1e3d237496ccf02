/**
 * Scenario 1: two clients read, change and write one key through one coordinator, each a step behind the other. A plain
 * clock on the merged object forgets which event made which value, and every write keeps all siblings. The fix: a dot for
 * each sibling, so that a write replaces exactly what its author had seen. It is switched off by `mergedClockOnly`.
 */
import { describe, expect, it } from 'vitest';
import type { Hazards } from '@coterie/node';
import type { Write } from '../../../src/cluster/history.ts';
import { Scene } from './scene.ts';

const rounds = 12;

/** What the causal oracle says is there: every write that nobody's author had seen. */
function concurrentOf(writes: readonly Write[]): number[] {
  const seen = new Set(writes.flatMap((write) => [...write.seen]));
  return writes.map(({ id }) => id).filter((id) => !seen.has(id));
}

interface Outcome {
  /** What every read showed, and what the oracle says it had to. */
  readonly reads: readonly { readonly shown: readonly number[]; readonly concurrent: readonly number[] }[];
  readonly complaints: readonly string[];
}

async function changeByTurns(hazards: Partial<Hazards>): Promise<Outcome> {
  const scene = await new Scene(1, 3, { hazards }).form();
  const [alice, bob] = [scene.witness(), scene.witness()];
  const reads: { shown: number[]; concurrent: number[] }[] = [];
  const { writes } = scene.recorder.history;
  await scene.run(async () => {
    for (let round = 0; round < rounds; round++) {
      for (const [reader, writer] of [
        [alice, bob],
        [bob, alice],
      ] as const) {
        reads.push({ shown: await reader.read('n1'), concurrent: concurrentOf(writes) });
        await writer.update('n1');
      }
    }
  });
  return { reads, complaints: await scene.judge() };
}

describe('read, change and write by two clients at once', () => {
  it('leaves the concurrent values, and no more', async () => {
    const { reads, complaints } = await changeByTurns({});
    expect(complaints).toEqual([]);
    for (const { shown, concurrent } of reads) expect(shown).toEqual(concurrent);
    expect(reads.at(-1)?.shown).toHaveLength(2);
  });

  it('keeps every value ever written where a clock speaks for the whole object', async () => {
    const { reads, complaints } = await changeByTurns({ mergedClockOnly: true });
    expect(reads.at(-1)?.shown.length).toBeGreaterThan(rounds);
    expect(complaints).toContainEqual(expect.stringMatching(/^P4: false sibling: put #0 .* beside put #\d+/));
  });
});
