/** `@coterie/client` against a cluster of three processes, one of which is killed while it writes. */
import { join } from 'node:path';
import { connect, type Database } from '@coterie/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { forget, makeDirectory, type ServerProcess, startProcess } from './double/process.ts';

const directory = makeDirectory();
const servers: ServerProcess[] = [];
let db: Database;

/** Where a server listens for its peers, from its line that it is ready. */
function peerOf({ lines }: ServerProcess): string {
  const ready = lines.map((line) => JSON.parse(line) as { msg: string; peer?: string }).find(({ msg }) => msg === 'ready');
  return String(ready?.peer);
}

beforeAll(async () => {
  servers.push(await startProcess(join(directory, 'a'), '--name', 'a'));
  for (const name of ['b', 'c']) servers.push(await startProcess(join(directory, name), '--name', name, '--seed', peerOf(servers[0])));
  db = await connect(servers[0].url, { timeoutMs: 60_000 });
  // Each look is a request; there are as many as it takes.
  while ((await db.cluster())['effectiveN'] !== 3);
});

afterAll(async () => {
  await db?.close();
  forget(directory);
});

describe('a cluster that loses a node', () => {
  test('takes every write meanwhile, and what it took is there, once', async () => {
    const written: string[] = [];
    const write = async (writer: number): Promise<void> => {
      for (let i = 0; i < 40; i++) {
        await db.put('cart', `${writer}-${i}`, 'x');
        written.push(`${writer}-${i}`);
        if (written.length === 100) servers[1].child.kill('SIGKILL');
      }
    };
    await Promise.all(Array.from({ length: 8 }, (_, writer) => write(writer)));
    await servers[1].ended;
    expect(written).toHaveLength(320);
    const found = await db.getMany('cart', written);
    expect(found.map((each) => each?.siblings.length)).toEqual(written.map(() => 1));
  });

  test('loses none of eight concurrent updates', async () => {
    const entries = (all: readonly { text: string }[]): string[] => [...new Set(all.flatMap(({ text }) => JSON.parse(text) as string[]))];
    const add = async (writer: number): Promise<void> => {
      for (let i = 0; i < 10; i++) await db.update('cart', 'set', (all) => JSON.stringify([...entries(all), `${writer}-${i}`]));
    };
    await Promise.all(Array.from({ length: 8 }, (_, writer) => add(writer)));
    expect(entries((await db.get('cart', 'set'))?.siblings ?? [])).toHaveLength(80);
  });
});
