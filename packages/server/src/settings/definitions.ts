/**
 * Every setting: its name, what it is for, its default, what would be right, and the schema that says whether a value
 * is. The command line, the variables, the file and the documentation are all made from this table, or held to it.
 *
 * A setting `data-dir` is `--data-dir` on the command line, `COTERIE_DATA_DIR` in the environment and `data-dir` in the
 * file. All sources give text (numbers and switches of the file become text first), so there is one schema for all.
 */
import * as v from 'valibot';
import { bytesExample, durationExample, parseBytes, parseDuration } from '../amounts.ts';
import { type Address, addressExample, dialExample, parseAddress, parseDialAddress } from './address.ts';
import type { LogFormat, LogLevel } from '../logging/logger.ts';

/** How durable an acknowledgement is: synced before it, synced every so many milliseconds, or never by us. */
export type SyncSetting = 'always' | 'never' | { readonly everyMs: number };

/** All settings, checked. Times in milliseconds. */
export interface Settings {
  readonly 'data-dir': string;
  readonly http: Address;
  /** `null`: derived from the others. */
  readonly 'http-advertise': Address | null;
  readonly peer: Address;
  /** `null`: the peer address. */
  readonly 'peer-advertise': Address | null;
  readonly seed: readonly Address[];
  /** Empty: by its id. */
  readonly name: string;
  /** Empty: none. */
  readonly zone: string;
  readonly weight: number;
  readonly join: 'auto' | 'staged';
  /** Empty: nobody's. */
  readonly replace: string;
  readonly sync: SyncSetting;
  readonly partitions: number;
  /** `null`: the newest that this version knows. */
  readonly 'level-max': number | null;
  readonly 'forget-every': number;
  readonly 'operation-memory': number;
  /** Processor time, in milliseconds; 0: none. */
  readonly rehearsal: number;
  readonly insecure: boolean;
  readonly 'allowed-host': readonly string[];
  readonly 'log-level': LogLevel;
  readonly 'log-format': LogFormat;
  readonly 'cache-bytes': number;
  readonly 'write-buffer-bytes': number;
  readonly 'connections-max': number;
  readonly 'requests-max': number;
  readonly 'pipeline-max': number;
  readonly 'body-bytes-max': number;
  readonly 'body-rate-min': number;
  readonly 'body-grace': number;
  readonly 'header-bytes-max': number;
  readonly 'headers-timeout': number;
  readonly 'request-timeout': number;
  readonly 'keep-alive-timeout': number;
  readonly 'batches-max': number;
  readonly 'batch-line-bytes-max': number;
  readonly 'drain-timeout': number;
}

/** Name of a setting. */
export type SettingName = keyof Settings;

/** One setting. */
export interface Definition<Value> {
  readonly schema: v.GenericSchema<string, Value>;
  readonly default: string;
  readonly help: string;
  /** What would be right, to end a sentence with. */
  readonly right: string;
  /** Placeholder of its value on the command line; none for a switch. */
  readonly placeholder?: string;
  /** May be given several times; its values are joined by commas. */
  readonly repeatable?: true;
}

const duration = checked(parseDuration);
const bytes = checked((text) => nonZero(parseBytes(text)));
const count = checked((text) => nonZero(/^\d{1,9}$/.test(text) ? Number(text) : undefined));
const countExample = 'a whole number from 1 up';

