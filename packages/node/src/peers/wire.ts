/**
 * What nodes say to each other, as bodies (positional arrays of plain values) and raw values beside them. Keys, objects
 * and cursors travel raw; everything that comes in is checked here before anybody uses it.
 *
 * ```
 *  method    body                                       values           answer: body │ values
 *  read      [[owner…]]                                 address          [recovering] │ object
 *  merge     [hintFor│null, background]                 address, object  [synced]
 *  merges    [hintFor│null…]                            address, object, …   [synced, [position, error…]]
 *  put       [bucket, fields]                           key, value       [context, etag, primaries, fallbacks, synced]
 *  delete    [bucket, fields]                           key              the same
 *  page      [[from, until]…]                           cursor?          [more] │ address, object, …, cursor?
 *  hashes    [[from, until]…]                           cursor?          [[high, low]…] │ address…, cursor?
 *  digests   null                                       address…         null │ row of 9 bytes for each key (`digests.ts`)
 *  lacking   [[high, low]…]                  address…, outline… (or empty)      [position…]
 *  keys      [bucket, limit, [down…]]                   prefix, after?   [count] │ key…, bound?
 *  buckets   []                                                        [name…]
 *  clock     []                                                        [wall clock]
 *  barrier   [epoch]                                                     []
 *  taken-over [change]                                                   [true] or [false, reason]
 * ```
 *
 * An address travels as the key under which the object lies (`layout.ts`).
 */
import { CoterieError } from '@coterie/env';
import type { Conditions, DeleteRequest, PutRequest, WriteReply } from '../api.ts';

/** Fields of a write that are not bytes; absent ones are left out. */
export type WriteFields = Omit<PutRequest, 'bucket' | 'key' | 'value'>;

type Check = (value: unknown) => boolean;
const isText: Check = (value) => typeof value === 'string';
const isNumber: Check = (value) => typeof value === 'number';

/** In the order in which they travel. Append only. */
const fieldChecks: readonly (readonly [name: string, check: Check])[] = [
  ['contentType', isText],
  ['context', isText],
  ['operation', isText],
  ['ttlMs', isNumber],
  ['w', isNumber],
  ['pw', isNumber],
  ['timeoutMs', isNumber],
  ['ifNoneMatch', (value) => value === '*'],
  ['ifMatch', isText],
];

/** A write's fields by position. */
export function packFields(request: Omit<PutRequest, 'value'> | DeleteRequest): unknown[] {
  const flat: Record<string, unknown> = { ...request, ...request.conditions };
  return fieldChecks.map(([name]) => flat[name] ?? null);
}

/** The fields of a write. @throws `PROTOCOL` */
export function openFields(packed: unknown): WriteFields {
  const fields: Record<string, unknown> = {};
  for (const [position, value] of arrayOf(packed, 'fields').slice(0, fieldChecks.length).entries()) {
    const [name, check] = fieldChecks[position];
    if (value === null || value === undefined) continue;
    if (!check(value)) throw malformed(`field ${name}`);
    fields[name] = value;
  }
  const { ifNoneMatch, ifMatch, ...rest } = fields;
  if (ifNoneMatch === undefined && ifMatch === undefined) return rest;
  const conditions = { ...(ifNoneMatch === undefined ? {} : { ifNoneMatch }), ...(ifMatch === undefined ? {} : { ifMatch }) };
  return { ...rest, conditions: conditions as Conditions };
}

/** A write's answer by position. */
export function packReply({ context, etag, reached }: WriteReply): unknown[] {
  return [context, etag, reached.primaries, reached.fallbacks, reached.synced];
}

/** A write's answer. @throws `PROTOCOL` */
export function openReply(packed: unknown): WriteReply {
  const [context, etag, primaries, fallbacks, synced] = arrayOf(packed, 'answer');
  return {
    context: textOf(context, 'context'),
    etag: textOf(etag, 'etag'),
    reached: {
      primaries: numberOf(primaries, 'primaries'),
      fallbacks: numberOf(fallbacks, 'fallbacks'),
      synced: numberOf(synced, 'synced'),
    },
  };
}

/** Objects of one `merges`, at most. */
export const bundleMax = 64;

/** What a bundle's receiver could not do: the error as rpc sends it. */
export interface BundleFailure {
  readonly position: number;
  readonly error: unknown;
}

/** The answer to a bundle: whether what was merged is synced, and what was not merged. */
export function packBundleAnswer(isSynced: boolean, failures: readonly BundleFailure[]): unknown[] {
  return [isSynced, failures.flatMap(({ position, error }) => [position, error])];
}

/** The answer to a bundle of so many objects. @throws `PROTOCOL` */
export function openBundleAnswer(
  packed: unknown,
  count: number,
): { readonly isSynced: boolean; readonly failures: readonly BundleFailure[] } {
  const [synced, flat] = arrayOf(packed, 'answer');
  const pairs = arrayOf(flat, 'failures', 2 * count);
  const failures: BundleFailure[] = [];
  for (let at = 0; at < pairs.length; at += 2) failures.push({ position: numberOf(pairs[at], 'position', count), error: pairs[at + 1] });
  return { isSynced: synced === true, failures };
}

/** The array in this place, of `most` entries at most. @throws `PROTOCOL` */
export function arrayOf(value: unknown, what: string, most: number = Infinity): readonly unknown[] {
  if (Array.isArray(value) && value.length <= most) return value;
  throw malformed(what);
}

/** The text in this place. @throws `PROTOCOL` */
export function textOf(value: unknown, what: string): string {
  if (typeof value === 'string') return value;
  throw malformed(what);
}

/** The whole number in this place, below `end`. @throws `PROTOCOL` */
export function numberOf(value: unknown, what: string, end: number = Infinity): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value < end) return value;
  throw malformed(what);
}

/** The member's id in this place. @throws `PROTOCOL` */
export function memberIdOf(value: unknown): string {
  const id = textOf(value, 'member');
  if (/^[0-9a-f]{16}$/.test(id)) return id;
  throw malformed('member');
}

/** The bytes in this place. @throws `PROTOCOL` */
export function bytesAt(values: readonly Uint8Array[], position: number): Uint8Array {
  const value = values[position];
  if (value !== undefined) return value;
  throw malformed(`value ${position}`);
}

/** The error of a message that is not what its method takes. */
export function malformed(what: string): CoterieError {
  return new CoterieError('PROTOCOL', `malformed message: ${what}`);
}
