/** A rehearsal: it plays, it ends when its time is up or something breaks, and nothing of it is left. */
import { createNodeEnvironment } from '@coterie/env-node';
import { describe, expect, it } from 'vitest';
import { type Rehearsed, type RehearsalWorld, rehearse } from '../../src/rehearsal/rehearsal.ts';

const doors = {
  service: {
    requestsMax: 64,
    pipelineMax: 8,
    bodyBytesMax: 2 ** 20,
    bodyBytesPerSecondMin: 1,
    bodyGraceMs: 20_000,
    discardBytesMax: 2 ** 16,
    batchesMax: 1,
    batchParallel: 1,
    batchLineBytesMax: 1024,
  },
  listener: {
    connectionsMax: 10,
    headerBytesMax: 8192,
    headersTimeoutMs: 10_000,
    requestTimeoutMs: 10_000,
    keepAliveTimeoutMs: 10_000,
  },
};

/** A rehearsal whose time is up after so many looks at it, each of them after 16 steps. */
function rehearsed(looks: number, world: Partial<RehearsalWorld> = {}): Promise<Rehearsed> {
  const { timers, random } = createNodeEnvironment();
  const clock = { now: () => Date.UTC(2026, 0, 1), monotonic: () => 0 };
  let looked = -1;
  return rehearse({ clock, timers, random, usedMs: () => looked++, ...world }, { processorMs: looks, doors });
}

describe('a rehearsal', () => {
  it('gets puts and gets answered, goes on while a member joins, and is cut off when its time is up', async () => {
    const [short, long] = [await rehearsed(40), await rehearsed(160)];
    expect([short.broke, long.broke]).toEqual([undefined, undefined]);
    expect(short.requests).toBeGreaterThan(0);
    expect(long.requests).toBeGreaterThan(2 * short.requests);
  });

  it('goes on alone where its processor is busy with others, up to four times its length', async () => {
    let looked = 0;
    const clock = { now: () => Date.UTC(2026, 0, 1), monotonic: () => looked++ };
    const { requests, broke } = await rehearsed(5, { clock, usedMs: () => 0 });
    expect([requests, broke, looked]).toEqual([0, undefined, 1 + 4 * 5]);
  });

  it('breaks off, and harms nobody, when something in it goes wrong', async () => {
    const bad = new Error('no random bytes');
    const random = {
      u32: () => 1,
      fill: () => {
        throw bad;
      },
    };
    expect(await rehearsed(1000, { random })).toEqual({ requests: 0, broke: bad });
  });

  it('leaves no timer and no open file behind', async () => {
    const known = process.getActiveResourcesInfo();
    await rehearsed(120);
    expect(process.getActiveResourcesInfo().filter((kind) => !known.includes(kind))).toEqual([]);
  });
});
