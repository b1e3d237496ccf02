/** What a coordinator says of a write that others hold only in part, or that was carried out before. */
import { CoterieError, sleep } from '@coterie/env';
import { describe, expect, it } from 'vitest';
import { placeOf } from '../src/core.ts';
import { Attempt, Deadlines } from '../src/coordinator/deadlines.ts';
import { remove } from '../src/coordinator/delete.ts';
import { emptyObject } from '../src/objects/object.ts';
import { put } from '../src/coordinator/put.ts';
import { AmongPeers, idOf, stateOf } from './among-peers.ts';
import { bytes } from './world.ts';

describe('an operation that is asked for again', () => {
  it('brings the write itself to the others, also while the first try is on its way to the disk', async () => {
    const among = (await new AmongPeers(stateOf(3, [0, 1, 2])).start()).keepAll();
    await among.run(among.put('before', { w: 3, key: 'k' }));
    among.merged.length = 0;
    among.world.disk.commitMs = 50;
    const tries = [among.put('v', { w: 3, operation: 'same' }), among.put('v', { w: 3, operation: 'same' })];
    const [first, second] = await among.run(Promise.all(tries));
    expect(second?.etag).toBe(first?.etag);
    expect(among.merged).toHaveLength(4);
    expect(among.merged.every(({ values }) => values.includes('v'))).toBe(true);
  });

  it('is carried out again where the store has handed its copy on', async () => {
    const among = (await new AmongPeers(stateOf(4, [1, 2, 3])).start()).keepAll(
      () => new CoterieError('CONNECTION_LOST', 'nobody is there', { details: { mayHaveTakenEffect: false } }),
    );
    await among.run(among.put('v', { w: 1, operation: 'same' }));
    const hint = { ...placeOf(among.core, 'b', bytes('k')), hintFor: idOf(1) };
    expect(await among.run(among.core.local.release(hint, () => true))).toBe(true);
    const { reached } = await among.run(among.put('v', { w: 1, operation: 'same' }));
    expect(reached).toEqual({ primaries: 0, fallbacks: 1, synced: 1 });
    expect((await among.run(among.core.local.read(hint))).set.siblings).toHaveLength(1);
  });
});

describe('a failed write', () => {
  it('may have taken effect although the first that answers denies it for itself', async () => {
    const among = (await new AmongPeers(stateOf(3, [0, 1, 2])).start()).keepAll((member) =>
      member === idOf(1) ? new CoterieError('OVERLOADED', 'not now', { details: { mayHaveTakenEffect: false } }) : undefined,
    );
    const { merge } = among.peers;
    const slow: typeof merge = async (member, place, copy) => {
      if (member === idOf(2)) await sleep(among.core.environment.timers, 20);
      return merge(member, place, copy);
    };
    among.peers = { ...among.peers, merge: slow };
    among.world.disk.commitMs = 50;
    await expect(among.run(among.put('v', { w: 3 }))).rejects.toMatchObject({ details: { mayHaveTakenEffect: true } });
    await among.run(sleep(among.core.environment.timers, 100));
    expect(among.merged).toEqual([{ member: idOf(2), values: ['v'] }]);
  });
});

describe('a coordinator that cannot learn the ring of the others', () => {
  const stale = new CoterieError('STALE_RING', 'that ring was replaced', { details: { epoch: 2, mayHaveTakenEffect: false } });

  it('says so, for another node may do better, whether or not it holds the write itself', async () => {
    const among = (await new AmongPeers(stateOf(3, [0, 1, 2])).start()).keepAll(() => stale);
    const refused = { code: 'STALE_RING', retryable: true, details: { mayHaveTakenEffect: true } };
    await expect(among.run(among.put('v', { w: 2 }))).rejects.toMatchObject(refused);
    expect(among.learned).toEqual([[idOf(1), idOf(2)]]);
    among.world.disk.failWith = new CoterieError('DISK_FULL', 'no space left', { details: { mayHaveTakenEffect: false } });
    await expect(among.run(among.put('v', { w: 1 }))).rejects.toMatchObject(refused);
  });

  it('asks another owner for what it was asked itself', async () => {
    const among = (await new AmongPeers(stateOf(4, [1, 2, 3])).start()).keepAll();
    const asked: string[] = [];
    const reply = { context: '', etag: '', reached: { primaries: 1, fallbacks: 0, synced: 1 } };
    among.peers = {
      ...among.peers,
      put: (member) => (asked.push(member), asked.length === 1 ? Promise.reject(stale) : Promise.resolve(reply)),
    };
    expect(await among.run(among.put('v', { w: 1 }))).toBe(reply);
    expect(new Set(asked).size).toBe(2);
  });
});

