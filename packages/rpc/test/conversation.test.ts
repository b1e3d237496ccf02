import { CoterieError } from '@coterie/env';
import { createWorld } from '@coterie/simulator';
import type { World } from '@coterie/simulator';
import { expect, test } from 'vitest';
import { openEndpoint } from '../src/index.ts';
import type { Endpoint, EndpointLimits } from '../src/index.ts';

async function endpointOn(world: World, name: string, limits: Partial<EndpointLimits> = {}): Promise<Endpoint> {
  const { environment } = world.machine(name);
  return openEndpoint({ environment, listen: `${name}:7072`, identity: { id: name, incarnation: `${name}-1` }, clusterId: 'c', limits });
}

test('a question is answered, and an error comes back as it was thrown', async () => {
  const world = createWorld({ seed: 1 });
  await world.run(async () => {
    const a = await endpointOn(world, 'a');
    const b = await endpointOn(world, 'b');
    b.register('echo', async ({ from, epoch, body, values }) => ({ body: [from.id, epoch, body], values }));
    b.register('fail', async () => {
      throw new CoterieError('QUORUM_NOT_MET', 'no', { details: { got: 1 } });
    });
    const values = [new Uint8Array(3).fill(1), new Uint8Array(0), new Uint8Array(10_000).fill(2)];
    const answer = await a.request(
      'b:7072',
      { method: 'echo', epoch: 7, body: ['x', undefined, 1.5], values, expect: 'b' },
      { timeoutMs: 500 },
    );
    expect(answer.body).toEqual(['a', 7, ['x', null, 1.5]]);
    expect(answer.values.map((value) => [...new Set(value)])).toEqual([[1], [], [2]]);
    await expect(a.request('b:7072', { method: 'fail', epoch: 0, body: null }, { timeoutMs: 500 })).rejects.toMatchObject({
      code: 'QUORUM_NOT_MET',
      message: 'no',
      details: { got: 1, peer: 'b:7072' },
    });
    await a.close();
    await b.close();
    expect([a.counts, b.counts]).toEqual(Array(2).fill({ inFlight: 0, handling: 0, outgoing: 0, incoming: 0 }));
  });
});
