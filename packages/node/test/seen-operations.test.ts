/** A context tells whoever coordinates with it which operations its holder has seen. */
import { Context } from '@coterie/vector-clock';
import { describe, expect, it } from 'vitest';
import { seenOperationsLevel } from '../src/cluster/level.ts';
import type { PutRequest, WriteReply } from '../src/api.ts';
import { Attempt } from '../src/coordinator/deadlines.ts';
import { get } from '../src/coordinator/get.ts';
import { put } from '../src/coordinator/put.ts';
import { type Core, openContext, placeOf } from '../src/core.ts';
import { noneReplaced } from '../src/objects/replaced.ts';
import { emptyObject } from '../src/objects/object.ts';
import { hearingOf, namingOperations } from '../src/objects/seen-operations.ts';
import { linkOfOne, makeCore, stateOfOne } from './core.ts';
import { bytes, World } from './world.ts';

const early = '123e4567-e89b-42d3-a456-426614174000';
const later = '123e4567-e89b-42d3-a456-426614174001';
const latest = '123e4567-e89b-42d3-a456-426614174002';

/** A store that has heard of no other: as one is that missed what the others have. */
class Apart {
  readonly #world: World;
  readonly core: Core;

  private constructor(world: World, core: Core) {
    this.#world = world;
    this.core = core;
  }

  static async make(seed: number, { conflict = 'siblings' as 'siblings' | 'lww', level = seenOperationsLevel } = {}): Promise<Apart> {
    const world = new World(seed);
    const { core } = await makeCore(world);
    const bucket = core.buckets.get('b');
    const buckets = Object.assign(Object.create(core.buckets) as Core['buckets'], {
      get: () => ({ ...bucket, properties: { ...bucket.properties, conflict } }),
    });
    return new Apart(world, { ...core, buckets, cluster: linkOfOne({ ...stateOfOne(), level }) });
  }

  async put(value: string, operation: string, context?: string): Promise<string> {
    return (await this.#put({ value: bytes(value), operation, ...(context === undefined ? {} : { context }) })).context;
  }

  /** Writes if the key is still as it was. */
  async putUnchanged(value: string, operation: string, before: WriteReply): Promise<WriteReply> {
    const { context, etag } = before;
    return this.#put({ value: bytes(value), operation, context, conditions: { ifMatch: etag } });
  }

  async #put(of: Omit<PutRequest, 'bucket' | 'key'>): Promise<WriteReply> {
    const on = { attempt: new Attempt(this.core.environment.clock, 5000), origin: 'client' as const };
    return this.#world.run(put(this.core, { bucket: 'b', key: bytes('k'), ...of }, on));
  }

  /** Writes without looking. */
  begin(value: string, operation: string): Promise<WriteReply> {
    return this.#put({ value: bytes(value), operation });
  }

  async values(): Promise<string[]> {
    const attempt = new Attempt(this.core.environment.clock, 5000);
    const found = await this.#world.run(get(this.core, { bucket: 'b', key: bytes('k') }, { attempt }));
    return found.state === 'found' ? found.siblings.map(({ value }) => Buffer.from(value).toString()) : [];
  }
}

describe('a second try that comes after its successor', () => {
  it.each(['siblings', 'lww'] as const)('changes nothing in a %s bucket, where its first was never heard of', async (conflict) => {
    const [there, here] = [await Apart.make(1, { conflict }), await Apart.make(2, { conflict })];
    const seen = await there.put('x', early);
    await here.put('y', later, seen);
    await here.put('x', early);
    expect(await here.values()).toEqual(['y']);
  });

  it('changes nothing after the successor of its successor either', async () => {
    const [first, second, here] = [await Apart.make(1), await Apart.make(2), await Apart.make(3)];
    await here.put('z', latest, await second.put('y', later, await first.put('x', early)));
    await here.put('x', early);
    expect(await here.values()).toEqual(['z']);
  });

  it('is a write where the context that was used had not seen the first', async () => {
    const here = await Apart.make(1);
    await here.put('y', later);
    await here.put('x', early);
    expect((await here.values()).sort()).toEqual(['x', 'y']);
  });

  it('is carried out with a context that names it, if it is not known here: nobody else may hold it', async () => {
    const [there, here] = [await Apart.make(1), await Apart.make(2)];
    await here.put('x', early, await there.put('x', early));
    expect(await here.values()).toEqual(['x']);
  });
});

describe('a context', () => {
  it('leaves the etag of the key what it was: a write on condition of it is taken', async () => {
    const here = await Apart.make(1);
    const first = await here.begin('x', early);
    await here.putUnchanged('y', later, first);
    expect(await here.values()).toEqual(['y']);
    await expect(here.putUnchanged('z', latest, first)).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' });
  });

  it('names no operations while a member could not read that', async () => {
    const there = await Apart.make(1, { level: seenOperationsLevel - 1 });
    const token = await there.put('x', early);
    const place = placeOf(there.core, 'b', bytes('k'));
    expect(openContext(there.core, place, token)?.notes).toEqual(new Uint8Array());
  });

  it('without operations that anybody asks for again is as it was, and so is a copy that it says nothing new of', () => {
    expect(namingOperations(Context.empty, emptyObject, { level: seenOperationsLevel })).toBe(Context.empty);
    expect(hearingOf(emptyObject, Context.empty, later)).toBe(emptyObject);
    const known = { ...emptyObject, replaced: noneReplaced.heard(new Uint8Array(), early) };
    expect(hearingOf(known, Context.empty.withNotes(known.replaced.bytes), later)).toBe(known);
  });
});
