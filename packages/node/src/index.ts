export { startNode } from './start.ts';
export type { NodeOptions, SyncMode } from './options.ts';
export type { NodeLimits } from './limits.ts';
export type { Durability, OpenStore, Store, StoreBatch, StoreOpening, StoreRange } from './store.ts';
export type {
  Bucket,
  BucketProperties,
  Conditions,
  CoterieNode,
  DeleteRequest,
  GetReply,
  GetRequest,
  KeyPage,
  KeyPageRequest,
  NodeStatus,
  Placement,
  PutRequest,
  Reached,
  SiblingValue,
  WriteReply,
} from './api.ts';
