/**
 * What a bucket may be told, checked in one place. Pure. A bucket stores only what was said; the rest follows the
 * defaults, so every bucket exists before anybody made it.
 */
import { CoterieError } from '@coterie/env';
import type { BucketProperties } from '../api.ts';

/** The properties of a bucket that was told nothing. */
export const defaultProperties: BucketProperties = {
  n: 3,
  r: 'majority',
  w: 'majority',
  pr: 0,
  pw: 0,
  conflict: 'siblings',
  token: 'hash',
  valueBytesMax: 1_048_576,
  siblingsMax: 64,
};

/** Largest value that any bucket may allow. */
export const valueBytesLimit: number = 16 * 2 ** 20;
/** Longest time to live: a hundred years. */
export const ttlMsMax: number = 100 * 365 * 86_400_000;

/** Properties that were said, in any combination. */
export type GivenProperties = Partial<BucketProperties>;

type Rule = (value: unknown) => string | undefined;

const rules: Readonly<Record<keyof BucketProperties, Rule>> = {
  n: integer(1, 16),
  r: quorum,
  w: quorum,
  pr: integer(0, 16),
  pw: integer(0, 16),
  conflict: oneOf(['siblings', 'lww']),
  token: oneOf(['hash']),
  ttlMs: integer(1, ttlMsMax),
  valueBytesMax: integer(0, valueBytesLimit),
  siblingsMax: integer(1, 1024),
  clockEntriesMax: integer(1, 65_536),
};

/** Checks what was said, each property and how they fit. @throws `INVALID_ARGUMENT` naming the property and what would be right */
export function checkProperties(given: GivenProperties): GivenProperties {
  const checked: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const rule = Object.hasOwn(rules, name) ? rules[name as keyof BucketProperties] : undefined;
    if (rule === undefined) throw refuse(`${name} is not a bucket property; there are ${Object.keys(rules).join(', ')}`);
    const wrong = rule(value);
    if (wrong !== undefined) throw refuse(`${name} ${wrong}, not ${JSON.stringify(value)}`);
    checked[name] = value;
  }
  const whole = resolveProperties(checked);
  for (const name of ['r', 'w', 'pr', 'pw'] as const) {
    const value = whole[name];
    if (typeof value === 'number' && value > whole.n) throw refuse(`${name} is ${value} and n is ${whole.n}; ${name} must be at most n`);
  }
  return checked;
}

/** The properties that hold when these were said. */
export function resolveProperties(given: GivenProperties): BucketProperties {
  return { ...defaultProperties, ...given };
}

/** Refuses a change to what is fixed once the bucket has been written. @throws `INVALID_ARGUMENT` */
export function checkFixed(before: BucketProperties, after: BucketProperties): void {
  for (const name of ['conflict', 'token'] as const) {
    if (before[name] === after[name]) continue;
    throw refuse(`${name} is fixed to ${before[name]} since the bucket was first written; drop the bucket or use another one`);
  }
}

function integer(least: number, most: number): Rule {
  return (value) => {
    const fits = typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most;
    return fits ? undefined : `must be an integer from ${least} to ${most}`;
  };
}

function oneOf(names: readonly string[]): Rule {
  return (value) => (names.includes(value as string) ? undefined : `must be one of ${names.join(', ')}`);
}

function quorum(value: unknown): string | undefined {
  if (value === 'majority') return undefined;
  return integer(1, 16)(value) === undefined ? undefined : 'must be majority or an integer from 1 to 16';
}

function refuse(message: string): CoterieError {
  return new CoterieError('INVALID_ARGUMENT', message);
}
