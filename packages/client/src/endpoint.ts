/**
 * Endpoints by name: `http://host:port`, nothing behind it. Seeds come as URLs, members of a ring as `host:port`; both
 * become the same text, so that a seed that is also a member is one endpoint.
 */
import { CoterieError } from '@coterie/env';

const seedsMax = 100;

/** The endpoint that a text names, or `undefined` when it names none. */
export function parseEndpoint(text: string): string | undefined {
  const url = text.includes('://') ? text : `http://${text}`;
  if (text.length > 512 || !URL.canParse(url)) return undefined;
  const { protocol, pathname, search, hash, username, password, hostname, port, origin } = new URL(url);
  const bare = pathname === '/' && search === '' && hash === '' && username === '' && password === '';
  return protocol === 'http:' && bare && hostname !== '' && port !== '0' ? origin : undefined;
}

/** The endpoints of the URLs given to `connect`, each once. @throws `INVALID_ARGUMENT` naming the one that is none */
export function parseSeeds(urls: string | readonly string[]): readonly string[] {
  const list = typeof urls === 'string' ? [urls] : urls;
  if (list.length === 0 || list.length > seedsMax) throw refuse(`connect takes 1 to ${seedsMax} URLs, not ${list.length}`);
  const seeds = list.map((text) => {
    const endpoint = parseEndpoint(text);
    if (endpoint !== undefined) return endpoint;
    throw refuse(`${JSON.stringify(text)} is not where a node can be; it is http://HOST:PORT, such as http://127.0.0.1:7070`);
  });
  return [...new Set(seeds)];
}

/** Whether an endpoint means "this machine", which is another one for each who says it. */
export function isLoopback(endpoint: string): boolean {
  const { hostname } = new URL(endpoint);
  return hostname === 'localhost' || hostname.endsWith('.localhost') || hostname === '[::1]' || hostname.startsWith('127.');
}

/** Whether an endpoint is an address to listen on and not one to go to. */
export function isUnspecified(endpoint: string): boolean {
  const { hostname } = new URL(endpoint);
  return hostname === '0.0.0.0' || hostname === '[::]';
}

function refuse(message: string): CoterieError {
  return new CoterieError('INVALID_ARGUMENT', message);
}
