/**
 * One node's end of the conversation with all others: it asks and it answers. A connection is used in one direction, by
 * the side that opened it, for all its questions; so two nodes have two, and neither waits for the other's.
 *
 * ```
 *  open ──close(): no new questions, those being handled are answered, then all connections end──▶ closed
 *   └─────destroy(): all at once──▶ closed
 * ```
 */
import { CoterieError } from '@coterie/env';
import type { Bounds, Listener } from '@coterie/env';
import { spokenVersions } from './handshake.ts';
import type { Hello } from './handshake.ts';
import type { Handler, MethodOptions, PeerIdentity, RequestOptions, RpcAnswer, RpcRequest } from './messages.ts';
import { checkIdentity, checkLimits } from './options.ts';
import type { EndpointLimits, EndpointOptions } from './options.ts';
import { Peer } from './peer.ts';
import { Visitor } from './visitor.ts';
import type { Method } from './visitor.ts';

/** What an endpoint holds now; all zero after `close` and `destroy`. */
export interface EndpointCounts {
  /** Questions that wait for their answers. */
  readonly inFlight: number;
  /** Questions of others being handled. */
  readonly handling: number;
  /** Connections that this side opened, or is opening. */
  readonly outgoing: number;
  /** Connections that others opened. */
  readonly incoming: number;
}

/** Opens an endpoint: it listens, and can ask. @throws CoterieError `INVALID_ARGUMENT`, `LOCKED` (address in use) */
export async function openEndpoint(options: EndpointOptions): Promise<Endpoint> {
  checkIdentity(options);
  const endpoint = new Endpoint(options, checkLimits(options.limits));
  await endpoint.listen();
  return endpoint;
}

const methodLengthMax = 32;

/** The end of one node. */
export class Endpoint {
  readonly #options: EndpointOptions;
  readonly #limits: EndpointLimits;
  readonly #methods = new Map<string, Method>();
  readonly #peers = new Map<string, Peer>();
  readonly #visitors = new Set<Visitor>();
  #clusterId: string;
  #listener: Listener | undefined;
  #state: 'open' | 'closing' | 'closed' = 'open';
  #whenEmpty: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  /** @internal Use `openEndpoint`. */
  constructor(options: EndpointOptions, limits: EndpointLimits) {
    this.#options = options;
    this.#limits = limits;
    this.#clusterId = options.clusterId ?? '';
  }

  /** @internal */
  async listen(): Promise<void> {
    const { environment, listen } = this.#options;
    this.#listener = await environment.network.listen(listen, (connection) => {
      if (this.#state !== 'open' || this.#visitors.size >= 2 * this.#limits.connectionsMax) return connection.destroy();
      const visitor = new Visitor(connection, {
        environment,
        limits: this.#limits,
        methods: this.#methods,
        hello: () => this.#hello(),
        clusterId: () => this.#clusterId,
        greeted: (peer) => {
          this.#peers.get(peer.address)?.wake();
          this.#options.greeted?.(peer);
        },
        closed: () => this.#gone(visitor),
      });
      this.#visitors.add(visitor);
      if (this.#visitors.size > this.#limits.connectionsMax)
        visitor.refuse(new CoterieError('OVERLOADED', `${this.address} has ${this.#limits.connectionsMax} connections already`));
    });
  }

  /** What others dial. */
  get address(): string {
    return this.#options.advertise ?? this.#listener?.address ?? this.#options.listen;
  }

  get clusterId(): string {
    return this.#clusterId;
  }

