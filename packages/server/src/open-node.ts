/** Opens the node that a server stands in front of: the settings in the node's and its store's own terms. */
import type { Environment } from '@coterie/env';
import { openStore } from '@coterie/lsm';
import { type CoterieNode, type PeerOptions, startNode } from '@coterie/node';
import { type Address, isUnspecified, showAddress } from './settings/address.ts';
import type { Settings } from './settings/definitions.ts';

/**
 * The node on the settings' data directory, a member of its cluster. `settings.http` has the port that was really taken.
 * With seeds, a first start resolves once the cluster has taken it in.
 *
 * @throws `LOCKED` when another process has the directory or the peer address · what its store throws · `TIMEOUT` when no
 * seed took it in
 */
export function openNode(environment: Environment, settings: Settings): Promise<CoterieNode> {
  const memory = { cacheBytes: settings['cache-bytes'], writeBufferBytes: settings['write-buffer-bytes'] };
  return startNode({
    environment,
    dataDirectory: settings['data-dir'],
    ...(settings.name === '' ? {} : { name: settings.name }),
    sync: settings.sync,
    partitions: settings.partitions,
    ...(settings['level-max'] === null ? {} : { levelMax: settings['level-max'] }),
    peer: peerOptions(settings),
    openStore: (directory, opening) => openStore(directory, { ...opening, ...memory }),
    forgetEveryMs: settings['forget-every'],
    limits: {
      inFlightMax: settings['requests-max'],
      inFlightBytesMax: settings['body-bytes-max'],
      operationMemoryMs: settings['operation-memory'],
    },
  });
}

function peerOptions(settings: Settings): PeerOptions {
  const advertise = settings['peer-advertise'];
  return {
    listen: showAddress(settings.peer),
    ...(advertise === null ? {} : { advertise: showAddress(advertise) }),
    seeds: settings.seed.map(showAddress),
    zone: settings.zone,
    weight: settings.weight,
    join: settings.join,
    ...(settings.replace === '' ? {} : { replace: settings.replace }),
    http: showAddress(httpForOthers(settings)),
  };
}

/** Where others are told that clients reach this node: as set, else where HTTP listens, by a host that can be dialled. */
export function httpForOthers(settings: Settings): Address {
  const { http, peer } = settings;
  const told = settings['http-advertise'];
  if (told !== null) return told;
  return isUnspecified(http) ? { host: (settings['peer-advertise'] ?? peer).host, port: http.port } : http;
}
