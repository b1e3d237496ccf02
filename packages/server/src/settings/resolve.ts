/**
 * Settings from their sources: command line, then `COTERIE_*` variables, then the TOML file, then defaults. The first
 * source that names a setting decides it. Whatever is wrong is refused with the setting's name, the source it came from,
 * and what would be right; nothing that was written down is ever ignored in silence.
 */
import { readFileSync } from 'node:fs';
import { CoterieError } from '@coterie/env';
import { parse } from 'smol-toml';
import * as v from 'valibot';
import { isLoopback, isUnspecified, showAddress } from './address.ts';
import { type SettingName, type Settings, definitions, notYet } from './definitions.ts';

/** Where settings come from. */
export interface Sources {
  /** From the command line, by setting name. */
  readonly flags: Readonly<Record<string, string | undefined>>;
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** Reads the settings file; the file system's when absent. */
  readonly readFile?: (path: string) => string;
}

/** Settings with what to tell about them. */
export interface Resolved {
  readonly settings: Settings;
  /** Where each came from, in words. */
  readonly origins: Readonly<Record<SettingName, string>>;
  /** Sentences for the log. */
  readonly warnings: readonly string[];
}

interface Source {
  readonly describe: (name: string) => string;
  readonly get: (name: string) => string | undefined;
}

/** Variables that are no settings of the server. */
const otherVariables: ReadonlySet<string> = new Set([
  'COTERIE_CONFIG',
  'COTERIE_URL',
  'COTERIE_LONG',
  'COTERIE_KILLS',
  'COTERIE_CONNECTIONS',
]);

/** The settings. @throws `INVALID_ARGUMENT` naming setting and source */
export function resolveSettings(sources: Sources): Resolved {
  const { flags, variables } = sources;
  const path = flags['config'] ?? variables['COTERIE_CONFIG'];
  const file = path === undefined ? {} : readSettingsFile(path, sources.readFile ?? readText);
  const inTurn: readonly Source[] = [
    { describe: (name) => `flag --${name}`, get: (name) => flags[name] },
    { describe: (name) => `variable ${variableOf(name)}`, get: (name) => variables[variableOf(name)] },
    { describe: (name) => `"${name}" in ${path}`, get: (name) => file[name] },
  ];
  for (const source of inTurn) refuseLater(source);
  const settings: Record<string, unknown> = {};
  const origins: Record<string, string> = {};
  for (const name of Object.keys(definitions) as SettingName[]) {
    const [value, origin] = choose(name, inTurn);
    settings[name] = check(name, { value, origin });
    origins[name] = origin;
  }
  const resolved = settings as unknown as Settings;
  refusePublic(resolved);
  refuseUndialable(resolved);
  return { settings: resolved, origins: origins as Record<SettingName, string>, warnings: unknownVariables(variables) };
}

/** The variable of a setting. */
export function variableOf(name: string): string {
  return `COTERIE_${name.toUpperCase().replaceAll('-', '_')}`;
}

function choose(name: SettingName, sources: readonly Source[]): [value: string, origin: string] {
  for (const source of sources) {
    const value = source.get(name);
    if (value !== undefined) return [value, source.describe(name)];
  }
  return [definitions[name].default, 'default'];
}

function check(name: SettingName, from: { readonly value: string; readonly origin: string }): unknown {
  const { schema, right } = definitions[name];
  const parsed = v.safeParse(schema as v.GenericSchema<string, unknown>, from.value);
  if (parsed.success) return parsed.output;
  throw new CoterieError('INVALID_ARGUMENT', `${from.origin}: ${JSON.stringify(from.value)} is not right; it takes ${right}`);
}

function refuseLater(source: Source): void {
  for (const name of notYet) {
    if (source.get(name) === undefined) continue;
    throw new CoterieError(
      'INVALID_ARGUMENT',
      `${source.describe(name)}: "${name}" is not there yet; this version speaks HTTP to clients and its own protocol to other nodes`,
    );
  }
}

function refusePublic(settings: Settings): void {
  for (const name of ['http', 'peer'] as const) {
    if (isLoopback(settings[name]) || settings.insecure) continue;
    const address = showAddress(settings[name]);
    throw new CoterieError(
      'INVALID_ARGUMENT',
      `${name}: ${address} can be reached from other machines, and this version has neither TLS nor credentials; listen on 127.0.0.1, or add --insecure if the network itself is trusted`,
    );
  }
}

/** All addresses of this machine are none that another could dial. */
function refuseUndialable(settings: Settings): void {
  if (!isUnspecified(settings.peer) || settings['peer-advertise'] !== null) return;
  throw new CoterieError(
    'INVALID_ARGUMENT',
    `peer: ${showAddress(settings.peer)} is no address that other nodes can dial; add --peer-advertise HOST:PORT with the one that they can`,
  );
}

function readText(path: string): string {
  return readFileSync(path, 'utf8');
}

function readSettingsFile(path: string, readFile: (path: string) => string): Record<string, string> {
  let table: Record<string, unknown>;
  try {
    table = parse(readFile(path)) as Record<string, unknown>;
  } catch (error) {
    const reason = (error as Error).message.split('\n')[0];
    throw new CoterieError('INVALID_ARGUMENT', `the settings file ${path} cannot be used: ${reason}`, { cause: error });
  }
  const settings: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [name, value] of Object.entries(table)) {
    if (!Object.hasOwn(definitions, name) && !notYet.includes(name)) throw unknownInFile(path, name);
    settings[name] = asText(value, `"${name}" in ${path}`);
  }
  return settings;
}

function asText(value: unknown, origin: string): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  if (Array.isArray(value) && value.every((part) => typeof part === 'string')) return value.join(',');
  throw new CoterieError('INVALID_ARGUMENT', `${origin}: a setting is text, a number, true or false, or a list of texts`);
}

function unknownInFile(path: string, name: string): CoterieError {
  return new CoterieError(
    'INVALID_ARGUMENT',
    `${JSON.stringify(name)} in ${path} is no setting; there are: ${Object.keys(definitions).join(', ')}`,
  );
}

function unknownVariables(variables: Sources['variables']): string[] {
  const known = new Set([...Object.keys(definitions), ...notYet].map(variableOf));
  return Object.keys(variables)
    .filter((name) => name.startsWith('COTERIE_') && !known.has(name) && !otherVariables.has(name))
    .map((name) => `the variable ${name} is no setting and is ignored`);
}
