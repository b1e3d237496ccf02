/** The same endpoints over real sockets: what the simulation cannot show is that the system's streams behave as its own do. */
import { createNodeEnvironment } from '@coterie/env-node';
import { expect, test } from 'vitest';
import { openEndpoint } from '../src/index.ts';
import type { Endpoint, EndpointLimits } from '../src/index.ts';
import { nothing, outcome } from './stage.ts';

async function open(id: string, limits: Partial<EndpointLimits> = {}): Promise<Endpoint> {
  const environment = createNodeEnvironment();
  const endpoint = await openEndpoint({
    environment,
    listen: '127.0.0.1:0',
    identity: { id, incarnation: `${id}-1` },
    clusterId: 'c',
    limits,
  });
  endpoint.register('echo', async ({ body, values }) => ({ body, values }));
  return endpoint;
}

test('many questions at a time, small and large, over real sockets', async () => {
  const [a, b] = [await open('a'), await open('b')];
  const sizes = Array.from({ length: 300 }, (_, i) => (i % 50 === 0 ? 2_000_000 : i * 7));
  const answers = await Promise.all(
    sizes.map(async (size, i) => {
      const value = new Uint8Array(size).fill(i & 0xff);
      const question = { method: 'echo', epoch: i, body: [i, 'x'.repeat(i)], values: [value], expect: 'b' };
      const { body, values } = await a.request(b.address, question, { timeoutMs: 20_000 });
      return [body, values[0].length, values[0].every((byte) => byte === (i & 0xff))];
    }),
  );
  expect(answers).toEqual(sizes.map((size, i) => [[i, 'x'.repeat(i)], size, true]));
  expect([a.counts.outgoing, b.counts.incoming]).toEqual([1, 1]);
  await Promise.all([a.close(), b.close()]);
  expect([a.counts, b.counts]).toEqual([nothing, nothing]);
});

test('a peer that ends at once is lost at once, and one that is not there is refused', async () => {
  const [a, b] = [await open('a'), await open('b')];
  b.register('hang', () => new Promise(() => {}));
  const ask = (method: string): Promise<string> => outcome(a.request(b.address, { method, epoch: 0, body: 1 }, { timeoutMs: 20_000 }));
  expect(await ask('echo')).toContain('answered');
  const hang = ask('hang');
  await ask('echo');
  b.destroy();
  expect(await hang).toBe('CONNECTION_LOST maybe');
  expect(await ask('echo')).toBe('CONNECTION_LOST never');
  await a.close();
  expect([a.counts, b.counts]).toEqual([nothing, nothing]);
});
