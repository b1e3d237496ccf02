/** Reads that ask as few owners as they need, what turns them into reads of all, and what is done about who was not asked. */
import { CoterieError, sleep } from '@coterie/env';
import { describe, expect, it } from 'vitest';
import type { GetReply, GetRequest } from '../src/api.ts';
import { placeOf } from '../src/core.ts';
import { Attempt } from '../src/coordinator/deadlines.ts';
import { FewReads } from '../src/coordinator/few-reads.ts';
import { get } from '../src/coordinator/get.ts';
import { addressFrom } from '../src/store/layout.ts';
import { mergeObjects } from '../src/objects/merge.ts';
import { type CausalObject, emptyObject, hashOf } from '../src/objects/object.ts';
import type { Peers } from '../src/peers/peers.ts';
import { AmongPeers, idOf, stateOf } from './among-peers.ts';
import { bytes, text } from './world.ts';

const never = new Promise<never>(() => undefined);
const lost = (): Promise<never> => Promise.reject(new CoterieError('CONNECTION_LOST', 'cut off'));

/** What a store has of a key after these writes, nobody having seen another's. */
async function objectOf(key: string, values: readonly string[]): Promise<CausalObject> {
  const writer = await new AmongPeers(stateOf(1, [0])).start();
  for (const value of values) await writer.run(writer.put(value, { key }));
  return writer.run(writer.core.local.read(placeOf(writer.core, 'b', bytes(key))));
}

/** Member 0 among others that have stores of their own and note what they are asked. */
class Few extends AmongPeers {
  readonly asked: string[] = [];
  readonly copies = new Map<string, CausalObject>();
  few!: FewReads;

