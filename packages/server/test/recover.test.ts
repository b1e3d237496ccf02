/** `coterie recover` with real processes: two of three members are gone with their disks, and with them most votes. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { forget, makeDirectory, type Outcome, run, type ServerProcess, startProcess } from './double/process.ts';

const timeout = 120_000;
const directory = makeDirectory();
const data = (name: string): string => join(directory, name);
const keys = Array.from({ length: 30 }, (_, number) => `key-${number}`);
let left: ServerProcess;

interface Cluster {
  readonly epoch: number;
  readonly change?: unknown;
  readonly effectiveN: number;
  readonly isRecovering: boolean;
  readonly members: readonly { readonly name: string; readonly state: string; readonly isSteward: boolean }[];
}

function start(name: string, seed?: ServerProcess): Promise<ServerProcess> {
  return startProcess(data(name), '--name', name, '--partitions', '64', ...(seed === undefined ? [] : ['--seed', peerOf(seed)]));
}

/** Where a server listens for its peers, from its line that it is ready. */
function peerOf({ lines }: ServerProcess): string {
  const ready = lines.map((line) => JSON.parse(line) as { msg: string; peer?: string }).find(({ msg }) => msg === 'ready');
  return String(ready?.peer);
}

/** Looks at the cluster until it is as it should be. Each look is a request; there are as many as it takes. */
async function see(server: ServerProcess, isSo: (cluster: Cluster) => boolean): Promise<Cluster> {
  for (;;) {
    const cluster = (await (await fetch(`${server.url}/v1/cluster`)).json()) as Cluster;
    if (isSo(cluster)) return cluster;
  }
}

const isDown = (name: string) => (cluster: Cluster) => cluster.members.some((member) => member.name === name && member.state === 'dead');
const recover = (...flags: string[]): Promise<Outcome> => run(['recover', '--data-dir', data('c'), ...flags]);

beforeAll(async () => {
  const first = await start('a');
  const others = [await start('b', first), await start('c', first)];
  await see(first, ({ effectiveN, members }) => effectiveN === 3 && members.every(({ isSteward }) => isSteward));
  for (const key of keys) {
    const answer = await fetch(`${first.url}/v1/kv/t/${key}?w=3`, { method: 'PUT', body: `value of ${key}` });
    expect(answer.status).toBe(204);
  }
  left = others[1];
  for (const server of [first, others[0]]) server.child.kill('SIGKILL');
  await Promise.all([first.ended, others[0].ended]);
  for (const name of ['a', 'b']) rmSync(data(name), { recursive: true });
}, timeout);
afterAll(() => forget(directory));

describe('a member that is left of three', { timeout }, () => {
  test('is not recovered while it runs, nor by a bare word, nor where there is nothing', async () => {
    const running = await recover('--unsafe');
    expect([running.code, running.out, running.err]).toEqual([1, '', expect.stringMatching(/LOCKED.*held by process/)]);
    left.child.kill('SIGTERM');
    expect(await left.ended).toBe(0);

    const told = await recover('--gone', 'a', 'b');
    expect(told.code).toBe(1);
    expect(told.out).toMatch(/^c \* +here +64 /m);
    expect(told.out).toMatch(/Without a, b: 0 of 64 partitions have no copy left, and every key in them is lost; 64 have one copy left/);
    expect(told.err).toMatch(/nothing was done[^]*next: .*coterie recover --unsafe --data-dir/);
    const nobody = await recover('--unsafe', '--gone', 'z');
    expect([nobody.code, nobody.err]).toEqual([1, expect.stringMatching(/z is no member/)]);
    const nowhere = await run(['recover', '--unsafe', '--data-dir', data('nowhere')]);
    expect([nowhere.code, nowhere.err]).toEqual([1, expect.stringMatching(/no member of a cluster lies here/)]);
    expect((await run(['recover', '--sure'])).code).toBe(2);
  });

  test('goes on by force with every key, lets the dead be removed, and takes new members in', async () => {
    const done = await recover('--unsafe', '--gone', 'a', 'b', '--json');
    expect([done.code, done.err]).toEqual([0, '']);
    expect(JSON.parse(done.out)).toMatchObject({ began: { epoch: 2 ** 20 }, copies: { partitions: 64, here: 64, lost: 0, oneLeft: 64 } });
    const again = await recover('--unsafe');
    expect([again.code, again.err]).toEqual([1, expect.stringMatching(/c votes alone already/)]);

    const first = await start('c');
    for (const name of ['a', 'b']) {
      await see(first, isDown(name));
      const removed = await run(['remove', name, '--force', '--url', first.url]);
      expect([removed.code, removed.err]).toEqual([0, '']);
    }
    await start('d', first);
    await see(first, ({ members, change, isRecovering }) => members.length === 2 && change === undefined && !isRecovering);
    const second = await start('e', first);
    await see(
      second,
      ({ effectiveN, change, members }) => effectiveN === 3 && change === undefined && members.every((one) => one.isSteward),
    );
    for (const key of keys) {
      const answer = await fetch(`${second.url}/v1/kv/t/${key}?r=3&pr=3`);
      expect([key, answer.status, await answer.text()]).toEqual([key, 200, `value of ${key}`]);
    }
    expect((await fetch(`${second.url}/v1/kv/t/new?w=3&pw=3`, { method: 'PUT', body: 'new' })).status).toBe(204);
  });
});
