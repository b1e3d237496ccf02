/**
 * Query strings. Each route names the parameters it takes; any other name is refused by name, and so is one that comes
 * twice: a misspelt `?tll=30s` must not store for ever. Values stay raw until one of the readers below decodes them.
 */
import { durationExample, parseDuration } from '../amounts.ts';
import { invalid } from './problem.ts';
import { decodeText } from './segments.ts';

/** Raw values by name. */
export type Query = ReadonlyMap<string, string>;

const empty: Query = new Map();

/**
 * The parameters of a raw query string (without `?`).
 * @throws `INVALID_ARGUMENT` for a name that is not in `allowed` or comes twice
 */
export function parseQuery(raw: string, allowed: readonly string[]): Query {
  if (raw === '') return empty;
  const query = new Map<string, string>();
  for (const part of raw.split('&')) {
    const equals = part.indexOf('=');
    const name = equals < 0 ? part : part.slice(0, equals);
    if (!allowed.includes(name)) throw unknownParameter(name, allowed);
    if (query.has(name)) throw invalid(`query parameter "${name}" is given twice`);
    query.set(name, equals < 0 ? '' : part.slice(equals + 1));
  }
  return query;
}

/** Text value, percent-decoded; `undefined` when absent. @throws `INVALID_ARGUMENT` */
export function textParameter(query: Query, name: string): string | undefined {
  const raw = query.get(name);
  return raw === undefined ? undefined : decodeText(raw, `query parameter "${name}"`);
}

/** A whole number from 0 to 65535; `undefined` when absent. @throws `INVALID_ARGUMENT` */
export function countParameter(query: Query, name: string): number | undefined {
  const raw = query.get(name);
  if (raw === undefined) return undefined;
  if (!/^\d{1,5}$/.test(raw) || Number(raw) > 65_535) throw invalid(`query parameter "${name}" is a whole number, such as ${name}=2`);
  return Number(raw);
}

/** Milliseconds of a duration above zero; `undefined` when absent. @throws `INVALID_ARGUMENT` */
export function durationParameter(query: Query, name: string): number | undefined {
  const text = textParameter(query, name);
  if (text === undefined) return undefined;
  const milliseconds = parseDuration(text);
  if (milliseconds === undefined || milliseconds === 0) throw invalid(`query parameter "${name}" is ${durationExample}`);
  return milliseconds;
}

/** A switch: `?name` or `?name=true`, `?name=false`; `undefined` when absent. @throws `INVALID_ARGUMENT` */
export function switchParameter(query: Query, name: string): boolean | undefined {
  const raw = query.get(name);
  if (raw === undefined) return undefined;
  if (raw === '' || raw === 'true') return true;
  if (raw === 'false') return false;
  throw invalid(`query parameter "${name}" is true or false`);
}

function unknownParameter(name: string, allowed: readonly string[]): Error {
  const shown = name.length > 64 ? `${name.slice(0, 64)}...` : name;
  const known = allowed.length === 0 ? 'none' : allowed.join(', ');
  return invalid(`unknown query parameter ${JSON.stringify(shown)}; this request takes: ${known}`);
}
