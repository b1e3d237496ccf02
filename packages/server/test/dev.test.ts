/** `coterie dev` as a real cluster of processes: a node is killed under writes and comes back, and all of them end. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DevNodeFacts, type DevProcess, forget, makeDirectory, run, startDev } from './double/process.ts';

let directory: string;
let cluster: DevProcess | undefined;
beforeAll(() => {
  directory = makeDirectory();
});
afterAll(() => {
  // Nodes drain by themselves when the program that watches over them is gone; what hangs is ended.
  for (const { pid } of cluster?.nodes ?? []) {
    if (isRunning(pid)) process.kill(pid, 'SIGKILL');
  }
  forget(directory);
});

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function put(node: DevNodeFacts, key: string): Promise<number> {
  return (await fetch(`${node.url}/v1/kv/cart/${key}`, { method: 'PUT', body: `value of ${key}` })).status;
}

async function read(node: DevNodeFacts, key: string): Promise<[number, string]> {
  const answer = await fetch(`${node.url}/v1/kv/cart/${key}`);
  return [answer.status, await answer.text()];
}

interface Here {
  readonly node: string;
  readonly isOwner: boolean;
  readonly siblings: number;
}

/** Asks again and again until the document is as it should be. */
async function documentWhen(node: DevNodeFacts, path: string, isRight: (document: any) => boolean): Promise<any> {
  for (;;) {
    const answer = await fetch(node.url + path).catch(() => undefined);
    const document: unknown = answer?.status === 200 ? await answer.json() : undefined;
    if (document !== undefined && isRight(document)) return document;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test('a node is killed and comes back, and what was written meanwhile reaches it', { timeout: 120_000 }, async () => {
  cluster = await startDev(join(directory, 'dev'), { nodes: 4 });
  const [one, two, three] = cluster.nodes as [DevNodeFacts, DevNodeFacts, DevNodeFacts];
  await documentWhen(two, '/v1/cluster', ({ effectiveN, change }) => effectiveN === 3 && change === undefined);
  expect(await put(one, 'before')).toBe(204);
  expect(await read(two, 'before')).toEqual([200, 'value of before']);

  process.kill(three.pid, 'SIGKILL');
  await cluster.until(/node-3 ended with SIGKILL; it starts again in 2 s/);
  for (let i = 0; i < 10; i++)
    expect([await put(i % 2 === 0 ? one : two, `k${i}`), await read(two, `k${i}`)]).toEqual([204, [200, `value of k${i}`]]);

  await cluster.until(/node-3 is ready/);
  await documentWhen(three, '/v1/cluster', ({ members }) => members.every(({ state }: { state: string }) => state === 'alive'));
  for (const node of [one, two]) await documentWhen(node, '/v1/hints', ({ total }) => total === 0);
  const here = await Promise.all(
    Array.from({ length: 10 }, async (_, i) => ((await (await fetch(`${three.url}/v1/where/cart/k${i}`)).json()) as { here: Here }).here),
  );
  const owned = here.filter(({ isOwner }) => isOwner);
  expect(owned.length).toBeGreaterThan(0);
  expect(owned.map(({ node, siblings }) => [node, siblings])).toEqual(owned.map(() => ['node-3', 1]));
  const status = await run(['status', '--url', two.url]);
  expect(status.out).toMatch(/^cluster [0-9a-f]{16} {2}epoch \d+, 4 members, 1024 partitions, 3 copies of every key: all well\n/);
  expect(status.out).toMatch(/^node-2 \* {2}up +1 +768 +768 +25\d +0 /m);

  cluster.child.stdin?.write('kill 3\nstop 2\nstart 2\nfrobnicate\nstart 3\n');
  await cluster.until(/node-3 is killed[^]*node-2 is paused[^]*node-2 goes on[^]*"frobnicate"[^]*node-3 starts|node-3 runs already/);
  cluster.child.kill('SIGINT');
  expect(await cluster.ended).toBe(0);
  expect(cluster.nodes.map(({ pid }) => isRunning(pid))).toEqual([false, false, false, false]);
});

test('it ends well without any input to read', { timeout: 60_000 }, async () => {
  cluster = await startDev(join(directory, 'deaf'), { nodes: 1, input: 'ignore' });
  cluster.child.kill('SIGTERM');
  expect(await cluster.ended).toBe(0);
});
