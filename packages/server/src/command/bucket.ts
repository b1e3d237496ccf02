/** `coterie bucket list | show | set | drop | keys`. */
import type { Bucket } from '@coterie/node';
import { showDuration, parseDuration } from '../amounts.ts';
import { ask, askJson, endpointOf, parseJson, segment } from './client.ts';
import { CommandFailure, UsageFailure } from './failure.ts';
import type { LookFlags } from './status.ts';
import { print, printJson, tableLines } from './table.ts';

/** `coterie bucket list` */
export async function listBuckets(flags: LookFlags): Promise<void> {
  const { buckets } = await askJson<{ buckets: readonly Bucket[] }>(await endpointOf(flags.url), '/v1/buckets');
  if (flags.json === true) {
    printJson(buckets);
    return;
  }
  const rows = buckets.map(({ name, generation, properties: p }) => [
    name,
    `${p.n}`,
    `${p.r}`,
    `${p.w}`,
    p.conflict,
    p.ttlMs === undefined ? 'none' : showDuration(p.ttlMs),
    String(generation),
  ]);
  print(...tableLines([['bucket', 'n', 'r', 'w', 'conflict', 'ttl', 'generation'], ...rows]));
  if (rows.length === 0) print('no bucket was written or set yet; any name works, with the defaults');
}

/** `coterie bucket show NAME` */
export async function showBucket(name: string, flags: LookFlags): Promise<void> {
  show(await askJson<Bucket>(await endpointOf(flags.url), `/v1/buckets/${segment(name)}`), flags);
}

/** `coterie bucket set NAME PROPERTY=VALUE...` */
export async function setBucket(of: { readonly name: string; readonly assignments: readonly string[] }, flags: LookFlags): Promise<void> {
  const endpoint = await endpointOf(flags.url);
  const body = Buffer.from(JSON.stringify(propertiesOf(of.assignments)));
  const path = `/v1/buckets/${segment(of.name)}`;
  const reply = await ask(endpoint, { method: 'PUT', path, headers: { 'content-type': 'application/json' }, body, expect: [200] });
  show(parseJson(endpoint, reply.body) as Bucket, flags);
}

/** `coterie bucket drop NAME --yes` */
export async function dropBucket(name: string, flags: LookFlags & { readonly yes?: boolean }): Promise<void> {
  if (flags.yes !== true)
    throw new CommandFailure(`dropping ${name} hides all its keys at once and for ever`, `coterie bucket drop ${name} --yes`);
  await ask(await endpointOf(flags.url), { method: 'DELETE', path: `/v1/buckets/${segment(name)}`, expect: [204] });
  if (flags.json === true) printJson({ dropped: name });
  else print(`dropped ${name}`);
}

/** `coterie bucket keys NAME`: all keys, percent-encoded, one a line. */
export async function listKeys(name: string, flags: LookFlags & { readonly prefix?: string }): Promise<void> {
  const endpoint = await endpointOf(flags.url);
  const prefix = flags.prefix === undefined ? '' : `&prefix=${segment(flags.prefix)}`;
  let cursor: string | undefined;
  do {
    const after = cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const page: { keys: readonly string[]; cursor?: string } = await askJson(
      endpoint,
      `/v1/kv/${segment(name)}?limit=1000${prefix}${after}`,
    );
    if (page.keys.length > 0) print(...page.keys.map((key) => (flags.json === true ? JSON.stringify(key) : key)));
    cursor = page.cursor;
  } while (cursor !== undefined);
}

function show(bucket: Bucket, flags: LookFlags): void {
  if (flags.json === true) {
    printJson(bucket);
    return;
  }
  print(`${bucket.name}  generation ${bucket.generation}${bucket.exists ? '' : '  (never written or set: these are the defaults)'}`);
  print(...tableLines([['property', 'value'], ...Object.entries(bucket.properties).map(([name, value]) => [name, String(value)])]));
}

/** Properties from `name=value` arguments: numbers as numbers, `ttl=30s` as milliseconds, the rest as text. */
export function propertiesOf(assignments: readonly string[]): Record<string, string | number> {
  const properties: Record<string, string | number> = {};
  for (const assignment of assignments) {
    const equals = assignment.indexOf('=');
    if (equals < 1) throw new UsageFailure(`${JSON.stringify(assignment)} is no PROPERTY=VALUE, such as conflict=lww or w=2`);
    const name = assignment.slice(0, equals);
    const text = assignment.slice(equals + 1);
    if (name === 'ttl') {
      const ttlMs = parseDuration(text);
      if (ttlMs === undefined) throw new UsageFailure('ttl is a whole number with a unit, such as ttl=30s or ttl=7d');
      properties['ttlMs'] = ttlMs;
    } else {
      properties[name] = /^\d{1,15}$/.test(text) ? Number(text) : text;
    }
  }
  return properties;
}
