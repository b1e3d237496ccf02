/** Whatever nodes and connections do, in any order: what the client promises holds. */
import { SeededRandom } from '@coterie/simulator';
import { describe, expect, it } from 'vitest';
import { type Asked, broken, problem, refused, type Reply, ringOf, ScriptedCluster, written } from './double/cluster.ts';

const nodes = ['a', 'b', 'c', 'd', 'e'];
const seeds = Array.from({ length: 40 }, (_, i) => i + 1);
const timeoutMs = 4000;

/** Nodes that fail in every way, and remember which operations took effect. */
class Chaos {
  readonly applied = new Set<string>();
  readonly triesOf = new Map<string, number>();
  readonly #random: SeededRandom;
  readonly #trouble: number;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed, 99);
    this.#trouble = this.#random.fraction();
  }

  answer(asked: Asked): Reply {
    const operation = asked.headers['coterie-operation'];
    if (operation === undefined) return this.#random.chance(this.#trouble) ? refused() : written();
    this.triesOf.set(operation, (this.triesOf.get(operation) ?? 0) + 1);
    const [takesEffect, reply] = this.#random.chance(this.#trouble) ? this.#trip() : [true, written()];
    if (takesEffect) this.applied.add(operation);
    return reply;
  }

  /** A failure, and whether the write took effect all the same: only where the reply leaves that open. */
  #trip(): readonly [boolean, Reply] {
    const either = this.#random.chance(0.5);
    return this.#random.pick<readonly [boolean, Reply]>([
      [either, 'silence'],
      [either, broken()],
      [either, broken(true)],
      [false, refused()],
      [false, problem('OVERLOADED')],
      [false, problem('NOT_READY', { headers: { 'retry-after': '0' } })],
      [false, problem('STALE_RING')],
      [false, problem('TOO_MANY_SIBLINGS')],
      [either, problem('TIMEOUT', { mayHaveTakenEffect: true })],
      [either, problem('QUORUM_NOT_MET', { mayHaveTakenEffect: true })],
      [either, problem('REMOTE', { mayHaveTakenEffect: undefined })],
      [either, { status: 502, headers: {}, body: new Uint8Array() }],
    ]);
  }
}

interface Outcome {
  readonly operation: string;
  readonly tookMs: number;
  readonly mayHaveTakenEffect: boolean;
  readonly isWritten: boolean;
}

async function live(seed: number): Promise<{ cluster: ScriptedCluster; chaos: Chaos; outcomes: readonly Outcome[] }> {
  const cluster = new ScriptedCluster(seed);
  Object.assign(cluster, ringOf(nodes));
  const db = await cluster.connect('http://a:7070', { connectionsMax: 3, tryTimeoutMs: 700, retryBurst: seed % 3 === 0 ? 5 : 100 });
  const chaos = new Chaos(seed);
  cluster.answer = (asked) => chaos.answer(asked);
  const write = async (i: number): Promise<Outcome> => {
    const operation = `op-${i}`;
    const startedAt = cluster.nowMs;
    const done = (isWritten: boolean, mayHaveTakenEffect: boolean): Outcome => ({
      operation,
      tookMs: cluster.nowMs - startedAt,
      isWritten,
      mayHaveTakenEffect,
    });
    return db.put('cart', `key-${i % 7}`, 'x', { operation, timeoutMs }).then(
      () => done(true, true),
      (error: { details: { mayHaveTakenEffect: boolean } }) => done(false, error.details.mayHaveTakenEffect),
    );
  };
  const outcomes = await cluster.run(Promise.all(Array.from({ length: 60 }, (_, i) => write(i))));
  cluster.answer = () => written();
  await cluster.run(Promise.all(Array.from({ length: 20 }, (_, i) => db.put('cart', `after-${i}`, 'x'))));
  await cluster.run(db.close());
  return { cluster, chaos, outcomes };
}

describe('in chaos', () => {
  it.each(seeds)('seed %i: every write ends in time and tells the truth about its effect', async (seed) => {
    const { cluster, chaos, outcomes } = await live(seed);
    for (const { operation, tookMs, isWritten, mayHaveTakenEffect } of outcomes) {
      expect(tookMs, operation).toBeLessThanOrEqual(timeoutMs + 50);
      expect(chaos.triesOf.get(operation) ?? 0, operation).toBeLessThanOrEqual(5);
      if (isWritten) expect(chaos.applied, operation).toContain(operation);
      // The one lie that would lose data: "it did not happen", when it did.
      if (!mayHaveTakenEffect) expect(chaos.applied, operation).not.toContain(operation);
    }
    expect(cluster.underWay).toBe(0);
  });

  it('goes the same way twice from one seed', async () => {
    const [once, again] = [await live(7), await live(7)];
    expect(once.cluster.said.length).toBeGreaterThan(80);
    expect(again.cluster.said).toEqual(once.cluster.said);
  });
});
