/**
 * Other nodes over rpc: the calling side and the answering side of each method, one below the other, so that what goes
 * in on one end is read on the other. The messages are drawn in `wire.ts`.
 */
import { CoterieError, isCoterieError, type Timers } from '@coterie/env';
import type { Hash64 } from '@coterie/ring';
import { type Endpoint, errorToBody, type IncomingRequest, type RequestOptions, type RpcAnswer, type RpcRequest } from '@coterie/rpc';
import type { DeleteRequest, PutRequest, WriteReply } from '../api.ts';
import type { ClusterState } from '../cluster/state.ts';
import { memberOf } from '../cluster/state.ts';
import { decodeDigests, digestsMax, encodeDigests } from '../coordinator/digests.ts';
import { addressFrom } from '../store/layout.ts';
import { addressSeed, type CausalObject, decodeObject, encodeObject } from '../objects/object.ts';
import type { KeyStretch, StretchOrder } from '../coordinator/list-keys.ts';
import { MergeBundles, type Parcel } from './merge-bundles.ts';
import type {
  CopyPage,
  HashPage,
  MergeOrder,
  ObjectHash,
  OutlinedObject,
  PartitionRanges,
  PeerQuestion,
  Peers,
  RemoteCopy,
} from './peers.ts';
import type { Place } from '../replica/replica.ts';
import type { MergedBundle, PeerService } from './serve.ts';
import {
  arrayOf,
  bundleMax,
  bytesAt,
  malformed,
  memberIdOf,
  numberOf,
  openFields,
  openReply,
  packBundleAnswer,
  packFields,
  packReply,
  textOf,
} from './wire.ts';

/** What the calling side needs. */
export interface RemotePeersParts {
  readonly endpoint: Pick<Endpoint, 'request'>;
  readonly state: () => ClusterState;
  readonly timeoutMs: number;
  readonly timers: Pick<Timers, 'turn'>;
}

const noValues: readonly Uint8Array[] = [];
const nothing: Uint8Array = new Uint8Array();

type Question = Pick<RpcRequest, 'method' | 'body' | 'values'> & Pick<RequestOptions, 'atOnce'>;

/** How much longer than an operation may take its forwarder waits, for the way there and back. */
const wayMs = 50;
/** Owners whose hints are asked for in one question: those of two lists of sixteen. */
const ownersMax = 32;
/** Objects compared in one question. */
const objectsMax = 1024;
/** Pages and barriers may take longer than a copy. */
const slowTimes = 5;

/** Asks other nodes over rpc. */
export class RemotePeers implements Peers {
  readonly #parts: RemotePeersParts;
  readonly #bundles: MergeBundles;

