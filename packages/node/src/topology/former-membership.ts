/** What a store from before there was a ring log says of its node: it becomes the founder of its own cluster, under the same id and key. */
import { isCoterieError } from '@coterie/env';
import { namedKey, space } from '../store/layout.ts';
import type { Store } from '../store/store.ts';

/** A record of format 1. */
export interface FormerMembership {
  readonly id: string;
  readonly partitions: number;
  /** 64 hex digits. */
  readonly clusterKey: string;
}

const membershipKey: Uint8Array = namedKey(space.own, new TextEncoder().encode('membership'));

/** The record, if the store has one. */
export async function readFormerMembership(store: Store): Promise<FormerMembership | undefined> {
  const record = await store.get(membershipKey).catch(nothingIfLost);
  return record && (JSON.parse(new TextDecoder().decode(record)) as FormerMembership);
}

/** A store that has lost some of its own records was in a cluster of today long since: this one is from before. */
function nothingIfLost(error: unknown): undefined {
  if (!isCoterieError(error, 'CORRUPTION')) throw error;
}

const memberKey: Uint8Array = namedKey(space.own, new TextEncoder().encode('member'));

/** The member's id as the store keeps it, for the day when the member file is damaged. */
export async function readKeptId(store: Store): Promise<string | undefined> {
  const record = await store.get(memberKey).catch(nothingIfLost);
  return record && new TextDecoder().decode(record);
}

/** Has the store keep the id; durable when it resolves. */
export async function keepId(store: Store, id: string): Promise<void> {
  if ((await readKeptId(store)) === id) return;
  const batch = store.batch();
  batch.put(memberKey, new TextEncoder().encode(id));
  await batch.commit({ durable: true });
}
