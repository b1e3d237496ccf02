/** What an endpoint can be told, with the limits and their defaults. Checked once, here. */
import { CoterieError, parseAddress, sendQueueMaxBytes } from '@coterie/env';
import type { Environment } from '@coterie/env';
import type { PeerIdentity } from './messages.ts';

/** What an endpoint needs of the world. */
export type EndpointEnvironment = Pick<Environment, 'clock' | 'timers' | 'random' | 'network' | 'log'>;

/** Limits of an endpoint. */
export interface EndpointLimits {
  /** Longest frame, in and out. Default 40 MiB. */
  readonly frameBytesMax: number;
  /** Requests in flight to one peer; one more is `OVERLOADED`. Default 1024. */
  readonly inFlightMax: number;
  /** Bytes queued for one peer; past it `OVERLOADED`. Default 16 MiB. */
  readonly queueBytesMax: number;
  /** Bytes queued for one peer past which notices are dropped. Default 256 KiB. */
  readonly noticeQueueBytesMax: number;
  /** Requests of one connection being handled; more wait unread. Default 256. */
  readonly handlingMax: number;
  /** Bytes of requests of one connection being handled; more wait unread. Default 64 MiB. */
  readonly handlingBytesMax: number;
  /** Connections that others may have open to this endpoint. Default 1024. */
  readonly connectionsMax: number;
  /** Peers to whom this endpoint keeps a connection or a memory of failing. Default 1024. */
  readonly peersMax: number;
  /** Connecting and shaking hands. Default 1000. */
  readonly connectTimeoutMs: number;
  /** First pause after a failed connection; doubles up to `redialMaxMs`. Default 50. */
  readonly redialMs: number;
  /** Default 2000. */
  readonly redialMaxMs: number;
  /** A connection without a request for so long is closed. Default 60,000. */
  readonly idleMs: number;
  /** A connection that has been silent for so long is asked for a sign of life. Default 2000. */
  readonly pingMs: number;
  /** A connection that has been silent for so long is lost. Default 6000. */
  readonly silenceMs: number;
}

/** The limits that hold unless others are given. */
export const defaultLimits: EndpointLimits = {
  frameBytesMax: 40 * 2 ** 20,
  inFlightMax: 1024,
  queueBytesMax: 16 * 2 ** 20,
  noticeQueueBytesMax: 256 * 1024,
  handlingMax: 256,
  handlingBytesMax: 64 * 2 ** 20,
  connectionsMax: 1024,
  peersMax: 1024,
  connectTimeoutMs: 1000,
  redialMs: 50,
  redialMaxMs: 2000,
  idleMs: 60_000,
  pingMs: 2000,
  silenceMs: 6000,
};

/** Who a node is. An address is not part of it. */
export interface NodeIdentity {
  readonly id: string;
  readonly incarnation: string;
}

/** Options of `openEndpoint`. */
export interface EndpointOptions {
  readonly environment: EndpointEnvironment;
  /** Where to listen, `host:port`; port 0 picks one. */
  readonly listen: string;
  /** What others are told to dial; by default what it listens at. */
  readonly advertise?: string;
  readonly identity: NodeIdentity;
  /** The cluster; empty while it is not known yet. */
  readonly clusterId?: string;
  /** What this node can do, for others to see. */
  readonly capabilities?: readonly string[];
  readonly limits?: Partial<EndpointLimits>;
  /** Somebody has connected and said who it is. */
  readonly greeted?: (peer: PeerIdentity) => void;
}

/** Longest id, incarnation, address or capability. */
export const nameLengthMax = 256;
/** Most capabilities. */
export const capabilitiesMax = 64;

/** The limits with the defaults filled in. @throws CoterieError `INVALID_ARGUMENT` */
export function checkLimits(given: Partial<EndpointLimits> = {}): EndpointLimits {
  const limits = { ...defaultLimits, ...given };
  for (const [name, value] of Object.entries(limits)) {
    if (!(value > 0)) throw new CoterieError('INVALID_ARGUMENT', `${name} must be a positive number, not ${value}`);
  }
  if (limits.frameBytesMax + limits.queueBytesMax > sendQueueMaxBytes)
    throw new CoterieError('INVALID_ARGUMENT', `frameBytesMax and queueBytesMax together may be ${sendQueueMaxBytes} bytes at most`);
  if (limits.silenceMs <= limits.pingMs)
    throw new CoterieError('INVALID_ARGUMENT', 'silenceMs must be longer than pingMs, or no answer to a ping can come in time');
  return limits;
}

/** Checks names and addresses. @throws CoterieError `INVALID_ARGUMENT` */
export function checkIdentity(options: EndpointOptions): void {
  parseAddress(options.listen);
  if (options.advertise !== undefined) parseAddress(options.advertise);
  const { id, incarnation } = options.identity;
  const names = [id, incarnation, ...(options.capabilities ?? [])];
  if (names.some((name) => name.length === 0 || name.length > nameLengthMax) || (options.clusterId ?? '').length > nameLengthMax)
    throw new CoterieError('INVALID_ARGUMENT', `ids and capabilities have 1 to ${nameLengthMax} characters`);
  if ((options.capabilities ?? []).length > capabilitiesMax)
    throw new CoterieError('INVALID_ARGUMENT', `at most ${capabilitiesMax} capabilities can be named`);
}