  constructor(parts: RemotePeersParts) {
    this.#parts = parts;
    this.#bundles = new MergeBundles({
      timers: parts.timers,
      one: (member, parcel) => this.#mergeOne(member, parcel, false),
      many: (member, parcels) => this.#mergeMany(member, parcels),
      addressOf: (member) => memberOf(parts.state(), member)?.peer ?? member,
    });
  }

  async read(member: string, place: Place, hintsFor: readonly string[]): Promise<RemoteCopy> {
    const { objectKey } = place.address;
    const answer = await this.#askTwice(member, { method: 'read', body: [hintsFor], values: [objectKey] }, asItIs);
    const [recovering] = arrayOf(answer.body, 'answer');
    return { object: decodeObject(bytesAt(answer.values, 0), 0, addressSeed(objectKey)), recovering: recovering === true };
  }

  merge(member: string, place: Place, { object, order }: { readonly object: CausalObject; readonly order: MergeOrder }): Promise<boolean> {
    const { objectKey } = place.address;
    const parcel = { objectKey, object: encodeObject(object, addressSeed(objectKey)), hintFor: order.hintFor };
    return order.background === true ? this.#mergeOne(member, parcel, true) : this.#bundles.send(member, parcel);
  }

  // A boolean: it is a field of the message.
  #mergeOne(member: string, { objectKey, object, hintFor }: Parcel, isBackground: boolean): Promise<boolean> {
    const message = { method: 'merge', body: [hintFor ?? null, isBackground], values: [objectKey, object], atOnce: !isBackground };
    return this.#askTwice(member, message, syncedIn);
  }

  #mergeMany(member: string, parcels: readonly Parcel[]): Promise<unknown> {
    const body: (string | null)[] = [];
    const values: Uint8Array[] = [];
    for (const { objectKey, object, hintFor } of parcels) {
      body.push(hintFor ?? null);
      values.push(objectKey, object);
    }
    return this.#askTwice(member, { method: 'merges', body, values, atOnce: true }, bodyOf);
  }

  async put(member: string, request: PutRequest): Promise<WriteReply> {
    const values = [request.key, request.value];
    const message = { method: 'put', body: [request.bucket, packFields(request)], values };
    return openReply((await this.#ask(member, message, (request.timeoutMs ?? 0) + wayMs)).body);
  }

  async delete(member: string, request: DeleteRequest): Promise<WriteReply> {
    const message = { method: 'delete', body: [request.bucket, packFields(request)], values: [request.key] };
    return openReply((await this.#ask(member, message, (request.timeoutMs ?? 0) + wayMs)).body);
  }

  async page(member: string, ranges: PartitionRanges, cursor: Uint8Array | undefined): Promise<CopyPage> {
    const values = cursor === undefined ? [] : [cursor];
    const answer = await this.#ask(member, { method: 'page', body: ranges, values }, slowTimes * this.#parts.timeoutMs);
    const count = countOf(answer, 2);
    const records = Array.from({ length: count }, (_, i) => ({
      objectKey: bytesAt(answer.values, 2 * i).slice(),
      object: bytesAt(answer.values, 2 * i + 1).slice(),
    }));
    const next = answer.values[2 * count];
    return next === undefined ? { records } : { records, cursor: next.slice() };
  }

  async hashes(member: string, ranges: PartitionRanges, cursor: Uint8Array | undefined): Promise<HashPage> {
    const values = cursor === undefined ? [] : [cursor];
    const answer = await this.#ask(member, { method: 'hashes', body: ranges, values }, slowTimes * this.#parts.timeoutMs);
    const said = arrayOf(answer.body, 'answer', answer.values.length);
    const hashes = said.map((hash, at) => ({ objectKey: bytesAt(answer.values, at).slice(), hash: hashOf(hash) }));
    const next = answer.values[said.length];
    return next === undefined ? { hashes } : { hashes, cursor: next.slice() };
  }

  async digests(member: string, objectKeys: readonly Uint8Array[]): Promise<readonly (Hash64 | undefined)[]> {
    const answer = await this.#askTwice(member, { method: 'digests', body: null, values: objectKeys }, asItIs);
    return decodeDigests(bytesAt(answer.values, 0), objectKeys.length);
  }

  async lacking(member: string, objects: readonly OutlinedObject[]): Promise<readonly number[]> {
    const body = objects.map(({ hash }) => [hash.high, hash.low]);
    const answer = await this.#ask(member, {
      method: 'lacking',
      body,
      values: [...objects.map(({ objectKey }) => objectKey), ...objects.map(({ outline = nothing }) => outline)],
    });
    return arrayOf(answer.body, 'answer').map((position) => numberOf(position, 'position', objects.length));
  }

  async keys(member: string, order: StretchOrder, down: readonly string[]): Promise<KeyStretch> {
    const { bucket, prefix, after, limit } = order;
    const values = after === undefined ? [prefix] : [prefix, after];
    const answer = await this.#ask(member, { method: 'keys', body: [bucket, limit, down], values });
    const count = countOf(answer, 1);
    const keys = Array.from({ length: count }, (_, at) => bytesAt(answer.values, at).slice());
    const bound = answer.values[count];
    return bound === undefined ? { keys } : { keys, bound: bound.slice() };
  }

  async usedBuckets(member: string): Promise<readonly string[]> {
    const answer = await this.#ask(member, { method: 'buckets', body: [] });
    return arrayOf(answer.body, 'answer').map((name) => textOf(name, 'bucket'));
  }

  async barrier(member: string, epoch: number): Promise<void> {
    await this.#ask(member, { method: 'barrier', body: [epoch] }, slowTimes * this.#parts.timeoutMs);
  }

  async clock(member: string): Promise<number> {
    const answer = await this.#ask(member, { method: 'clock', body: [] });
    return numberOf(arrayOf(answer.body, 'answer')[0], 'clock');
  }

  async missing(member: string, change: string): Promise<string | undefined> {
    const answer = await this.#ask(member, { method: 'taken-over', body: [change] });
    const [hasAll, reason] = arrayOf(answer.body, 'answer');
    if (hasAll === true) return undefined;
    return reason === undefined ? '' : textOf(reason, 'reason');
  }

  ask(member: string, question: PeerQuestion): Promise<RpcAnswer> {
    return this.#ask(member, question, slowTimes * this.#parts.timeoutMs);
  }

  /**
   * Asks again when the connection turns out to be lost: it may have died long ago, while this node or the other stood still.
   * Only for what may be carried out twice.
   */
  #askTwice<T>(member: string, message: Question, open: (answer: RpcAnswer) => T): Promise<T> {
    return this.#ask(member, message).then(open, (error: unknown) => {
      if (!isCoterieError(error, 'CONNECTION_LOST') || error.details.mayHaveTakenEffect !== true) throw error;
      return this.#ask(member, message).then(open);
    });
  }

  #ask(member: string, message: Question, timeoutMs = this.#parts.timeoutMs): Promise<RpcAnswer> {
    const state = this.#parts.state();
    const known = memberOf(state, member);
    if (known === undefined) return Promise.reject(new CoterieError('CONNECTION_LOST', `${member} is not a member any more`));
    const { method, body, values = noValues, atOnce } = message;
    // Spelt out: an object that is spread and then added to has a shape of its own each time, and all who read it are slow.
    return this.#parts.endpoint.request(known.peer, { method, epoch: state.epoch, body, values, expect: member }, { timeoutMs, atOnce });
  }
}

