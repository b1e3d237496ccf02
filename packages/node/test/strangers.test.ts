/** Whoever reaches the door of a node without being one of its members: garbage, old versions, and real words said again. */
import type { Connection, Environment, Network } from '@coterie/env';
import { describe, expect, it } from 'vitest';
import { ClusterWorld } from './cluster-world.ts';
import { bytes } from './world.ts';

const door = 'n1:7072';
const preamble = bytes('COTRPC\r\n');

/** The environment, with every byte that goes out on a connection to `address` kept, a list for each connection. */
function recording(environment: Environment, address: string, into: Uint8Array[][]): Environment {
  const { network } = environment;
  const recorded: Network = {
    listen: (at, accept) => network.listen(at, accept),
    connect: async (to, options) => {
      const connection = await network.connect(to, options);
      if (to !== address) return connection;
      const sent: Uint8Array[] = [];
      into.push(sent);
      return overheard(connection, sent);
    },
  };
  return { ...environment, network: recorded };
}

function overheard(connection: Connection, sent: Uint8Array[]): Connection {
  return {
    get remoteAddress() {
      return connection.remoteAddress;
    },
    get queuedBytes() {
      return connection.queuedBytes;
    },
    start: (handlers) => connection.start(handlers),
    send: (piece) => {
      sent.push(piece.slice());
      return connection.send(piece);
    },
    flush: () => connection.flush(),
    pause: () => connection.pause(),
    resume: () => connection.resume(),
    close: () => connection.close(),
    destroy: () => connection.destroy(),
  };
}

/** Says these bytes to the door of n1, from a machine that is nobody's; resolves with how much was answered before the end. */
async function say(
  cluster: ClusterWorld,
  pieces: readonly Uint8Array[],
): Promise<{ readonly answered: number; readonly isClosed: boolean }> {
  const { environment } = cluster.machine('stranger');
  const connection = await cluster.run(() => environment.network.connect(door, { timeoutMs: 1000 }));
  let answered = 0;
  let isClosed = false;
  connection.start({ data: (piece) => (answered += piece.length), drain: () => undefined, closed: () => (isClosed = true) });
  for (const piece of pieces) connection.send(piece);
  await cluster.world.advance(3000);
  connection.destroy();
  return { answered, isClosed };
}

/** A frame's header, with a length that is not kept. */
function header(payloadBytes: number): Uint8Array {
  const head = new Uint8Array(16);
  new DataView(head.buffer).setUint32(0, payloadBytes, true);
  return head;
}

describe('a stranger at the door of a node', () => {
  it('is shown out whatever it says, and the cluster goes on as before', async () => {
    const cluster = await new ClusterWorld(31).startAll(3);
    await cluster.put('n1', 'k', 'v', { w: 3 });
    const random = cluster.machine('stranger').environment.random;
    const noise = random.fill(new Uint8Array(100_000));
    const sayings: Record<string, readonly Uint8Array[]> = {
      noise: [noise],
      'another protocol': [bytes('GET /v1/kv/b/k HTTP/1.1\r\nHost: n1\r\n\r\n')],
      'noise behind the preamble': [preamble, noise],
      'a frame longer than any': [preamble, header(0xffff_ffff)],
      'a frame that never ends': [preamble, header(1000), new Uint8Array(10)],
      nothing: [],
    };
    for (const [what, pieces] of Object.entries(sayings)) {
      const { isClosed } = await say(cluster, pieces);
      expect([what, isClosed]).toEqual([what, true]);
    }
    expect(await cluster.values('n2', 'k', { r: 3, pr: 3 })).toEqual(['v']);
    expect(cluster.node('n1').status().rpc['handling']).toBe(0);
    await cluster.put('n3', 'k2', 'v2', { w: 3, pw: 3 });
  });
});

describe('what a member said, said again by somebody else', () => {
  it('brings back nothing and makes no second sibling', async () => {
    const cluster = new ClusterWorld(32);
    const heard: Uint8Array[][] = [];
    await cluster.start('n1');
    for (const name of ['n2', 'n3', 'n4']) {
      await cluster.start(name, { environment: recording(cluster.machine(name).environment, door, heard) });
      await cluster.until(() => cluster.node('n1').cluster().members.length === Number(name[1]) && !isMoving(cluster));
    }
    const keys = Array.from({ length: 12 }, (_, i) => `k${i}`);
    for (const key of keys) {
      for (const at of ['n2', 'n3', 'n4']) {
        const seen = await cluster.get(at, key);
        await cluster.put(at, key, `${key} at ${at}`, { w: 3, ...('context' in seen ? { context: seen.context } : {}) });
      }
    }
    const gone = keys.slice(6);
    for (const key of gone) await cluster.run(() => cluster.node('n2').delete({ bucket: 'b', key: bytes(key), w: 3 }));
    const before = await Promise.all(keys.map((key) => cluster.copies(key, ['n1', 'n2', 'n3', 'n4'])));
    const states = (): unknown[] =>
      cluster
        .node('n1')
        .cluster()
        .members.map(({ name, peer, state }) => [name, peer, state]);
    const statesBefore = states();

    const said = heard.filter((pieces) => pieces.length > 2);
    expect(said.length).toBeGreaterThan(3);
    let answered = 0;
    for (const pieces of said) answered += (await say(cluster, pieces)).answered;
    // It was listened to, and nothing came of it.
    expect(answered).toBeGreaterThan(1000);
    expect(await Promise.all(keys.map((key) => cluster.copies(key, ['n1', 'n2', 'n3', 'n4'])))).toEqual(before);
    for (const key of keys) {
      const expected = gone.includes(key) ? 'deleted' : [`${key} at n4`];
      expect(await cluster.values('n1', key, { r: 3, pr: 3 })).toEqual(expected);
    }
    expect(states()).toEqual(statesBefore);
  });
});

function isMoving(cluster: ClusterWorld): boolean {
  return cluster.node('n1').cluster().change !== undefined;
}

describe('one data directory', () => {
  it('is not opened by a second process while the first runs', async () => {
    const cluster = await new ClusterWorld(33).startAll(3);
    await expect(cluster.start('n3', { peer: { listen: 'n3:7073', seeds: [] } })).rejects.toMatchObject({ code: 'LOCKED' });
    await cluster.put('n3', 'k', 'v', { w: 3 });
    expect(await cluster.values('n1', 'k', { r: 3 })).toEqual(['v']);
  });

  it('copied while its node is away, started elsewhere, keeps the member, and the old one does not begin beside it', async () => {
    const cluster = await new ClusterWorld(34).startAll(3);
    await cluster.put('n1', 'k', 'old', { w: 3 });
    cluster.kill('n3');
    cluster.world.machine('copy', { disk: cluster.machine('n3').disk.clone() });
    await cluster.start('copy', { name: 'n3' });
    await cluster.until(() =>
      cluster
        .node('n1')
        .cluster()
        .members.some(({ peer }) => peer === 'copy:7072'),
    );
    await cluster.put('copy', 'k', 'beside', { w: 3 });
    cluster.machine('n3').restart();
    await expect(cluster.start('n3')).rejects.toThrow(/runs at copy:7072 already/);
    expect(await cluster.values('n1', 'k', { r: 3, pr: 3 })).toEqual(['beside', 'old']);
  });
});
