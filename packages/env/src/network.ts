/**
 * Ordered streams of bytes between addresses `host:port` (`[host]:port` for IPv6).
 *
 * ```
 *  connect() ──▶ open ──close(): flush, then end──▶ closing ──▶ closed(undefined)
 *                  │ └────destroy(), or the peer's──▶ closed(CONNECTION_LOST)
 *                  └──the peer closed in order──▶ closed(undefined), after all it had sent
 * ```
 *
 * A connection arrives whole or not at all, in order, cut into pieces anywhere. That bytes were sent says nothing of
 * whether they arrived. A peer that loses power or is cut off says nothing: whoever must know asks, and minds the time.
 *
 * Failures are `CoterieError`s: `CONNECTION_LOST` with `details.address` and, from the system, `details.osCode`;
 * `TIMEOUT` when connecting took too long; `INVALID_ARGUMENT` for an address that cannot be; `LOCKED` for one in use.
 */
import { CoterieError } from './errors.ts';

/** A network. */
export interface Network {
  /**
   * Accepts connections at `address`; port 0 picks a free one. `accept` is called once for each, in a turn of its own.
   * @throws CoterieError `INVALID_ARGUMENT`, `LOCKED` (in use), `CONNECTION_LOST` (any other refusal of the system)
   */
  listen(address: string, accept: (connection: Connection) => void): Promise<Listener>;
  /** An open connection to `address`. @throws CoterieError `INVALID_ARGUMENT`, `TIMEOUT`, `CONNECTION_LOST` */
  connect(address: string, options: ConnectOptions): Promise<Connection>;
}

/** Settings of `connect`. */
export interface ConnectOptions {
  readonly timeoutMs: number;
}

/** An open door. */
export interface Listener {
  /** Where it listens, with the port that was picked. */
  readonly address: string;
  /** Accepts no more; resolves when the address is free. Connections that were accepted go on. */
  close(): Promise<void>;
}

/** What a connection tells its owner. Nothing is called after `closed`, which is called exactly once. */
export interface ConnectionHandlers {
  /** The next bytes, never empty. They are the receiver's to keep, and nobody writes to them again. */
  data(bytes: Uint8Array): void;
  /** After `send` answered false: there is room again. */
  drain(): void;
  /** Over: in order (`undefined`: either side closed), or lost. */
  closed(reason: CoterieError | undefined): void;
}

/** One end of an ordered stream of bytes in both directions. */
export interface Connection {
  /** The other end, as the system names it. */
  readonly remoteAddress: string;
  /** Bytes sent and not yet handed to the system. */
  readonly queuedBytes: number;
  /** Whom to tell. Nothing is read before; called once, in the turn that made the connection or later. */
  start(handlers: ConnectionHandlers): void;
  /**
   * Queues all of `bytes`, which nobody may change from now on. False when more is queued than is wise (1 MiB): wait for
   * `drain`. More than 64 MiB queued destroys the connection. Ignored on one that is closing or closed.
   */
  send(bytes: Uint8Array): boolean;
  /** Hands over at once what was sent in this turn: for who has collected it, and has nothing to add. */
  flush(): void;
  /** No `data` until `resume`; what comes meanwhile is held back at the sender. */
  pause(): void;
  resume(): void;
  /** Sends what is queued, then closes. Bytes that come meanwhile are dropped. */
  close(): void;
  /** Closes at once; what is queued may be lost, and the peer sees the connection lost. */
  destroy(): void;
}

/** Queued bytes from which `Connection.send` answers false. */
export const sendQueueWiseBytes: number = 2 ** 20;
/** Queued bytes past which a connection is destroyed. */
export const sendQueueMaxBytes: number = 64 * 2 ** 20;

/** A host and a port. */
export interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

const addressForm = /^(?:\[([0-9a-f:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/i;

/** Takes `host:port` or `[host]:port` apart. @throws CoterieError `INVALID_ARGUMENT` */
export function parseAddress(address: string): HostAndPort {
  const found = addressForm.exec(address);
  const port = Number(found?.[3]);
  if (found === null || port > 65_535)
    throw new CoterieError('INVALID_ARGUMENT', `'${address}' is no address: host:port is wanted, as in 127.0.0.1:7072`, {
      details: { address },
    });
  return { host: found[1] ?? found[2], port };
}

/** Puts `host:port` together, with brackets where the host is an IPv6 address. */
export function formatAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The error of a connection that is no more. */
export function connectionLost(address: string, why: string, osCode?: string): CoterieError {
  const details = osCode === undefined ? { address } : { address, osCode };
  return new CoterieError('CONNECTION_LOST', `${why}: ${address}${osCode === undefined ? '' : ` (${osCode})`}`, { details });
}
