/** Two stores that merge each other's objects, as replication will: what a store loses, and takes back, costs nothing. */
import { Context } from '@coterie/vector-clock';
import { describe, expect, it } from 'vitest';
import { type Core, placeOf } from '../src/core.ts';
import { Attempt } from '../src/coordinator/deadlines.ts';
import { get } from '../src/coordinator/get.ts';
import type { Life } from '../src/store/life.ts';
import { encodeOutline, outlineOf } from '../src/anti-entropy/outline.ts';
import { stateHash } from '../src/anti-entropy/state-hash.ts';
import { EpochGate } from '../src/peers/epoch-gate.ts';
import { addressSeed, type CausalObject, decodeObject, encodeObject, hashOf } from '../src/objects/object.ts';
import { PeerService } from '../src/peers/serve.ts';
import { put } from '../src/coordinator/put.ts';
import type { HintLedger } from '../src/replica/hint-ledger.ts';
import { makeCore } from './core.ts';
import { bytes, text, World } from './world.ts';

const key = bytes('k');

/** One store with a replica on it. */
class Member {
  readonly world: World;
  core!: Core;
  life!: Life;
  hints!: HintLedger;

  constructor(seed: number) {
    this.world = new World(seed);
  }

  async start(): Promise<this> {
    Object.assign(this, await makeCore(this.world));
    return this;
  }

  put(value: string, operation?: string): Promise<unknown> {
    const request = { bucket: 'b', key, value: bytes(value), ...(operation === undefined ? {} : { operation }) };
    return this.world.run(put(this.core, request, { attempt: new Attempt(this.core.environment.clock, 5000), origin: 'client' }));
  }

  read(): Promise<CausalObject> {
    return this.world.run(this.core.local.read(placeOf(this.core, 'b', key)));
  }

  /** Takes over what the other knows, as bytes on a wire. */
  async mergeFrom(object: CausalObject): Promise<void> {
    const place = placeOf(this.core, 'b', key);
    const seed = addressSeed(place.address.objectKey);
    await this.world.run(this.core.local.merge(place, decodeObject(encodeObject(object, seed), 0, seed)));
  }

  /** Hands the key away: the copy is gone, the store goes on. */
  forget(): void {
    for (const name of this.world.disk.entries.keys()) {
      if (name.charCodeAt(0) === 0x10) this.world.disk.entries.delete(name);
    }
  }

  async values(): Promise<string[]> {
    const reply = await this.world.run(get(this.core, { bucket: 'b', key }, { attempt: new Attempt(this.core.environment.clock, 5000) }));
    return reply.state === 'found' ? reply.siblings.map((sibling) => text(sibling.value)).sort() : [];
  }
}

async function pair(): Promise<[Member, Member]> {
  return [await new Member(1).start(), await new Member(2).start()];
}

