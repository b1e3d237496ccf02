/** P8: nothing that has a limit ever holds more, and nothing is left of what ran. */
import type { Violation } from './violation.ts';

/** How full one bounded thing of a node was. */
export interface Sighting {
  readonly node: string;
  /** The name of the bound. */
  readonly name: string;
  readonly now: number;
  readonly most: number;
  readonly atMs: number;
}

/** Bounds that were passed. */
export function checkBounded(sightings: readonly Sighting[]): Violation[] {
  return sightings
    .filter(({ now, most }) => now > most)
    .map(({ node, name, now, most, atMs }) => ({
      rule: 'P8',
      sentence: `${node} held ${now} ${name} at ${(atMs / 1000).toFixed(3)} s, and ${most} is the most`,
    }));
}

/** Bounds that only clients' requests fill: empty when none runs. */
const ofClients: ReadonlySet<string> = new Set(['operations', 'operationBytes', 'waitersOfOneKey']);

/** What clients' requests left behind, when all have ended. */
export function checkIdle(sightings: readonly Sighting[]): Violation[] {
  return sightings
    .filter(({ name, now }) => ofClients.has(name) && now !== 0)
    .map(({ node, name, now }) => ({ rule: 'P8', sentence: `${node} holds ${now} ${name} at rest` }));
}
