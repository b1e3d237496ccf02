/**
 * `coterie put`, `get` and `delete`. A value goes to standard output as the bytes it is. Siblings are never printed as if
 * they were a value: they are shown beside the output, with the command that merges them, and the command fails.
 */
import type { SiblingJson } from '../http/siblings.ts';
import { randomUUID } from 'node:crypto';
import { type Call, type Reply, ask, endpointOf, hasOthers, keyPath, parseJson } from './client.ts';
import { CommandFailure, UsageFailure } from './failure.ts';
import { print, printJson } from './table.ts';

/** Flags that these commands share. */
export interface ValueFlags {
  readonly url?: string;
  readonly json?: boolean;
  readonly context?: string;
  readonly operation?: string;
  readonly w?: string;
  readonly pw?: string;
  readonly r?: string;
  readonly pr?: string;
  readonly ttl?: string;
  readonly timeout?: string;
  readonly contentType?: string;
}

/** What names a key. */
export interface KeyArguments {
  readonly bucket: string;
  readonly key: string;
}

/** `coterie put BUCKET KEY [VALUE|-]` */
export async function put(to: KeyArguments & { readonly value: string | undefined }, flags: ValueFlags): Promise<void> {
  const endpoint = await endpointOf(flags.url);
  const fromInput = to.value === undefined || to.value === '-';
  if (to.value === undefined && process.stdin.isTTY) throw new UsageFailure('put takes a value, or - to read one from standard input');
  const body = fromInput ? await readInput() : Buffer.from(to.value as string, 'utf8');
  const contentType = flags.contentType ?? (fromInput ? 'application/octet-stream' : 'text/plain; charset=utf-8');
  const reply = await ask(
    endpoint,
    write('PUT', to, { flags: once(endpoint, flags), parameters: ['w', 'pw', 'ttl', 'timeout'], body, contentType }),
  );
  told(reply, { flags, verb: 'stored', to });
}

/** `coterie delete BUCKET KEY` */
export async function remove(to: KeyArguments, flags: ValueFlags): Promise<void> {
  const endpoint = await endpointOf(flags.url);
  const reply = await ask(endpoint, write('DELETE', to, { flags: once(endpoint, flags), parameters: ['w', 'pw', 'timeout'] }));
  told(reply, { flags, verb: 'deleted', to });
}

/** `coterie get BUCKET KEY` */
export async function get(from: KeyArguments, flags: ValueFlags): Promise<void> {
  const endpoint = await endpointOf(flags.url);
  const path = `/v1/kv/${keyPath(from.bucket, from.key)}${queryOf(flags, ['r', 'pr', 'timeout'])}`;
  const reply = await ask(endpoint, { method: 'GET', path, headers: { accept: 'application/json, */*' }, expect: [200, 300, 404] });
  if (reply.status === 404) {
    absent(reply, from, flags);
  } else if (reply.status === 200) {
    if (flags.json === true) printJson({ state: 'found', ...singleJson(reply) });
    else await writeOut(reply.body);
  } else {
    const found = parseJson(endpoint, reply.body) as { context: string; siblings: readonly SiblingJson[] };
    if (flags.json === true) printJson({ state: 'found', ...found });
    else throw severalValues(found, from);
  }
}

/** Where a write may go to more than one node it has an id, so that it happens once. */
function once(endpoint: URL, flags: ValueFlags): ValueFlags {
  return flags.operation === undefined && hasOthers(endpoint) ? { ...flags, operation: randomUUID() } : flags;
}

interface WriteParts {
  readonly flags: ValueFlags;
  readonly parameters: readonly (keyof ValueFlags)[];
  readonly body?: Uint8Array;
  readonly contentType?: string;
}

function write(method: 'PUT' | 'DELETE', to: KeyArguments, parts: WriteParts): Call {
  const { flags, body, contentType } = parts;
  const headers: Record<string, string> = {};
  if (flags.context !== undefined) headers['coterie-context'] = flags.context;
  if (flags.operation !== undefined) headers['coterie-operation'] = flags.operation;
  if (contentType !== undefined) headers['content-type'] = contentType;
  const path = `/v1/kv/${keyPath(to.bucket, to.key)}${queryOf(flags, parts.parameters)}`;
  return { method, path, headers, expect: [204], ...(body === undefined ? {} : { body }) };
}

function queryOf(flags: ValueFlags, names: readonly (keyof ValueFlags)[]): string {
  const given = names.filter((name) => flags[name] !== undefined);
  return given.length === 0 ? '' : `?${given.map((name) => `${name}=${encodeURIComponent(String(flags[name]))}`).join('&')}`;
}

function told(reply: Reply, of: { readonly flags: ValueFlags; readonly verb: string; readonly to: KeyArguments }): void {
  const reached = String(reply.headers['coterie-reached']);
  if (of.flags.json === true) printJson({ context: reply.headers['coterie-context'], etag: reply.headers.etag, reached });
  else print(`${of.verb} ${of.to.bucket}/${of.to.key}  (${reached})`);
}

function singleJson(reply: Reply): object {
  const sibling = {
    value: reply.body.toString('base64'),
    contentType: reply.headers['content-type'],
    writtenAt: new Date(String(reply.headers['last-modified'])).toISOString(),
    etag: reply.headers.etag,
  };
  return { context: reply.headers['coterie-context'], etag: reply.headers.etag, siblings: [sibling] };
}

function absent(reply: Reply, from: KeyArguments, flags: ValueFlags): void {
  const context = reply.headers['coterie-context'];
  const state = context === undefined ? 'missing' : 'deleted';
  if (flags.json === true) printJson(context === undefined ? { state } : { state, context });
  const what = state === 'missing' ? 'holds no value' : 'was deleted';
  throw new CommandFailure(`${from.bucket}/${from.key} ${what}`);
}

function severalValues(found: { context: string; siblings: readonly SiblingJson[] }, from: KeyArguments): CommandFailure {
  const shown = found.siblings.map(
    (sibling, index) => `  ${index + 1}. ${sibling.writtenAt}  ${sibling.contentType}  ${preview(sibling.value)}`,
  );
  const head = `${from.bucket}/${from.key} has ${found.siblings.length} concurrent values (siblings); neither writer had seen the other's:`;
  const merge = `coterie put ${quoted(from.bucket)} ${quoted(from.key)} MERGED --context ${quoted(found.context)}   replaces them all by one`;
  return new CommandFailure([head, ...shown].join('\n'), merge);
}

function preview(base64: string): string {
  const text = Buffer.from(base64, 'base64').toString('utf8');
  const short = text.length > 60 ? `${text.slice(0, 60)}...` : text;
  return JSON.stringify(short);
}

function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

async function readInput(): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of process.stdin) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

/** Resolves when the value is written; a terminal also gets the line end that the value may lack. */
function writeOut(value: Buffer): Promise<void> {
  const end = process.stdout.isTTY && value.at(-1) !== 10 ? '\n' : '';
  return new Promise((resolve) => {
    process.stdout.write(Buffer.concat([value, Buffer.from(end)]), () => resolve());
  });
}
