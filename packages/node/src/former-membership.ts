/** What a store from before there was a ring log says of its node: it becomes the founder of its own cluster, under the same id and key. */
import { namedKey, space } from './layout.ts';
import type { Store } from './store.ts';

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
  const record = await store.get(membershipKey);
  return record && (JSON.parse(new TextDecoder().decode(record)) as FormerMembership);
}