  /** What it holds now. */
  get counts(): EndpointCounts {
    let [inFlight, outgoing, handling] = [0, 0, 0];
    for (const peer of this.#peers.values()) {
      inFlight += peer.inFlight;
      if (peer.isConnected) outgoing++;
    }
    for (const visitor of this.#visitors) handling += visitor.handling;
    return { inFlight, handling, outgoing, incoming: this.#visitors.size };
  }

  /** What it holds that has a limit. Where there is one for each peer or connection, the fullest counts. */
  get bounds(): Bounds {
    const { peersMax, connectionsMax, inFlightMax, queueBytesMax, frameBytesMax, handlingMax, handlingBytesMax } = this.#limits;
    const peers = [...this.#peers.values()];
    const visitors = [...this.#visitors];
    return {
      rpcPeers: { now: peers.length, most: peersMax },
      // As many again are there for as long as it takes to refuse them.
      rpcConnections: { now: visitors.length, most: 2 * connectionsMax },
      rpcInFlight: { now: largest(peers, (peer) => peer.inFlight), most: inFlightMax },
      rpcQueuedBytes: { now: largest(peers, (peer) => peer.queuedBytes), most: queueBytesMax + frameBytesMax },
      rpcHandling: { now: largest(visitors, (visitor) => visitor.handling), most: handlingMax },
      rpcHandlingBytes: { now: largest(visitors, (visitor) => visitor.handlingBytes), most: handlingBytesMax + frameBytesMax },
    };
  }

  /** Offers a method. @throws CoterieError `INVALID_ARGUMENT` when the name is taken, empty, or longer than 32 characters */
  register(name: string, handler: Handler, options: MethodOptions = {}): void {
    if (name.length === 0 || name.length > methodLengthMax || this.#methods.has(name))
      throw new CoterieError('INVALID_ARGUMENT', `a method has a name of its own of 1 to ${methodLengthMax} characters: '${name}'`);
    this.#methods.set(name, { handler, options });
  }

  /**
   * Asks the node at `address`, and resolves to its answer.
   *
   * Rejects with what its handler threw (`details.peer` names the address), or with `TIMEOUT`, `CONNECTION_LOST`,
   * `OVERLOADED` (bounds of this side), `TOO_LARGE`, `UNSUPPORTED_FORMAT` (method or version unknown there), `CLOSED`.
   * `details.mayHaveTakenEffect` says whether the question may have arrived.
   */
  request(address: string, request: RpcRequest, { timeoutMs, atOnce }: RequestOptions): Promise<RpcAnswer> {
    try {
      if (this.#state !== 'open') throw this.#closedError();
      if (!(timeoutMs > 0)) throw new CoterieError('INVALID_ARGUMENT', `timeoutMs must be above 0, not ${timeoutMs}`);
      const peer = this.#peer(address);
      const answer = peer.request(request, timeoutMs);
      if (atOnce === true) peer.flush();
      return answer;
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  /** Says something to the node at `address`, which may never arrive. Never fails, never waits; dropped where that is quicker. */
  notify(address: string, notice: RpcRequest): void {
    if (this.#state !== 'open') return;
    if (!this.#peers.has(address) && !this.#makeRoom()) return;
    this.#peer(address).notify(notice);
  }

  /** Who answers at `address`; `undefined` while there is no connection to it. */
  peerAt(address: string): PeerIdentity | undefined {
    return this.#peers.get(address)?.identity;
  }

  /** From now on this node belongs to a cluster. Connections made before are renewed. */
  joinCluster(clusterId: string): void {
    if (clusterId === this.#clusterId) return;
    this.#clusterId = clusterId;
    for (const peer of this.#peers.values()) peer.renew();
    for (const visitor of this.#visitors) if (visitor.peer !== undefined && visitor.peer.clusterId !== clusterId) visitor.leave();
  }

  /** Answers what is being handled, refuses the rest, ends all connections; after `drainMs` it does not wait any longer. */
  close({ drainMs = 5000 }: { readonly drainMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(drainMs);
    return this.#closing;
  }

  async #close(drainMs: number): Promise<void> {
    if (this.#state === 'closed') return;
    this.#state = 'closing';
    await this.#listener?.close();
    for (const peer of this.#peers.values()) peer.close(this.#closedError());
    for (const visitor of this.#visitors) visitor.leave();
    const timer = this.#options.environment.timers.after(drainMs, () => this.destroy());
    if (!this.#isEmpty) await new Promise<void>((resolve) => (this.#whenEmpty = resolve));
    timer.cancel();
    this.#state = 'closed';
  }

  /** Ends everything at once. */
  destroy(): void {
    this.#state = 'closed';
    void this.#listener?.close();
    for (const peer of this.#peers.values()) peer.destroy(this.#closedError());
    for (const visitor of this.#visitors) visitor.destroy();
  }

  #peer(address: string): Peer {
    const known = this.#peers.get(address);
    if (known !== undefined) return known;
    if (!this.#makeRoom())
      throw new CoterieError('OVERLOADED', `cannot ask ${address}: ${this.#limits.peersMax} other peers are being asked`, {
        details: { address, mayHaveTakenEffect: false },
      });
    const { environment } = this.#options;
    const peer = new Peer({
      address,
      environment,
      limits: this.#limits,
      hello: () => this.#hello(),
      disconnected: () => this.#tellIfEmpty(),
    });
    this.#peers.set(address, peer);
    return peer;
  }

  /** Forgets the oldest idle peer when there are too many. */
  #makeRoom(): boolean {
    if (this.#peers.size < this.#limits.peersMax) return true;
    for (const [address, peer] of this.#peers) {
      if (peer.isIdle) return this.#peers.delete(address);
    }
    return false;
  }

  #hello(): Hello {
    const { identity, capabilities = [] } = this.#options;
    return { versions: spokenVersions, clusterId: this.#clusterId, ...identity, address: this.address, capabilities };
  }

  #gone(visitor: Visitor): void {
    this.#visitors.delete(visitor);
    this.#tellIfEmpty();
  }

  get #isEmpty(): boolean {
    const { outgoing, incoming } = this.counts;
    return outgoing === 0 && incoming === 0;
  }

  #tellIfEmpty(): void {
    if (this.#whenEmpty !== undefined && this.#isEmpty) this.#whenEmpty();
  }

  #closedError(): CoterieError {
    return new CoterieError('CLOSED', `the endpoint at ${this.address} is closed`);
  }
}

function largest<T>(of: readonly T[], amount: (one: T) => number): number {
  return of.reduce((most, one) => Math.max(most, amount(one)), 0);
}