function asItIs(answer: RpcAnswer): RpcAnswer {
  return answer;
}

function bodyOf({ body }: RpcAnswer): unknown {
  return body;
}

function syncedIn({ body }: RpcAnswer): boolean {
  return arrayOf(body, 'answer')[0] === true;
}

/** What the answering side can do. */
export interface Answering {
  readonly service: PeerService;
  put(request: PutRequest): Promise<WriteReply>;
  delete(request: DeleteRequest): Promise<WriteReply>;
  missing(change: string): string | undefined;
}

function answerSynced(synced: boolean): { readonly body: unknown } {
  return { body: [synced] };
}

function answerBundle({ isSynced, failures }: MergedBundle): { readonly body: unknown } {
  return {
    body: packBundleAnswer(
      isSynced,
      failures.map(({ position, error }) => ({ position, error: errorToBody(error) })),
    ),
  };
}

type Handler = (request: IncomingRequest) => Promise<{ readonly body: unknown; readonly values?: readonly Uint8Array[] }>;

/** The handlers of every method, by name. */
export function peerHandlers({ service, put, delete: remove, missing }: Answering): Readonly<Record<string, Handler>> {
  return {
    read: async ({ epoch, body, values }) => {
      const address = addressFrom(bytesAt(values, 0));
      const hintsFor = arrayOf(arrayOf(body, 'body')[0], 'owners', ownersMax).map(memberIdOf);
      const { object, recovering } = await service.read(epoch, address, hintsFor);
      return { body: [recovering], values: [encodeObject(object, addressSeed(address.objectKey))] };
    },
    ...mergeHandlers(service),
    put: async ({ body, values }) => {
      const [bucket, fields] = arrayOf(body, 'body');
      const [key, value] = [bytesAt(values, 0), bytesAt(values, 1)];
      return { body: packReply(await put({ ...openFields(fields), bucket: textOf(bucket, 'bucket'), key, value })) };
    },
    delete: async ({ body, values }) => {
      const [bucket, fields] = arrayOf(body, 'body');
      const { contentType: _type, ttlMs: _ttl, ...rest } = openFields(fields);
      return { body: packReply(await remove({ ...rest, bucket: textOf(bucket, 'bucket'), key: bytesAt(values, 0) })) };
    },
    ...pageHandlers(service),
    digests: async ({ epoch, values }) => {
      if (values.length > digestsMax) throw malformed('keys');
      return { body: null, values: [encodeDigests(await service.digests(epoch, values))] };
    },
    lacking: async ({ body, values }) => ({ body: await service.lacking(outlinedFrom(body, values)) }),
    keys: async ({ epoch, body, values }) => {
      const [bucket, limit, down] = arrayOf(body, 'body');
      const order = {
        bucket: textOf(bucket, 'bucket'),
        limit: Math.min(numberOf(limit, 'limit'), 1000),
        prefix: bytesAt(values, 0).slice(),
        after: values[1]?.slice(),
      };
      const { keys, bound } = await service.keys(epoch, order, arrayOf(down, 'down').map(memberIdOf));
      return { body: [keys.length], values: bound === undefined ? keys : [...keys, bound] };
    },
    buckets: async () => ({ body: service.usedBuckets() }),
    clock: async () => ({ body: [service.wallClock()] }),
    barrier: async ({ body }) => {
      await service.barrier(numberOf(arrayOf(body, 'body')[0], 'epoch'));
      return { body: [] };
    },
    'taken-over': async ({ body }) => {
      const reason = missing(textOf(arrayOf(body, 'body')[0], 'change'));
      return { body: reason === undefined ? [true] : [false, reason] };
    },
  };
}

