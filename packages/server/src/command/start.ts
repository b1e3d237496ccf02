/**
 * `coterie start`: one node until a signal ends it.
 *
 * ```
 *  settings ──▶ listening ──▶ node open ──▶ start lines ──SIGINT SIGTERM SIGHUP──▶ drain ──▶ exit 0
 *     │ 2           │ 1           │ 1                          └─ second signal ──▶ connections end now, exit 1
 *  an error that nobody handled: logged, exit 1 (the store recovers at the next start)
 * ```
 *
 * A node that another program started with a channel to it (`coterie dev`) also drains when that program is gone.
 */
import { once } from 'node:events';
import { type Log, isCoterieError } from '@coterie/env';
import { createNodeEnvironment } from '@coterie/env-node';
import type { ClusterReport } from '@coterie/node';
import { createLog } from '../logging/logger.ts';
import { compileLater, compileLaterWhile } from '../compile-later.ts';
import { letBuffersDieYoung } from '../heap-growth.ts';
import { openNode } from '../open-node.ts';
import { type RunningServer, startServer } from '../server.ts';
import { isLoopback, showAddress } from '../settings/address.ts';
import type { Settings } from '../settings/definitions.ts';
import { type Resolved, resolveSettings } from '../settings/resolve.ts';
import { CommandFailure, UsageFailure } from './failure.ts';
import { packageVersion } from './version.ts';

/** `coterie start`; resolves when the server has closed. */
export async function start(flags: Readonly<Record<string, string | undefined>>): Promise<void> {
  const starterGone = whenStarterIsGone();
  const { settings, warnings } = settingsOf(flags);
  const log = createLog({ format: settings['log-format'], level: settings['log-level'] });
  endOnBugs(log);
  for (const warning of warnings) log.warn(warning);
  letBuffersDieYoung();
  compileLater();
  const environment = createNodeEnvironment({ log });
  const server = await startServer({ settings, environment, openNode }).catch((error: unknown) => {
    throw explained(error, settings);
  });
  const { node } = server.service;
  compileLaterWhile(() => node.expectsChange, environment.timers);
  announce(server, settings, log);
  warnOfRisks(settings, log);
  if (process.connected) process.send?.('ready');
  await untilSignalled(server, log, starterGone);
}

function settingsOf(flags: Readonly<Record<string, string | undefined>>): Resolved {
  try {
    return resolveSettings({ flags, variables: process.env });
  } catch (error) {
    if (!isCoterieError(error)) throw error;
    throw new UsageFailure(error.message, 'coterie start --help   lists the settings');
  }
}

function announce(server: RunningServer, settings: Settings, log: Log): void {
  const { url } = server;
  const { node } = server.service;
  const { name, nodeId: id, peer = '', sync, warnings } = node.status();
  const { epoch, members } = node.cluster();
  const data = settings['data-dir'];
  if (settings['log-format'] === 'json') {
    const cluster = { epoch, members: members.length };
    log.info('ready', { http: url, peer, data, sync, name, id, ...cluster, version: packageVersion(), pid: process.pid });
  } else {
    process.stdout.write(startLines({ url, data, sync, name, peer: peerLine(peer, node.cluster()) }));
  }
  if (settings.name !== '' && settings.name !== name) {
    log.warn('the cluster knows this member by the name that it joined with; --name changes nothing', { name, asked: settings.name });
  }
  if (settings.seed.length > 0 && node.cluster().members.length === 1) {
    log.warn('this node is the only member of a cluster of its own: --seed changes nothing; to join another, start on an empty directory', {
      seed: settings.seed.map(showAddress).join(', '),
    });
  }
  for (const warning of warnings) log.warn(warning);
}

function peerLine(peer: string, { epoch, members, change }: ClusterReport): string {
  if (members.length === 1) return `${peer}   (alone; another node joins with --seed ${peer})`;
  const moving = change === undefined ? '' : `; ${change.aims} is under way, coterie status shows how far it is`;
  return `${peer}   (${members.length} members, epoch ${epoch}${moving})`;
}

interface StartFacts {
  readonly url: string;
  readonly data: string;
  readonly sync: string;
  readonly name: string;
  readonly peer: string;
}

function startLines(of: StartFacts): string {
  const at = `${of.url}/v1/kv/cart/alice`;
  return `
Coterie ${packageVersion()}: ${of.name} is ready
  HTTP   ${of.url}   (a console for the browser at /, metrics at /metrics)
  peers  ${of.peer}
  data   ${of.data}   (sync ${of.sync})
try
  curl -X PUT -H 'Content-Type: text/plain' -d milk ${at}
  curl ${at}
  curl -X DELETE ${at}
Ctrl-C drains and stops.

`;
}

function warnOfRisks(settings: Settings, log: Log): void {
  if (!isLoopback(settings.http)) {
    log.warn('insecure: anybody who reaches this address can read and write everything', { http: showAddress(settings.http) });
  }
  if (!isLoopback(settings.peer)) {
    log.warn('insecure: anybody who reaches this address can pass for a member', { peer: showAddress(settings.peer) });
  }
  if (settings.sync !== 'always') {
    log.warn('acknowledged writes may be lost when the machine stops: sync is not "always"', { sync: JSON.stringify(settings.sync) });
  }
}

/** What opening or listening failed of, with what to do next. */
function explained(error: unknown, settings: Settings): unknown {
  if (!isCoterieError(error)) return error;
  const directory = settings['data-dir'];
  if (error.code === 'LOCKED' && error.details['address'] !== undefined)
    return new CommandFailure(
      `cannot listen for other nodes on ${showAddress(settings.peer)}: something else listens there`,
      'choose another address with --peer HOST:PORT, or port 0 for any free one',
    );
  if (error.code === 'LOCKED')
    return new CommandFailure(`${directory} is in use: ${error.message}`, 'stop that process, or start this one with another --data-dir');
  if (error.code === 'INVALID_ARGUMENT') return new CommandFailure(error.message);
  const next =
    error.code === 'CORRUPTION' ? `coterie verify ${directory}   says what is damaged; docs/operating.md what to do about it` : undefined;
  return new CommandFailure(`cannot start on ${directory}: ${error.code}: ${error.message}`, next);
}

/** Resolves when the program that started this one is gone, if it has a channel to it. The channel keeps no process alive. */
function whenStarterIsGone(): Promise<unknown> | undefined {
  if (!process.connected) return undefined;
  const gone = once(process, 'disconnect');
  process.channel?.unref();
  return gone;
}

async function untilSignalled(server: RunningServer, log: Log, starterGone: Promise<unknown> | undefined): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    let signals = 0;
    const onSignal = (signal: NodeJS.Signals): void => {
      signals++;
      log.info(signals === 1 ? 'stopping' : 'stopping at once', { signal });
      if (signals === 1) server.close().then(resolve, reject);
      else {
        process.exitCode = 1;
        void server.destroy();
        if (signals > 2) process.exit(1);
      }
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
    void starterGone?.then(() => onSignal('SIGTERM'));
  });
}

function endOnBugs(log: Log): void {
  const end = (error: unknown): never => {
    const cause = error instanceof Error ? error : new Error(String(error));
    log.error('bug: an error that nobody handled; ending', { detail: cause.message, stack: cause.stack ?? '' });
    process.exit(1);
  };
  process.on('uncaughtException', end);
  process.on('unhandledRejection', end);
}