describe('the only holder of a key', () => {
  it('brings a write to whoever takes the key over while it is on its way to the disk', async () => {
    const among = (await new AmongPeers(stateOf(2, [0])).start()).keepAll();
    among.world.disk.commitMs = 50;
    const writing = among.put('v', { w: 1 });
    const { state } = among;
    const moves = new Map(state.ring.replicas.map((_, partition) => [partition, [1]] as const));
    const change = { id: 'c', aims: [{ kind: 'join', member: idOf(1) }], phase: 'dual-write', moves } as const;
    among.state = { ...state, epoch: 2, ringEpoch: 2, changes: [change] };
    const { reached } = await among.run(writing);
    expect(among.merged).toEqual([{ member: idOf(1), values: ['v'] }]);
    expect(reached.primaries).toBe(2);
  });
});

describe('a write while a partition moves and all but its coordinator are silent', () => {
  const silentMs = 2000;
  const silent = (among: AmongPeers) => (): Promise<never> =>
    sleep(among.core.environment.timers, silentMs).then(() => Promise.reject(new CoterieError('TIMEOUT', 'silent')));
  const moving = (members: number, [from, to]: readonly [number[], number[]]): AmongPeers => {
    const state = stateOf(members, from);
    const moves = new Map(state.ring.replicas.map((_, partition) => [partition, to] as const));
    const change = { id: 'c', aims: [{ kind: 'join', member: idOf(members - 1) }], phase: 'dual-write', moves } as const;
    return new AmongPeers({ ...state, changes: [change] });
  };

  it('counts in both lists at once at a node that stands in for an owner', async () => {
    const among = await moving(5, [
      [1, 2, 3],
      [1, 2, 4],
    ]).start();
    among.standing = (member) => (member === idOf(3) ? 'down' : 'up');
    const refused = (): Promise<never> => Promise.reject(new CoterieError('CONNECTION_LOST', 'nobody is there'));
    among.peers = { ...among.peers, put: refused, merge: silent(among) };
    const { clock } = among.core.environment;
    const startMs = clock.monotonic();
    expect((await among.run(among.put('v', { w: 1 }))).reached).toMatchObject({ fallbacks: 1 });
    expect(clock.monotonic() - startMs).toBeLessThan(among.core.limits.patienceMs);
  });

  it('waits no longer than for a stand-in at an owner of one list', async () => {
    const among = await moving(4, [
      [0, 1, 2],
      [1, 2, 3],
    ]).start();
    among.peers = { ...among.peers, merge: silent(among) };
    const { clock } = among.core.environment;
    const startMs = clock.monotonic();
    expect((await among.run(among.put('v', { w: 1 }))).reached).toMatchObject({ primaries: 1 });
    expect(clock.monotonic() - startMs).toBeLessThan(silentMs);
  });
});

describe('a write that is passed on', () => {
  it('is one operation at whichever node takes it, and its id has no time that another clock could doubt', async () => {
    const ids: (string | undefined)[] = [];
    const failing = (member: string, { operation }: { readonly operation?: string }): Promise<never> => {
      ids.push(operation);
      return Promise.reject(new CoterieError('TIMEOUT', `${member} is silent`));
    };
    for (const [state, failure] of [
      [stateOf(4, [1, 2, 3]), undefined],
      [stateOf(3, [0, 1, 2]), new Error('the disk is gone')],
    ] as const) {
      ids.length = 0;
      const among = await new AmongPeers(state).start((store) => Object.assign(Object.create(store) as typeof store, { failure }));
      among.peers = { ...among.peers, put: failing };
      await among.run(among.put('v', { w: 1 }).catch(() => undefined));
      expect(ids.length).toBeGreaterThan(1);
      expect(new Set(ids).size).toBe(1);
      expect(ids[0]).toMatch(/^passed-[0-9a-f]{32}$/);
    }
  });
});

describe('a node that stands still while a write that it passed on is carried out', () => {
  const request = { bucket: 'b', key: bytes('k'), value: bytes('v'), w: 1 };

  it('does not deny the write when it wakes and finds its time over', async () => {
    const among = await new AmongPeers(stateOf(4, [1, 2, 3])).start();
    const { clock, timers } = among.core.environment;
    const reply = { context: 'c', etag: 'e', reached: { primaries: 1, fallbacks: 0, synced: 1 } };
    // The answer is on its way, and heard after the clock.
    among.peers = { ...among.peers, put: () => sleep(timers, 50).then(() => reply) };
    const late = new Deadlines({ clock, timers }).run(20, {
      begin: (attempt) => put(among.core, request, { attempt, origin: 'client' }),
      ended: () => {},
      succeeded: () => {},
      failed: (error) => error,
    });
    await expect(among.run(late)).rejects.toMatchObject({ code: 'TIMEOUT', details: { mayHaveTakenEffect: true } });
  });

  it('has no doubt left once the other has refused it for certain', async () => {
    const among = await new AmongPeers(stateOf(4, [1, 2, 3])).start();
    const refusal = new CoterieError('PRECONDITION_FAILED', 'the key has changed', { details: { mayHaveTakenEffect: false } });
    among.peers = { ...among.peers, put: () => Promise.reject(refusal) };
    const attempt = new Attempt(among.core.environment.clock, 5000);
    await expect(among.run(put(among.core, request, { attempt, origin: 'client' }))).rejects.toBe(refusal);
    expect(attempt.mayTakeEffect).toBe(false);
  });
});

