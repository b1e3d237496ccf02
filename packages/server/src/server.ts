/**
 * A running server: one node, one HTTP door, and their life together.
 *
 * ```
 *  starting ──listening, node open──▶ ready ──close()──▶ draining ──idle or late──▶ closed
 *     │ failed: what was opened is closed again                 destroy() cuts it short
 * ```
 *
 * It listens before the node opens, since the cluster is told where clients reach it; until the node is there, `livez` is
 * answered, `readyz` says what is waited for, and the rest is refused as `NOT_READY`.
 *
 * With seeds it rehearses before it opens the node (`rehearsal/rehearsal.ts`): others send requests as soon as it is a member.
 *
 * Draining: `readyz` fails, no connection is taken, idle ones end, running requests and those that are half sent finish
 * (up to `drain-timeout`, then their connections are ended), and only then the node closes, so nothing acknowledged is lost.
 */
import { type Environment, type Log, type Timer, sleep } from '@coterie/env';
import type { CoterieNode } from '@coterie/node';
import { HostRule } from './http/hosts.ts';
import { Listener, type ListenerLimits } from './http/listener.ts';
import { Service, type ServiceLimits } from './http/service.ts';
import { rehearse } from './rehearsal/rehearsal.ts';
import { isLoopback, showAddress } from './settings/address.ts';
import type { Settings } from './settings/definitions.ts';

/** What a server is made of. */
export interface ServerOptions {
  readonly settings: Settings;
  readonly environment: Environment;
  /** Opens the node behind the door; `settings.http` has the port that was really taken. */
  readonly openNode: (environment: Environment, settings: Settings) => Promise<CoterieNode>;
}

const batchParallel = 32;
const drainLookEveryMs = 20;
const discardBytesMax = 16 * 1024 * 1024;

/** A server that was started. */
export class RunningServer {
  /** Where it is reached, as `http://HOST:PORT`. */
  readonly url: string;
  readonly service: Service;
  private readonly listener: Listener;
  private readonly log: Log;
  private readonly drainTimeoutMs: number;
  private closing: Promise<void> | undefined;
  private late = false;
  private patience: Timer | undefined;

  constructor(parts: { readonly service: Service; readonly listener: Listener; readonly drainTimeoutMs: number }) {
    this.service = parts.service;
    this.listener = parts.listener;
    this.log = parts.service.log;
    this.drainTimeoutMs = parts.drainTimeoutMs;
    this.url = `http://${showAddress(parts.listener.address)}`;
  }

  /** Drains and closes; resolves when the node is closed and everything acknowledged is on disk. */
  close(): Promise<void> {
    this.closing ??= staysAlive(this.drain());
    return this.closing;
  }

  /** Cuts a drain short: connections end now. */
  destroy(): Promise<void> {
    const closing = this.close();
    this.late = true;
    this.listener.destroy();
    return closing;
  }

  private async drain(): Promise<void> {
    const { service, listener } = this;
    service.state = 'draining';
    this.log.info('draining', { inFlight: service.meters.inFlight, connections: service.meters.connections });
    listener.stop();
    this.patience = service.timers.after(this.drainTimeoutMs, () => {
      this.late = true;
    });
    // In these turns what has reached this process is read: half a request must not pass for none.
    await service.timers.turn();
    await service.timers.turn();
    await this.quiet();
    this.patience.cancel();
    if (service.meters.inFlight > 0) this.log.warn('ending requests that still run', { inFlight: service.meters.inFlight });
    listener.destroy();
    service.stop();
    await service.node.close();
    service.state = 'closed';
    this.log.info('closed');
  }

  /** Resolves once the last connection has ended, or it is late. */
  private async quiet(): Promise<void> {
    while (!this.late && this.service.meters.connections > 0) {
      this.listener.endIdle();
      await sleep(this.service.timers, drainLookEveryMs);
    }
  }
}

/** Starts a server. @throws what opening the node or listening throws; nothing stays open then */
export function startServer(options: ServerOptions): Promise<RunningServer> {
  return staysAlive(open(options));
}

async function open(options: ServerOptions): Promise<RunningServer> {
  const { settings, environment } = options;
  const service = new Service({ world: environment, limits: serviceLimits(settings), hosts: hostRule(settings) });
  service.waitingFor = waitingFor(settings);
  const listener = new Listener(service, {
    address: settings.http,
    limits: listenerLimits(settings),
  });
  try {
    await listener.listen();
    if (settings.seed.length > 0 && settings.rehearsal > 0) await prepare(environment, settings);
    service.begin(await options.openNode(environment, { ...settings, http: listener.address }));
  } catch (error) {
    listener.destroy();
    service.stop();
    throw error;
  }
  return new RunningServer({ service, listener, drainTimeoutMs: settings['drain-timeout'] });
}

/**
 * `work`, which the process waits for: timers of the environment keep no process alive, and before it listens and after
 * its last connection a server has nothing else that does.
 */
function staysAlive<Result>(work: Promise<Result>): Promise<Result> {
  const alive = setInterval(() => {}, 2 ** 30);
  return work.finally(() => clearInterval(alive));
}

function waitingFor({ seed, 'data-dir': directory }: Settings): string {
  if (seed.length === 0) return `it opens its store in ${directory}`;
  return `it opens its store in ${directory}, or waits for the cluster of ${seed.map(showAddress).join(', ')} to take it in; its log says which`;
}

function hostRule(settings: Settings): HostRule {
  return new HostRule({ loopback: isLoopback(settings.http), names: settings['allowed-host'] });
}

/** Has the code ready that others will ask for as soon as they hear of this node. Alone, nobody hears of it. */
async function prepare({ clock, timers, random, log }: Environment, settings: Settings): Promise<void> {
  const usedMs = (): number => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  };
  const doors = { service: serviceLimits(settings), listener: listenerLimits(settings) };
  const beganMs = clock.monotonic();
  const { requests, broke } = await rehearse({ clock, timers, random, usedMs }, { processorMs: settings.rehearsal, doors });
  log.info('rehearsed', { requests, ms: Math.round(clock.monotonic() - beganMs), brokeOff: broke?.message });
}

function listenerLimits(settings: Settings): ListenerLimits {
  return {
    connectionsMax: settings['connections-max'],
    headerBytesMax: settings['header-bytes-max'],
    headersTimeoutMs: settings['headers-timeout'],
    requestTimeoutMs: settings['request-timeout'],
    keepAliveTimeoutMs: settings['keep-alive-timeout'],
  };
}

function serviceLimits(settings: Settings): ServiceLimits {
  return {
    requestsMax: settings['requests-max'],
    pipelineMax: settings['pipeline-max'],
    bodyBytesMax: settings['body-bytes-max'],
    bodyBytesPerSecondMin: settings['body-rate-min'],
    bodyGraceMs: settings['body-grace'],
    discardBytesMax,
    batchesMax: settings['batches-max'],
    batchParallel,
    batchLineBytesMax: settings['batch-line-bytes-max'],
  };
}