/** All settings by name. */
export const definitions: { readonly [Name in SettingName]: Definition<Settings[Name]> } = {
  'data-dir': {
    schema: v.pipe(v.string(), v.nonEmpty()),
    default: './coterie-data',
    help: 'where the data lies',
    right: 'a directory',
    placeholder: 'DIR',
  },
  http: {
    schema: checked(parseAddress),
    default: '127.0.0.1:7070',
    help: 'where HTTP listens',
    right: addressExample,
    placeholder: 'HOST:PORT',
  },
  'http-advertise': {
    schema: checked(parseAdvertised),
    default: '',
    help: 'where clients reach this node, if not where HTTP listens',
    right: dialExample,
    placeholder: 'HOST:PORT',
  },
  peer: {
    schema: checked(parseAddress),
    default: '127.0.0.1:7072',
    help: 'where other nodes reach this one',
    right: addressExample,
    placeholder: 'HOST:PORT',
  },
  'peer-advertise': {
    schema: checked(parseAdvertised),
    default: '',
    help: 'what other nodes are told to dial, if not the peer address',
    right: dialExample,
    placeholder: 'HOST:PORT',
  },
  seed: {
    schema: checked(parseSeeds),
    default: '',
    help: 'peer address of a member of the cluster to join',
    right: `${dialExample}; several are separated by commas`,
    placeholder: 'HOST:PORT',
    repeatable: true,
  },
  name: {
    schema: v.pipe(v.string(), v.regex(/^([A-Za-z0-9][A-Za-z0-9._-]{0,62})?$/)),
    default: '',
    help: 'name of this member, such as db-1 (by default node- and four digits of its id)',
    right: 'a name of 1 to 63 letters, digits, dots, dashes and underscores',
    placeholder: 'NAME',
  },
  zone: {
    schema: checked(parseZone),
    default: '',
    help: 'where this member stands; copies of a key are spread over zones',
    right: 'a path of up to 8 names from the widest to the narrowest, such as eu/rack-7',
    placeholder: 'PATH',
  },
  weight: {
    schema: checked(parseWeight),
    default: '1',
    help: 'how many times a usual share of the data this member holds',
    right: 'a whole number from 1 to 1024',
    placeholder: 'N',
  },
  join: {
    schema: v.picklist(['auto', 'staged']),
    default: 'auto',
    help: 'whether a node with seeds joins by itself, or waits for coterie plan commit',
    right: 'auto or staged',
    placeholder: 'auto|staged',
  },
  replace: {
    schema: v.pipe(v.string(), v.regex(/^([A-Za-z0-9][A-Za-z0-9._-]{0,62})?$/)),
    default: '',
    help: 'name of the member whose place this node takes',
    right: 'the name of a member',
    placeholder: 'NAME',
  },
  sync: {
    schema: checked(parseSync),
    default: 'always',
    help: 'when a write is acknowledged: synced, synced every MS milliseconds, or never synced by us',
    right: 'always, never, or a whole number of milliseconds from 1 to 60000',
    placeholder: 'always|MS|never',
  },
  partitions: {
    schema: checked(parsePartitions),
    default: '1024',
    help: 'partitions of the ring, fixed when the data directory is made',
    right: 'a power of two from 64 to 65536',
    placeholder: 'Q',
  },
  'level-max': {
    schema: checked(parseLevel),
    default: '',
    help: 'newest level of formats to go up to, during an upgrade that may be taken back (by default the newest of this version)',
    right: 'a whole number from 1 up to the newest level of this version',
    placeholder: 'N',
  },
  'forget-every': {
    schema: duration,
    default: '1m',
    help: 'how often it is looked whether tombstones and expired values can be forgotten',
    right: durationExample,
    placeholder: 'TIME',
  },
  'operation-memory': {
    schema: duration,
    default: '10m',
    help: 'how long the outcome of an operation is remembered for whoever asks for it again; tombstones stay at least as long',
    right: durationExample,
    placeholder: 'TIME',
  },
  rehearsal: {
    schema: duration,
    default: '300ms',
    help: 'processor time for which a node with seeds plays requests to itself before it joins, so that its code is compiled; 0ms for none',
    right: durationExample,
    placeholder: 'TIME',
  },
  insecure: {
    schema: checked(parseSwitch),
    default: 'false',
    help: 'allow a public address without TLS and credentials',
    right: 'true or false',
  },
  'allowed-host': {
    schema: checked(parseNames),
    default: '',
    help: 'further host name to answer to on loopback',
    right: 'host names without port, separated by commas',
    placeholder: 'NAME',
    repeatable: true,
  },
  'log-level': {
    schema: v.picklist(['debug', 'info', 'warn', 'error', 'silent']),
    default: 'info',
    help: 'least severity that is logged',
    right: 'debug, info, warn, error or silent',
    placeholder: 'LEVEL',
  },
  'log-format': {
    schema: v.picklist(['text', 'json']),
    default: 'text',
    help: 'log lines for people or for programs',
    right: 'text or json',
    placeholder: 'text|json',
  },
  'cache-bytes': { schema: bytes, default: '64MiB', help: 'memory for blocks read from disk', right: bytesExample, placeholder: 'SIZE' },
  'write-buffer-bytes': {
    schema: bytes,
    default: '16MiB',
    help: 'memory for writes before they go to a table',
    right: bytesExample,
    placeholder: 'SIZE',
  },
  'connections-max': { schema: count, default: '10000', help: 'most connections at once', right: countExample, placeholder: 'N' },
  'requests-max': { schema: count, default: '4096', help: 'most requests being worked on', right: countExample, placeholder: 'N' },
  'pipeline-max': {
    schema: count,
    default: '256',
    help: 'most requests of one connection being worked on',
    right: countExample,
    placeholder: 'N',
  },
  'body-bytes-max': {
    schema: bytes,
    default: '256MiB',
    help: 'most bytes of bodies and large answers under way',
    right: bytesExample,
    placeholder: 'SIZE',
  },
  'body-rate-min': {
    schema: bytes,
    default: '4KiB',
    help: 'slowest average of a body, in bytes a second',
    right: bytesExample,
    placeholder: 'SIZE',
  },
  'body-grace': {
    schema: duration,
    default: '20s',
    help: 'how long a body may be slower than that',
    right: durationExample,
    placeholder: 'TIME',
  },
  'header-bytes-max': {
    schema: bytes,
    default: '32KiB',
    help: 'most bytes of a request line with its headers',
    right: bytesExample,
    placeholder: 'SIZE',
  },
  'headers-timeout': {
    schema: duration,
    default: '10s',
    help: 'time for a request line with its headers',
    right: durationExample,
    placeholder: 'TIME',
  },
  'request-timeout': {
    schema: duration,
    default: '10m',
    help: 'time for a whole request to come in, a batch included',
    right: durationExample,
    placeholder: 'TIME',
  },
  'keep-alive-timeout': {
    schema: duration,
    default: '75s',
    help: 'how long a connection may be idle',
    right: durationExample,
    placeholder: 'TIME',
  },
  'batches-max': { schema: count, default: '16', help: 'most batches at once', right: countExample, placeholder: 'N' },
  'batch-line-bytes-max': {
    schema: bytes,
    default: '2MiB',
    help: 'most bytes in a line of a batch',
    right: bytesExample,
    placeholder: 'SIZE',
  },
  'drain-timeout': {
    schema: duration,
    default: '20s',
    help: 'how long a stop waits for running requests',
    right: durationExample,
    placeholder: 'TIME',
  },
};