describe('a node that is still starting', () => {
  it('has the write passed on to the next one', async () => {
    const among = await new AmongPeers(stateOf(4, [1, 2, 3])).start();
    const reply = { context: 'c', etag: 'e', reached: { primaries: 1, fallbacks: 0, synced: 1 } };
    among.peers = {
      ...among.peers,
      put: (member) =>
        member === idOf(1) ? Promise.reject(new CoterieError('UNSUPPORTED_FORMAT', 'knows no method put')) : Promise.resolve(reply),
    };
    expect(await among.run(among.put('v', { w: 1 }))).toEqual(reply);
  });
});

describe('a delete without a context', () => {
  const away = (member: string): Promise<never> => Promise.reject(new CoterieError('CONNECTION_LOST', `${member} is away`));

  it('removes what can be seen when only one store can be reached, if one is enough', async () => {
    const among = (await new AmongPeers(stateOf(3, [0, 1, 2])).start()).keepAll();
    await among.run(among.put('v', { w: 3 }));
    among.peers = { ...among.peers, read: away, merge: away };
    const on = { attempt: new Attempt(among.core.environment.clock, 5000), origin: 'client' } as const;
    const request = { bucket: 'b', key: bytes('k') };
    expect((await among.run(remove(among.core, { ...request, w: 1 }, on))).reached.primaries).toBe(1);
    const left = (await among.run(among.core.local.read(placeOf(among.core, 'b', bytes('k'))))).set.siblings;
    expect(left.map(({ value }) => value.tombstone)).toEqual([true]);
    // A condition cannot be judged so.
    const conditional = remove(among.core, { ...request, w: 1, conditions: { ifMatch: '*' } }, on);
    await expect(among.run(conditional)).rejects.toMatchObject({ code: 'QUORUM_NOT_MET' });
  });
});

describe('a delete without a context that is passed on', () => {
  it('says what it replaces, so that one carried out late removes nothing that was written since', async () => {
    const holder = (await new AmongPeers(stateOf(3, [0, 1, 2]), 2).start()).keepAll();
    const place = placeOf(holder.core, 'b', bytes('k'));
    await holder.run(holder.put('v', { w: 3 }));
    const object = await holder.run(holder.core.local.read(place));

    const among = await new AmongPeers(stateOf(4, [1, 2, 3])).start();
    const contexts: (string | undefined)[] = [];
    among.peers = {
      ...among.peers,
      read: () => Promise.resolve({ object, recovering: false }),
      delete: (member, { context }) => {
        contexts.push(context);
        return Promise.reject(new CoterieError('TIMEOUT', `${member} is silent`));
      },
    };
    const on = { attempt: new Attempt(among.core.environment.clock, 5000), origin: 'client' } as const;
    await among.run(remove(among.core, { bucket: 'b', key: bytes('k'), w: 1 }, on).catch(() => undefined));
    expect(contexts).toHaveLength(3);
    expect(new Set(contexts).size).toBe(1);
    const { clock } = among.core.sealer.open(contexts[0] ?? '', place.address);
    expect(clock.entries).toEqual(object.set.clock.entries);
  });
});

describe('what two stores have taken', () => {
  it('comes together however large it gets; a put would not make it so', async () => {
    const [a, b] = [await new AmongPeers(stateOf(1, [0]), 1).start(), await new AmongPeers(stateOf(1, [0]), 2).start()];
    const half = 'x'.repeat(600_000);
    await a.run(a.put(half));
    await b.run(b.put(half));
    const place = placeOf(a.core, 'b', bytes('k'));
    await expect(a.run(a.put(half))).rejects.toMatchObject({ code: 'TOO_MANY_SIBLINGS' });
    await a.run(a.core.local.merge(place, await b.run(b.core.local.read(place))));
    expect((await a.run(a.core.local.read(place))).set.siblings).toHaveLength(2);
  });
});

describe('an owner that cannot read its copy', () => {
  it('passes the write on to the others, as one operation', async () => {
    const ids: (string | undefined)[] = [];
    const among = await new AmongPeers(stateOf(3, [0, 1, 2])).start();
    await among.run(among.core.local.merge(placeOf(among.core, 'b', bytes('k')), emptyObject));
    for (const [name, value] of among.world.disk.entries) if (name.charCodeAt(0) === 0x10) value[3] = 0xff;
    const reply = { context: 'c', etag: 'e', reached: { primaries: 1, fallbacks: 0, synced: 1 } };
    among.peers = {
      ...among.peers,
      put: (member, { operation }) => {
        ids.push(operation);
        return member === idOf(1) ? Promise.reject(new CoterieError('TIMEOUT', 'silent')) : Promise.resolve(reply);
      },
    };
    expect(await among.run(among.put('v', { w: 1 }))).toEqual(reply);
    expect(ids).toEqual([expect.stringMatching(/^passed-/), ids[0]]);
  });
});
