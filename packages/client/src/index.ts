/**
 * A client for programs: `connect` to a cluster, then get, put, update and delete. See the README for an example.
 */
import { createNodeEnvironment, createNodeHttp } from '@coterie/env-node';
import type { Database } from './database.ts';
import { openDatabase } from './open.ts';
import type { ConnectOptions } from './options.ts';

export type {
  CallOptions,
  DeleteOptions,
  Found,
  KeyState,
  NewValue,
  PutEntry,
  PutOptions,
  Reached,
  ReadOptions,
  Sibling,
  Written,
} from './api.ts';
export type { Bucket, BucketProperties, BucketState } from './bucket.ts';
export type { Database, Document } from './database.ts';
export type { KeysOptions } from './key-pages.ts';
export type { Outcome } from './many.ts';
export type { Bytes } from './names.ts';
export type { ClientWorld, ConnectOptions } from './options.ts';
export type { Resolution, Resolver, UpdateOptions } from './update.ts';

/**
 * A database, once one of the nodes at `urls` (`http://HOST:PORT`, any of a cluster) has answered. From it the client learns
 * the ring, and goes straight to the node that coordinates a key.
 * @throws CoterieError `INVALID_ARGUMENT` for a URL or option that is none; `CONNECTION_LOST`, `TIMEOUT`, `NOT_READY` or
 * `PROTOCOL` when no node answers, naming those that were tried
 */
export function connect(urls: string | readonly string[], options: ConnectOptions = {}): Promise<Database> {
  return openDatabase(urls, options, {
    environment: () => createNodeEnvironment(),
    transport: ({ connectionsMax }) => createNodeHttp({ connectionsMax }),
  });
}
