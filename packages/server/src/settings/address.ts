/** Where to listen: `HOST:PORT`, with IPv6 hosts in brackets. */
import { isIP } from 'node:net';

/** A host and a port; port 0 stands for any free one. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** What an address looks like, for messages. */
export const addressExample = 'HOST:PORT, such as 127.0.0.1:7070 or [::1]:7070; port 0 takes a free one';

/** What an address that others dial looks like, for messages. */
export const dialExample = 'HOST:PORT, such as 10.0.0.7:7072';

/** The address that `text` names, or `undefined`. */
export function parseAddress(text: string): Address | undefined {
  const match = /^(?:\[([0-9a-fA-F:.%a-z]+)\]|([^:[\]\s/]+)):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const port = Number(match[3]);
  if (port > 65_535) return undefined;
  if (match[1] !== undefined && isIP(match[1]) !== 6) return undefined;
  return { host: match[1] ?? match[2], port };
}

/** The address that `text` names, if it can be dialled: one host, and a port that is not 0. */
export function parseDialAddress(text: string): Address | undefined {
  const address = parseAddress(text);
  return address === undefined || address.port === 0 || isUnspecified(address) ? undefined : address;
}

/** `HOST:PORT` again. */
export function showAddress(address: Address): string {
  return isIP(address.host) === 6 ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** Whether the host stands for all addresses of this machine. */
export function isUnspecified(address: Address): boolean {
  return address.host === '0.0.0.0' || /^[0:]+$/.test(address.host);
}

/** Whether only this machine reaches the address. */
export function isLoopback(address: Address): boolean {
  const { host } = address;
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