describe('a replica among others', () => {
  it('merges, never overwrites, and ends equal byte for byte', async () => {
    const [a, b] = await pair();
    await a.put('from a');
    await b.put('from b');
    await a.mergeFrom(await b.read());
    await b.mergeFrom(await a.read());
    expect(await a.values()).toEqual(['from a', 'from b']);
    expect(encodeObject(await a.read(), 0)).toEqual(encodeObject(await b.read(), 0));
  });

  it('says that it lacks something of a copy that is newer or stands beside its own, not of an older one', async () => {
    const [a, b] = await pair();
    await a.put('from a');
    const older = await a.read();
    await b.mergeFrom(older);
    const service = new PeerService(b.core, new EpochGate(() => 1));
    const { objectKey } = placeOf(b.core, 'b', key).address;
    const lacks = (object: CausalObject, outline?: Uint8Array): Promise<number[]> =>
      b.world.run(service.lacking([{ objectKey, hash: hashOf(object), ...(outline === undefined ? {} : { outline }) }]));
    const outlined = (object: CausalObject): Uint8Array => encodeOutline(outlineOf(object, stateHash(objectKey, object)));
    expect(await lacks(older, outlined(older))).toEqual([]);
    await b.put('from b');
    expect(await lacks(older, outlined(older))).toEqual([]);
    expect(await lacks(older)).toEqual([0]);
    await a.put('again from a');
    const beside = await a.read();
    expect(await lacks(beside, outlined(beside))).toEqual([0]);
  });

  it('keeps both values of a fallback that handed over, forgot, and took another write (scenario 19)', async () => {
    const [fallback, owner] = await pair();
    await fallback.put('first');
    await owner.mergeFrom(await fallback.read());
    fallback.forget();
    await fallback.put('second');
    await owner.mergeFrom(await fallback.read());
    expect(await owner.values()).toEqual(['first', 'second']);
  });

  it('loses nothing when an older copy comes back to it before it coordinates again (scenario 2)', async () => {
    const [store, behind] = await pair();
    const ahead = await new Member(3).start();
    await store.put('one');
    await behind.mergeFrom(await store.read());
    await store.put('two');
    await ahead.mergeFrom(await store.read());
    store.forget();
    await store.mergeFrom(await behind.read());
    await store.put('three');
    await ahead.mergeFrom(await store.read());
    expect(await ahead.values()).toEqual(['one', 'three', 'two']);
  });

  it('begins a new life when a peer shows it a dot of its own that it has not made (scenario 2: restored unnoticed)', async () => {
    const [store, peer] = await pair();
    await store.put('kept');
    const backup = store.world.disk.copy();
    await store.put('lost');
    await peer.mergeFrom(await store.read());
    const { incarnation } = store.life;
    await store.world.run(store.life.stop(0));
    for (const [name, value] of backup.entries) store.world.disk.entries.set(name, value);
    // As if the clean mark and the file had been put back with the data.
    const record = [...store.world.disk.entries].find(([name]) => name === '\u0001life');
    if (record === undefined) throw new Error('the life record is there');
    record[1][1] = 1;
    store.world.disk.entries.set(...record);
    await store.start();
    expect(store.life.incarnation).toBe(incarnation);
    await store.mergeFrom(await peer.read());
    expect(store.life.hasEnded).toBe(true);
    await store.put('after');
    expect(store.life.incarnation).not.toBe(incarnation);
    await peer.mergeFrom(await store.read());
    expect(await peer.values()).toEqual(['after', 'kept', 'lost']);
  });

  it('makes one sibling of an operation that two coordinators took (scenario 9)', async () => {
    const [a, b] = await pair();
    await a.put('v', 'same');
    await b.put('v', 'same');
    await a.mergeFrom(await b.read());
    await b.mergeFrom(await a.read());
    expect(await a.values()).toEqual(['v']);
    expect(encodeObject(await a.read(), 0)).toEqual(encodeObject(await b.read(), 0));
  });
});

describe('a store that keeps as much for others as it may', () => {
  it('keeps no write more that others have already, and does not deny it', async () => {
    const [fallback, owner] = await pair();
    await owner.put('v', 'same');
    const base = await owner.read();
    const place = { ...placeOf(fallback.core, 'b', key), hintFor: '00000000000000bb' };
    const write = {
      place,
      operation: 'same',
      context: Context.empty,
      base,
      decide: () => base,
      answer: () => ({ context: 'c', etag: 'e' }),
      isIn: () => true,
      repeated: () => ({ context: 'c', etag: 'e' }),
    };
    const coordinate = (): Promise<unknown> =>
      fallback.world.run(fallback.core.local.coordinate(write, new Attempt(fallback.core.environment.clock, 5000)));
    while (fallback.hints.total < 1000) fallback.hints.added('00000000000000cc');
    await expect(coordinate()).rejects.toMatchObject({ code: 'OVERLOADED', details: { mayHaveTakenEffect: true } });
    expect(fallback.hints.total).toBe(1000);
    fallback.hints.removed('00000000000000cc');
    await coordinate();
    expect(fallback.hints.total).toBe(1000);
  });
});
