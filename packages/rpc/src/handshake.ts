/**
 * The first words on a connection, and whether the two get on.
 *
 * ```
 *  dialler  ── preamble, hello ──▶  acceptor
 *  dialler  ◀── preamble, welcome ──  both go on        or  ◀── preamble, refusal ──  both close
 *
 *  hello = welcome = [oldest version, newest version, cluster id, node id, incarnation, address, capabilities, …]
 * ```
 *
 * Each side judges the other, so a refusal is typed and names both sides, whoever finds the fault. More elements at the
 * end of a hello are a newer version's, and are passed over.
 */
import { CoterieError } from '@coterie/env';
import { protocolError } from './frame.ts';
import type { PeerIdentity } from './messages.ts';
import { capabilitiesMax, nameLengthMax } from './options.ts';

/** The protocol versions that this code speaks: [oldest, newest]. */
export const spokenVersions: readonly [number, number] = [1, 1];

/** What one side says of itself. */
export interface Hello extends PeerIdentity {
  readonly versions: readonly [number, number];
}

/** A hello as a body. */
export function helloToBody({ versions, clusterId, id, incarnation, address, capabilities }: Hello): unknown {
  return [versions[0], versions[1], clusterId, id, incarnation, address, capabilities];
}

/** The hello in a body. @throws CoterieError `PROTOCOL` */
export function helloFromBody(body: unknown): Hello {
  if (!Array.isArray(body) || body.length < 7) throw protocolError('a hello that is none');
  const [oldest, newest, clusterId, id, incarnation, address, capabilities] = body as readonly unknown[];
  const isWhole =
    isVersion(oldest) &&
    isVersion(newest) &&
    isText(clusterId) &&
    isName(id) &&
    isName(incarnation) &&
    isName(address) &&
    Array.isArray(capabilities) &&
    capabilities.length <= capabilitiesMax &&
    capabilities.every(isName);
  if (!isWhole) throw protocolError('a hello that is none');
  return { versions: [oldest, newest], clusterId, id, incarnation, address, capabilities: capabilities as string[] };
}

/** Why `own` wants nothing to do with `other`; `undefined` when they get on. Pure. */
export function judgeHello(own: Hello, other: Hello): CoterieError | undefined {
  const sides: Sides = [own, other];
  if (other.versions[1] < own.versions[0] || other.versions[0] > own.versions[1])
    return refusal(sides, 'version', `speak versions ${span(own)} and ${span(other)} of the protocol: no common one`);
  if (own.clusterId !== '' && other.clusterId !== '' && own.clusterId !== other.clusterId)
    return refusal(sides, 'cluster', `belong to different clusters, ${own.clusterId} and ${other.clusterId}`);
  if (own.id !== other.id) return undefined;
  if (own.incarnation === other.incarnation && own.address === other.address)
    return refusal(sides, 'self', 'are one and the same: a node was told to call itself');
  return refusal(sides, 'id', `both say that they are ${own.id}: was a data directory copied?`);
}

type Sides = readonly [own: Hello, other: Hello];

function refusal([own, other]: Sides, reason: 'version' | 'cluster' | 'self' | 'id', why: string): CoterieError {
  const code = reason === 'version' ? 'UNSUPPORTED_FORMAT' : 'INVALID_ARGUMENT';
  const message = `${own.address} (${own.id}) and ${other.address} (${other.id}) ${why}`;
  return new CoterieError(code, message, { details: { reason, address: own.address, peerAddress: other.address } });
}

function span({ versions: [oldest, newest] }: Hello): string {
  return oldest === newest ? `${newest}` : `${oldest} to ${newest}`;
}

function isVersion(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 65_536;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= nameLengthMax;
}

function isName(value: unknown): value is string {
  return isText(value) && value.length > 0;
}
