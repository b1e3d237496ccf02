/** Lines of a batch: the same reads and writes as in `requests.ts`, in the form that `POST /v1/batch` takes. */
import type { PutEntry, PutOptions, ReadOptions } from './api.ts';
import { type Bytes, addressOf } from './names.ts';
import { checkOperation } from './operation-id.ts';
import { count, defaultType, duration, type RequestParts, timeoutText, valueOf } from './requests.ts';
import type { Route } from './route.ts';

/** A line, and what else is to be known of it. */
export interface BatchLine {
  readonly what: string;
  readonly line: string;
  readonly route: Route;
}

/** A read. @throws `INVALID_ARGUMENT` */
export function getLine(parts: RequestParts, at: { readonly bucket: string; readonly key: Bytes }, options: ReadOptions): BatchLine {
  const address = addressOf(at.bucket, at.key);
  const { r, pr, monotonic } = options;
  const fields = { op: 'get', bucket: at.bucket, key: address.keyText, r: count('r', r), pr: count('pr', pr), monotonic };
  return lineOf(parts, address, { ...fields, timeout: timeoutText(parts, options) });
}

/** A write of a value, with its operation id. @throws `INVALID_ARGUMENT`, `TOO_LARGE` */
export function putLine(
  parts: RequestParts,
  at: PutEntry & { readonly bucket: string; readonly operation: string },
  options: Pick<PutOptions, 'w' | 'pw' | 'timeoutMs'>,
): BatchLine {
  const address = addressOf(at.bucket, at.key);
  const value = valueOf(parts, at.value);
  return lineOf(parts, address, {
    op: 'put',
    bucket: at.bucket,
    key: address.keyText,
    value: Buffer.from(value.buffer, value.byteOffset, value.length).toString('base64'),
    contentType: at.contentType ?? defaultType(at.value),
    ttl: at.ttlMs === undefined ? undefined : `${duration('ttlMs', at.ttlMs)}ms`,
    context: at.context,
    operation: checkOperation(at.operation),
    w: count('w', options.w),
    pw: count('pw', options.pw),
    timeout: timeoutText(parts, options),
  });
}

type LineFields = { readonly op: string } & Readonly<Record<string, unknown>>;

function lineOf({ ring }: RequestParts, address: ReturnType<typeof addressOf>, fields: LineFields): BatchLine {
  const { bucket, key, bucketText, keyText } = address;
  return { what: `${fields.op} ${bucketText}/${keyText}`, line: JSON.stringify(fields), route: ring.routeOf(bucket, key) };
}
