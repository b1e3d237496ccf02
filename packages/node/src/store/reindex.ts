/**
 * Makes the index of keys anew from the objects, where entries of it were lost. An entry is compared with its object until
 * both agree, so a write that comes between is not undone.
 */
import { equalBytes } from '@coterie/bytes';
import type { Core } from '../core.ts';
import { indexEntryOf } from '../replica/key-index.ts';
import { addressAt, indexKey, space, successor } from './layout.ts';

/** Objects looked at together. */
const pageObjects = 128;
/** A key that is written all the time has an entry already. */
const triesMax = 8;

/** Writes every entry that is missing or wrong. @throws what the store refuses */
export async function reindex(core: Core): Promise<void> {
  const end = Uint8Array.of(space.object + 1);
  for (let next: Uint8Array | undefined = Uint8Array.of(space.object); next !== undefined; ) {
    const keys: Uint8Array[] = [];
    for await (const [objectKey] of core.store.range({ gte: next, lt: end, limit: pageObjects })) keys.push(objectKey);
    for (const objectKey of keys) await reindexOne(core, objectKey);
    const last = keys.at(-1);
    next = last === undefined || keys.length < pageObjects ? undefined : successor(last);
  }
}

async function reindexOne(core: Core, objectKey: Uint8Array): Promise<void> {
  const address = addressAt(objectKey);
  const bucket = core.buckets.get(address.bucket);
  if (address.generation !== bucket.generation) return;
  const key = indexKey({ bucket: bucket.name, bucketBytes: bucket.nameBytes, generation: address.generation, key: address.key });
  for (let tries = 0; tries < triesMax; tries++) {
    const entry = indexEntryOf(await core.local.read({ bucket, address }), bucket.properties.conflict);
    const found = await core.store.get(key);
    if (found !== undefined && equalBytes(found, entry)) return;
    const batch = core.store.batch();
    batch.put(key, entry);
    await batch.commit({ durable: false });
  }
}