  /** The members whose list this is hold every key; all of them hold `v` under `k`. */
  static async among(members: number, holders: readonly number[], more: Partial<Peers> = {}): Promise<Few> {
    const few = new Few(stateOf(members, holders));
    await few.start();
    few.few = new FewReads(few.core);
    const object = await objectOf('k', ['v']);
    if (holders.includes(0)) await few.run(few.core.local.merge(few.place(), object));
    for (let i = 1; i < members; i++) few.copies.set(few.#named(i, 'k'), object);
    few.peers = { ...few.#peers(), ...more };
    return few;
  }

  place(key = 'k') {
    return placeOf(this.core, 'b', bytes(key));
  }

  /** Takes a member's copy away. */
  forget(position: number, key = 'k'): void {
    this.copies.delete(this.#named(position, key));
  }

  copyAt(position: number, key = 'k'): CausalObject {
    return this.copies.get(this.#named(position, key)) ?? emptyObject;
  }

  async get(ask: Partial<GetRequest> = {}): Promise<GetReply> {
    const attempt = new Attempt(this.core.environment.clock, 5000);
    return this.run(get(this.core, { bucket: 'b', key: bytes('k'), ...ask }, { attempt, few: this.few }));
  }

  /** Lets so much time pass; returns what was asked since the last time. */
  async later(ms: number): Promise<string[]> {
    await this.run(sleep(this.core.environment.timers, ms));
    return this.asked.splice(0);
  }

  #named(position: number, key: string): string {
    return `${position} ${key}`;
  }

  #peers(): Peers {
    const nameOf = (member: string, key: Uint8Array): string => this.#named(Number.parseInt(member, 16), text(key));
    const holds = (member: string, key: Uint8Array): CausalObject => this.copies.get(nameOf(member, key)) ?? emptyObject;
    const note = (what: string, member: string): void => void this.asked.push(`${what} ${Number.parseInt(member, 16)}`);
    return {
      ...this.peers,
      read: async (member, { address }) => {
        note('read', member);
        return { object: holds(member, address.key), recovering: false };
      },
      digests: async (member, objectKeys) => {
        note('digest', member);
        return objectKeys.map((objectKey) => hashOf(holds(member, addressFrom(objectKey).key)));
      },
      merge: async (member, { address }, { object }) => {
        note('merge', member);
        this.copies.set(nameOf(member, address.key), mergeObjects(holds(member, address.key), object, 'siblings'));
        return true;
      },
    };
  }
}

function shown(reply: GetReply): string[] | string {
  return reply.state === 'found' ? reply.siblings.map(({ value }) => text(value)) : reply.state;
}

describe('a read that needs two of three', () => {
  it('asks itself and another one, each in turn, and compares the third a moment later', async () => {
    const few = await Few.among(3, [0, 1, 2]);
    const reply = await few.get();
    expect(shown(reply)).toEqual(['v']);
    expect(reply.reached).toEqual({ primaries: 2, fallbacks: 0, synced: 0 });
    expect(few.asked.splice(0)).toEqual(['digest 1']);
    expect(await few.later(100)).toEqual(['digest 2']);
    await few.get();
    expect(few.asked.splice(0)).toEqual(['digest 2']);
    expect(await few.later(100)).toEqual(['digest 1']);
    expect(few.few.counts).toEqual({ few: 2, all: 0, late: 0, compared: 2, differing: 0, leftOut: 0 });
  });

  it('gives the same answer, etag and context included, as one that asks all', async () => {
    const few = await Few.among(3, [0, 1, 2]);
    const wide = await few.run(get(few.core, { bucket: 'b', key: bytes('k') }, { attempt: new Attempt(few.core.environment.clock, 5000) }));
    expect(await few.get()).toEqual(wide);
    expect(shown(await few.get({ key: bytes('other') }))).toBe('missing');
  });

  it('asks all when two differ, answers with both, and mends who is behind', async () => {
    const few = await Few.among(3, [0, 1, 2]);
    few.forget(1);
    expect(shown(await few.get())).toEqual(['v']);
    const asked = await few.later(100);
    expect(asked).toEqual(['digest 1', 'read 1', 'read 2', 'merge 1']);
    expect(few.copyAt(1).set.equals(few.copyAt(2).set)).toBe(true);
    expect(few.few.counts).toMatchObject({ few: 0, all: 1 });
  });

  it('mends the one that was not asked', async () => {
    const few = await Few.among(3, [0, 1, 2]);
    few.forget(2);
    expect(shown(await few.get())).toEqual(['v']);
    expect(few.copyAt(2)).toBe(emptyObject);
    expect(await few.later(100)).toEqual(['digest 1', 'digest 2', 'read 1', 'read 2', 'merge 2']);
    expect(few.copyAt(2).set.equals(few.copyAt(1).set)).toBe(true);
    expect(few.few.counts).toMatchObject({ compared: 1, differing: 1 });
  });

  it('learns from the one that was not asked what the others lack', async () => {
    const few = await Few.among(3, [0, 1, 2]);
    const attempt = new Attempt(few.core.environment.clock, 5000);
    few.copies.set('2 other', await objectOf('other', ['v']));
    const reading = get(few.core, { bucket: 'b', key: bytes('other') }, { attempt, few: few.few });
    expect(shown(await few.run(reading))).toBe('missing');
    expect(await few.later(100)).toEqual(['digest 1', 'digest 2', 'read 1', 'read 2', 'merge 1']);
    expect((await few.run(few.core.local.read(few.place('other')))).set.siblings.length).toBe(1);
  });

  it.each([
    ['fails', lost],
    ['is late', () => never],
    ['cannot say', () => Promise.resolve([undefined])],
  ])('asks all when the other one %s', async (_, digests) => {
    const few = await Few.among(3, [0, 1, 2], { digests });
    expect(shown(await few.get())).toEqual(['v']);
    expect(few.asked).toEqual(['read 1', 'read 2']);
    expect(few.few.counts).toMatchObject({ few: 0, all: 1 });
  });

  it('asks all while an owner is not known to be up, a partition moves, or this store cannot vouch', async () => {
    const few = await Few.among(4, [0, 1, 2]);
    const reads = async (): Promise<string[]> => {
      expect(shown(await few.get())).toEqual(['v']);
      await few.run(few.few.stop());
      return few.asked.splice(0).filter((what) => what.startsWith('read'));
    };
    few.standing = (member) => (member === idOf(2) ? 'doubtful' : 'up');
    expect(await reads()).toEqual(['read 1', 'read 2']);
    few.standing = () => 'up';
    few.isRecovering = true;
    expect(await reads()).toEqual(['read 1', 'read 2']);
    few.isRecovering = false;
    expect(await reads()).toEqual([]);
    const moves = new Map(few.state.ring.replicas.map((_, partition) => [partition, [0, 1, 3]]));
    few.state = { ...few.state, changes: [{ id: 'c', aims: [{ kind: 'join', member: idOf(3) }], phase: 'dual-write', moves }] };
    expect(await reads()).toEqual(['read 1', 'read 2']);
  });
});

describe('a read that the ring overtakes', () => {
  it('asks all, by the newer ring', async () => {
    let overtake = (): void => undefined;
    const digests: Peers['digests'] = (_, keys) => {
      overtake();
      return Promise.resolve(keys.map(() => hash));
    };
    const few = await Few.among(4, [0, 1, 2], { digests });
    const hash = hashOf(few.copyAt(1));
    expect(shown(await few.get())).toEqual(['v']);
    expect(few.asked.splice(0)).toEqual([]);
    const ring = stateOf(4, [1, 2, 3]).ring;
    overtake = () => (few.state = { ...few.state, epoch: few.state.epoch + 1, ringEpoch: few.state.epoch + 1, ring });
    expect(shown(await few.get())).toEqual(['v']);
    expect(few.asked.sort()).toEqual(['read 1', 'read 2', 'read 3']);
    expect(few.few.counts).toMatchObject({ few: 1, all: 1 });
  });
});

describe('a read that needs another number', () => {
  it('asks nobody else for one, and everybody for three', async () => {
    const few = await Few.among(3, [0, 1, 2]);
    await few.get({ r: 1 });
    expect(few.asked).toEqual([]);
    expect(await few.later(100)).toEqual(['digest 1', 'digest 2']);
    await few.get({ r: 1, pr: 3 });
    expect(few.asked).toEqual(['digest 1', 'digest 2']);
    await expect(few.get({ r: 4 })).rejects.toMatchObject({ code: 'QUORUM_NOT_MET' });
  });

  it('asks one owner for its copy where the asker is none', async () => {
    const few = await Few.among(4, [1, 2, 3]);
    expect(shown(await few.get())).toEqual(['v']);
    expect(few.asked.splice(0).sort()).toEqual(['digest 2', 'read 1']);
    expect(await few.later(100)).toEqual(['digest 3']);
    const taking: Peers['read'] = () => Promise.resolve({ object: few.copyAt(1), recovering: true });
    const unsure = await Few.among(4, [1, 2, 3], { read: taking });
    expect((await unsure.get()).reached).toMatchObject({ primaries: 0 });
    const cut = await Few.among(4, [1, 2, 3], { read: lost });
    await expect(cut.get()).rejects.toMatchObject({ code: 'QUORUM_NOT_MET' });
  });
});

describe('owners that were not asked', () => {
  it('are compared with as many reads as may wait, one question at a time; the rest is left out and counted', async () => {
    const asked: number[] = [];
    const digests: Peers['digests'] = (_, keys) => {
      asked.push(keys.length);
      return never;
    };
    const few = await Few.among(2, [0, 1], { digests });
    for (let i = 0; i < 256 + 1024 + 10; i++) await few.get({ r: 1 });
    await few.later(100);
    expect(asked).toEqual([256]);
    expect(few.few.bounds).toEqual({ readsToCompare: { now: 1024, most: 1024 } });
    expect(few.few.counts).toMatchObject({ few: 1290, compared: 0, leftOut: 10 });
  });

  it('that do not answer are left out; nobody is compared any more once the node stops', async () => {
    const few = await Few.among(2, [0, 1], { digests: lost });
    await few.get({ r: 1 });
    await few.later(100);
    expect(few.few.counts).toMatchObject({ compared: 0, leftOut: 1 });
    await few.run(few.few.stop());
    await few.get({ r: 1 });
    await few.later(100);
    expect(few.few.counts).toMatchObject({ compared: 0, leftOut: 2 });
  });

  it('are not asked while they are not up, nor about a bucket that was dropped meanwhile', async () => {
    const few = await Few.among(2, [0, 1]);
    few.forget(1);
    await few.get({ r: 1 });
    few.standing = () => 'down';
    expect(await few.later(100)).toEqual([]);
    expect(few.few.counts).toMatchObject({ compared: 0, leftOut: 1 });
    few.standing = () => 'up';
    await few.get({ r: 1 });
    await few.run(few.core.buckets.follow(new Map([['b', { generation: 2, given: {}, exists: false }]])));
    expect(await few.later(100)).toEqual(['digest 1']);
    expect(few.few.counts).toMatchObject({ compared: 1, differing: 0 });
  });

  it('are no different when the key was written between the read and the comparing', async () => {
    const few = await Few.among(2, [0, 1]);
    await few.get({ r: 1 });
    const newer = await objectOf('k', ['v', 'w']);
    await few.run(few.core.local.merge(few.place(), newer));
    few.copies.set('1 k', newer);
    expect(await few.later(100)).toEqual(['digest 1']);
    expect(few.few.counts).toMatchObject({ compared: 1, differing: 0 });
  });
});
