/** A driver of rounds among two members of which one is scripted. */
import { CoterieError } from '@coterie/env';
import { describe, expect, it } from 'vitest';
import type { Core } from '../../src/core.ts';
import { RoundDriver } from '../../src/forgetting/driver.ts';
import { packReport } from '../../src/forgetting/questions.ts';
import { linkOfOne } from '../core.ts';
import { stateOfOnePartition, withTombstones } from './tombstones.ts';

const waitMs = 20_000;

const report = packReport({
  incarnation: '0000000000000001',
  counter: 0,
  wallMs: 0,
  isRecovering: false,
  condition: 'well',
  standings: [{ round: 0, state: 'heard' }],
});

/** A driver whose owners need so many questions until they agree; tells what was asked of anybody. */
async function driverWith(seed: number, busy: { readonly code: 'TIMEOUT' | 'NOT_READY' | 'STALE_RING'; readonly times: number }) {
  const { world, core } = await withTombstones(seed, 10);
  const asked: string[] = [];
  let left = busy.times;
  const answer = async (method: string) => {
    asked.push(method);
    if (method === 'forget-agree' && left-- > 0) throw new CoterieError(busy.code, 'not yet');
    return { body: method === 'forget-report' ? report : [] };
  };
  const state = stateOfOnePartition();
  const members = [...state.members, { ...state.members[0], id: '00000000000000bb', name: 'b' }];
  const ring = { ...state.ring, members: members.map(({ id }) => ({ ...state.ring.members[0], id })), replicas: [[0, 1]] };
  const link = linkOfOne({ ...state, members, ring });
  const peers = { ...link.peers, ask: (_member: string, { method }: { readonly method: string }) => answer(method) };
  const methods = ['forget-report', 'forget-deliver', 'forget-agree', 'forget-raise'];
  const handlers = Object.fromEntries(methods.map((method) => [method, () => answer(method)]));
  const limits = { ...core.limits, timeoutMsMax: 100, operationMemoryMs: waitMs };
  const driven = { ...core, limits, cluster: { ...link, peers } } as unknown as Core;
  const answers = { handlers } as unknown as ConstructorParameters<typeof RoundDriver>[0]['answers'];
  const driver = new RoundDriver({ core: driven, answers, everyMs: 1000, isStopped: () => false });
  return { world, driver, asked };
}

/** The outcome of the step that ends a round, and what it asked. */
async function finish(seed: number, busy: Parameters<typeof driverWith>[1]): Promise<{ outcome: string; asked: Record<string, number> }> {
  const { world, driver, asked } = await driverWith(seed, busy);
  await world.run(driver.step());
  await world.simulation.advance(waitMs);
  asked.length = 0;
  const outcome = await world.run(
    driver.step().then(
      () => 'done',
      (error: unknown) => (error as CoterieError).code,
    ),
  );
  return {
    outcome,
    asked: Object.fromEntries([...new Set(asked)].map((method) => [method, asked.filter((one) => one === method).length])),
  };
}

describe('owners who do not agree yet', () => {
  it.each(['TIMEOUT', 'NOT_READY'] as const)('are asked again, and the round goes on (%s)', async (code) => {
    const { outcome, asked } = await finish(1, { code, times: 5 });
    expect(outcome).toBe('done');
    expect(asked).toEqual({ 'forget-deliver': 2, 'forget-report': 2, 'forget-agree': 6, 'forget-raise': 2 });
  });

  it('are not asked for longer than the round has waited', async () => {
    const { outcome, asked } = await finish(2, { code: 'TIMEOUT', times: 1000 });
    expect(outcome).toBe('TIMEOUT');
    expect(asked['forget-agree']).toBe(11);
    expect(asked['forget-raise']).toBeUndefined();
  });

  it('are not asked again when the ring has changed', async () => {
    const { outcome, asked } = await finish(3, { code: 'STALE_RING', times: 1000 });
    expect(outcome).toBe('STALE_RING');
    expect(asked['forget-agree']).toBe(1);
  });
});
