/**
 * Keeps the client's picture of the ring. It is fetched at the start, when a node says that the ring has changed
 * (`STALE_RING`, or an epoch in `Coterie-Epoch` above ours), after failures, and when it is old; in the background, one
 * fetch at a time and not more often than once a second. Nobody waits for it but those whose request was refused as
 * stale: an old picture costs a hop, since any node forwards.
 *
 * An older epoch never replaces a newer one, as a node that lags may be the one asked.
 */
import type { HttpAnswer, HttpTransport, Log } from '@coterie/env';
import { tokenOf } from '@coterie/ring';
import type { Endpoints } from './endpoints.ts';
import { failureBehind, failureOf } from './failure.ts';
import type { ClientLimits, ClientWorld } from './options.ts';
import { weightOf } from './retry.ts';
import { chooseEndpoint, type Route } from './route.ts';
import { holdersOf, parseTopology, type Topology } from './topology.ts';

/** What a watch is made of. */
export interface RingWatchParts {
  readonly seeds: readonly string[];
  readonly endpoints: Endpoints;
  readonly transport: HttpTransport;
  readonly world: ClientWorld;
  readonly limits: Pick<ClientLimits, 'tryTimeoutMs' | 'answerBytesMax' | 'ringAgeMs'>;
}

const pauseMs = 1000;
/** Endpoints asked in one fetch. */
const askedMax = 3;
const none: readonly string[] = [];

/** The ring as last heard of, and how to hear more. */
export class RingWatch {
  readonly #parts: RingWatchParts;
  readonly #log: Log;
  #topology: Topology | undefined;
  #all: readonly string[];
  #fetching: Promise<void> | undefined;
  #fetchedAt = Number.NEGATIVE_INFINITY;
  /** The latest epoch that a fetch was begun for, so that a ring which cannot be read is not asked for again and again. */
  #epochSought = 0;

  constructor(parts: RingWatchParts) {
    this.#parts = parts;
    this.#log = parts.world.log;
    this.#all = parts.seeds;
  }

  /** The ring, unless none is known. */
  get topology(): Topology | undefined {
    return this.#topology;
  }

  /** Who is asked for a key, in which order. */
  routeOf(bucket: Uint8Array, key: Uint8Array): Route {
    const token = tokenOf(bucket, key);
    const holders = this.#topology === undefined ? none : holdersOf(this.#topology, token);
    return { holders, all: this.#all, start: token.low % this.#all.length };
  }

  /** Who is asked when any node will do: all, from a random one. */
  anyRoute(): Route {
    return { holders: none, all: this.#all, start: this.#parts.world.random.u32() % this.#all.length };
  }

  /** Takes note of the epoch that an answer names. */
  heard(epoch: string | undefined): void {
    const named = epoch !== undefined && /^\d{1,15}$/.test(epoch) ? Number(epoch) : 0;
    const isNewer = named > Math.max(this.#topology?.epoch ?? 0, this.#epochSought);
    const isOld = this.#parts.world.clock.monotonic() - this.#fetchedAt > this.#parts.limits.ringAgeMs;
    if ((isNewer || isOld) && this.refreshSoon()) this.#epochSought = Math.max(this.#epochSought, named);
  }

  /** Fetches the ring in the background, unless it was just fetched; whether it does. */
  refreshSoon(): boolean {
    if (this.#parts.world.clock.monotonic() - this.#fetchedAt < pauseMs) return false;
    this.refresh().catch((error: unknown) => this.#log.warn('fetching the ring failed', { reason: String(error) }));
    return true;
  }

  /** Resolves after a fetch, the one under way if there is one; what cannot be fetched changes nothing. */
  refresh(): Promise<void> {
    this.#fetchedAt = this.#parts.world.clock.monotonic();
    this.#fetching ??= this.#fetch().finally(() => (this.#fetching = undefined));
    return this.#fetching;
  }

  async #fetch(): Promise<void> {
    const route = this.anyRoute();
    const tried: string[] = [];
    const { clock } = this.#parts.world;
    while (tried.length < askedMax) {
      const now = clock.monotonic();
      const from = chooseEndpoint(route, tried, (endpoint) => this.#parts.endpoints.isUsable(endpoint, now));
      if (from === undefined) return;
      tried.push(from);
      if (await this.#fetchFrom(from)) return;
    }
  }

  /** Whether that endpoint gave both documents. */
  async #fetchFrom(from: string): Promise<boolean> {
    const [ring, cluster] = await Promise.all([this.#document(from, '/v1/ring'), this.#document(from, '/v1/cluster')]);
    if (ring === undefined || cluster === undefined) return false;
    this.#take(parseTopology({ ring, cluster, from }));
    return true;
  }

  #take(topology: Topology | undefined): void {
    if (topology === undefined || topology.epoch < (this.#topology?.epoch ?? 0)) return;
    this.#topology = topology;
    this.#all = [...new Set([...topology.endpoints, ...this.#parts.seeds])];
    this.#parts.endpoints.retain(this.#all);
  }

  async #document(origin: string, path: string): Promise<unknown> {
    const { transport, world, endpoints, limits } = this.#parts;
    const { tryTimeoutMs: timeoutMs, answerBytesMax } = limits;
    const startedAt = world.clock.monotonic();
    const times = (): { startedAt: number; now: number } => ({ startedAt, now: world.clock.monotonic() });
    try {
      const answer = await transport.request({ method: 'GET', origin, path, headers: {}, timeoutMs, answerBytesMax });
      if (answer.status !== 200) endpoints.failed(origin, weightOf(failureOf(answer)), times());
      else endpoints.succeeded(origin, times());
      return answer.status === 200 ? parseJson(answer) : undefined;
    } catch (error) {
      endpoints.failed(origin, weightOf(failureBehind(error)), times());
      this.#log.debug('could not fetch the ring', { from: origin, path, reason: String(error) });
      return undefined;
    }
  }
}

function parseJson(answer: HttpAnswer): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(answer.body));
  } catch {
    return undefined;
  }
}