/** Settings of the contract which this version does not have: they are refused, not ignored. */
export const notYet: readonly string[] = ['redis'];

/** The sync setting that `text` names, or `undefined`. */
export function parseSync(text: string): SyncSetting | undefined {
  if (text === 'always' || text === 'never') return text;
  if (!/^\d{1,5}$/.test(text)) return undefined;
  const everyMs = Number(text);
  return everyMs >= 1 && everyMs <= 60_000 ? { everyMs } : undefined;
}

function parsePartitions(text: string): number | undefined {
  const partitions = /^\d{2,5}$/.test(text) ? Number(text) : 0;
  return partitions >= 64 && partitions <= 65_536 && Number.isInteger(Math.log2(partitions)) ? partitions : undefined;
}

function parseLevel(text: string): number | null | undefined {
  if (text === '') return null;
  return /^[1-9]\d{0,3}$/.test(text) ? Number(text) : undefined;
}

function parseAdvertised(text: string): Address | null | undefined {
  return text === '' ? null : parseDialAddress(text);
}

function parseZone(text: string): string | undefined {
  return text.length <= 255 && /^([A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+){0,7})?$/.test(text) ? text : undefined;
}

function parseWeight(text: string): number | undefined {
  const weight = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  return weight >= 1 && weight <= 1024 ? weight : undefined;
}

function parseSeeds(text: string): readonly Address[] | undefined {
  const seeds = partsOf(text).map(parseDialAddress);
  return seeds.every((seed) => seed !== undefined) ? seeds : undefined;
}

function partsOf(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function parseSwitch(text: string): boolean | undefined {
  return text === 'true' ? true : text === 'false' ? false : undefined;
}

function parseNames(text: string): readonly string[] | undefined {
  const names = partsOf(text);
  return names.every((name) => /^[A-Za-z0-9.-]{1,253}$/.test(name)) ? names : undefined;
}

function nonZero(value: number | undefined): number | undefined {
  return value === 0 ? undefined : value;
}

/** A schema of a parser that answers `undefined` for what is not right. */
function checked<Value>(parse: (text: string) => Value | undefined): v.GenericSchema<string, Value> {
  return v.pipe(
    v.string(),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      const value = parse(dataset.value);
      if (value !== undefined) return value;
      addIssue({ message: 'not right' });
      return NEVER;
    }),
  );
}