/** Copies to be merged, one or several. */
function mergeHandlers(service: PeerService): Readonly<Record<string, Handler>> {
  return {
    // No async function: most of what nodes ask each other is this, and each promise less is half a microsecond.
    merge: ({ epoch, body, values }) => {
      const [hintFor, background] = arrayOf(body, 'body');
      const order = { hintFor: hintFor === null ? undefined : memberIdOf(hintFor), background: background === true };
      return service.merge(epoch, addressFrom(bytesAt(values, 0)), { object: bytesAt(values, 1), order }).then(answerSynced);
    },
    merges: ({ epoch, body, values }) => {
      const owners = arrayOf(body, 'body', bundleMax);
      if (values.length !== 2 * owners.length) throw malformed('objects');
      const copies = owners.map((owner, at) => ({
        address: addressFrom(values[2 * at]),
        object: values[2 * at + 1],
        order: { hintFor: owner === null ? undefined : memberIdOf(owner) },
      }));
      return service.mergeAll(epoch, copies).then(answerBundle);
    },
  };
}

/** What those ask who take partitions over: what is there, or only its hashes. Not before this side has left the older ring. */
function pageHandlers(service: PeerService): Readonly<Record<string, Handler>> {
  return {
    page: async ({ epoch, body, values }) => {
      const ranges = arrayOf(body, 'body').map(rangeOf);
      await service.barrier(epoch);
      const { records, cursor } = await service.page(ranges, values[0]?.slice());
      const sent = records.flatMap(({ objectKey, object }) => [objectKey, object]);
      return { body: [records.length], values: cursor === undefined ? sent : [...sent, cursor] };
    },
    hashes: async ({ epoch, body, values }) => {
      const ranges = arrayOf(body, 'body').map(rangeOf);
      await service.barrier(epoch);
      const { hashes, cursor } = await service.hashes(ranges, values[0]?.slice());
      const keys = hashes.map(({ objectKey }) => objectKey);
      return { body: hashes.map(({ hash }) => [hash.high, hash.low]), values: cursor === undefined ? keys : [...keys, cursor] };
    },
  };
}

/** Objects as `lacking` asks about them. @throws `PROTOCOL` */
function outlinedFrom(body: unknown, values: readonly Uint8Array[]): OutlinedObject[] {
  const hashes = arrayOf(body, 'body', objectsMax);
  return hashes.map((hash, at) => ({
    objectKey: bytesAt(values, at).slice(),
    hash: hashOf(hash),
    ...outlineAt(values, hashes.length + at),
  }));
}

/** The outline among these values; one that is empty or not there is none. */
function outlineAt(values: readonly Uint8Array[], at: number): { readonly outline?: Uint8Array } {
  const outline = values[at];
  return outline === undefined || outline.length === 0 ? {} : { outline };
}

/** How many things of `each` values an answer carries. @throws `PROTOCOL` */
function countOf({ body, values }: RpcAnswer, each: number): number {
  return numberOf(arrayOf(body, 'answer')[0], 'count', Math.floor(values.length / each) + 1);
}

function rangeOf(value: unknown): readonly [number, number] {
  const [from, until] = arrayOf(value, 'range').map((bound) => numberOf(bound, 'partition'));
  if (from === undefined || until === undefined || until <= from) throw malformed('range');
  return [from, until];
}

function hashOf(value: unknown): ObjectHash['hash'] {
  const [high, low] = arrayOf(value, 'hash').map((word) => numberOf(word, 'hash'));
  return { high: high ?? 0, low: low ?? 0 };
}
