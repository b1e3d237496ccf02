/** Opens the node that a server stands in front of: the settings in the node's and its store's own terms. */
import type { Environment } from '@coterie/env';
import { openStore } from '@coterie/lsm';
import { type CoterieNode, startNode } from '@coterie/node';
import type { Settings } from './settings/definitions.ts';

/** The node on the settings' data directory. @throws `LOCKED` when another process has it, and what its store throws */
export function openNode(environment: Environment, settings: Settings): Promise<CoterieNode> {
  const memory = { cacheBytes: settings['cache-bytes'], writeBufferBytes: settings['write-buffer-bytes'] };
  return startNode({
    environment,
    dataDirectory: settings['data-dir'],
    name: settings.name,
    sync: settings.sync,
    partitions: settings.partitions,
    openStore: (directory, opening) => openStore(directory, { ...opening, ...memory }),
    limits: { inFlightMax: settings['requests-max'], inFlightBytesMax: settings['body-bytes-max'] },
  });
}
