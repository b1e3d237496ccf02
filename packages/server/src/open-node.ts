/** Opens the node that a server stands in front of: the settings in the node's own terms. */
import type { Environment } from '@coterie/env';
import type { CoterieNode } from '@coterie/node';
import * as nodePackage from '@coterie/node';
import type { Settings } from './settings/definitions.ts';

type StartNode = (options: object) => Promise<CoterieNode>;

/** The node on the settings' data directory. @throws `LOCKED` when another process has it, and what its store throws */
export async function openNode(environment: Environment, settings: Settings): Promise<CoterieNode> {
  const { startNode } = nodePackage as unknown as { startNode: StartNode };
  return await startNode({ environment, dataDirectory: settings['data-dir'], name: settings.name, sync: settings.sync });
}
