/**
 * Which endpoint a try goes to. Pure: from an order of endpoints, who is usable, and who was tried already, to one name.
 *
 * ```
 *  order of a key      primaries, then fallbacks of its partition ── the other endpoints, from a place that the token gives
 *  order of no key     all endpoints, from a random place
 *
 *  choice    the first usable one not tried ▶ the first not tried ▶ none: all were tried
 * ```
 */

/** In which order endpoints are asked. */
export interface Route {
  /** In order: who holds the key. Empty when that is not known, or when it does not matter. */
  readonly holders: readonly string[];
  /** All endpoints; asked after the holders, round from `start`. */
  readonly all: readonly string[];
  readonly start: number;
}

/** The next endpoint to ask; `undefined` once all were tried. */
export function chooseEndpoint(route: Route, tried: readonly string[], isUsable: (endpoint: string) => boolean): string | undefined {
  let spare: string | undefined;
  const count = route.holders.length + route.all.length;
  for (let i = 0; i < count; i++) {
    const endpoint = endpointAt(route, i);
    if (tried.includes(endpoint)) continue;
    if (isUsable(endpoint)) return endpoint;
    spare ??= endpoint;
  }
  return spare;
}

function endpointAt({ holders, all, start }: Route, position: number): string {
  if (position < holders.length) return holders[position];
  return all[(start + position - holders.length) % all.length];
}
