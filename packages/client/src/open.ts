/**
 * Puts a client together and lets it find its cluster. Apart from `index.ts`, because only that may know the real world.
 */
import type { HttpTransport } from '@coterie/env';
import { parseFields } from './answers.ts';
import { Caller } from './caller.ts';
import { Database } from './database.ts';
import { parseSeeds } from './endpoint.ts';
import { Endpoints } from './endpoints.ts';
import { OperationIds } from './operation-id.ts';
import { checkLimits, type ClientLimits, type ClientWorld, type ConnectOptions } from './options.ts';
import { RetryBudget } from './retry-budget.ts';
import { RingWatch } from './ring-watch.ts';

/** The real world, for what the program does not hand in. */
export interface DefaultWorld {
  environment(): ClientWorld;
  transport(limits: ClientLimits): HttpTransport;
}

/** A database once one of the seeds has answered. @throws CoterieError of the last seed that was tried, naming all */
export async function openDatabase(urls: string | readonly string[], options: ConnectOptions, defaults: DefaultWorld): Promise<Database> {
  const seeds = parseSeeds(urls);
  const limits = checkLimits(options);
  const world = options.environment ?? defaults.environment();
  const transport = options.transport ?? defaults.transport(limits);
  const endpoints = new Endpoints(limits, world.timers);
  const operations = new OperationIds(world);
  const budget = new RetryBudget(limits, world.clock.monotonic());
  const ring = new RingWatch({ seeds, endpoints, transport, world, limits });
  const caller = new Caller({ endpoints, ring, operations, budget, transport, world, limits });
  try {
    await findCluster(caller, ring, { seeds, limits });
  } catch (error) {
    transport.close();
    throw error;
  }
  return new Database({ requests: { limits, ring, operations }, caller, transport, world });
}

/** Resolves once a seed has shown that it is a node, and the ring was asked for. */
async function findCluster(
  caller: Caller,
  ring: RingWatch,
  { seeds, limits }: { readonly seeds: readonly string[]; readonly limits: ClientLimits },
): Promise<void> {
  // One route for all tries: each round begins anew at the same seed, and asks each of them once.
  const route = ring.anyRoute();
  await caller.run({
    what: 'connect',
    method: 'GET',
    path: '/v1/cluster',
    headers: {},
    isWrite: false,
    repetition: 'freely',
    timeoutMs: limits.timeoutMs,
    triesMax: Math.max(limits.triesMax, seeds.length),
    route: () => route,
    read: ({ status, body }) => (status === 200 ? parseFields(body) : undefined),
  });
  await ring.refresh();
}
