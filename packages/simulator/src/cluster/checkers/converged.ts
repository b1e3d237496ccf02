/** P5: once faults have stopped, everybody finds everybody and all copies of a key become equal. What is told here is what is still missing. */
import type { CopyReport, CoterieNode } from '@coterie/node';

/** What is looked at of a node. */
export type NodeView = Pick<CoterieNode, 'status' | 'cluster' | 'epoch'>;

/** Something that has to come about. */
export interface RestCondition {
  readonly what: string;
  /** Whether it holds for these members; undefined stands for one that does not run. */
  holds(members: readonly (NodeView | undefined)[]): boolean;
}

/** What has to come about after the faults, in this order. */
export const restConditions: readonly RestCondition[] = [
  { what: 'every node runs', holds: all((node) => node.status().state === 'ready') },
  { what: 'every node sees every other alive', holds: all((node) => node.cluster().members.every(({ state }) => state === 'alive')) },
  { what: 'every change of the ring comes to its end', holds: all(isSettled) },
  { what: 'no node recovers any more', holds: all((node) => !node.cluster().isRecovering) },
  { what: 'all hints are handed over', holds: all((node) => node.cluster().hints === 0) },
];

function all(isSo: (node: NodeView, nodes: readonly NodeView[]) => boolean): RestCondition['holds'] {
  return (members) => {
    const nodes = members.filter((node) => node !== undefined);
    return nodes.length === members.length && nodes.every((node) => isSo(node, nodes));
  };
}

/** Nothing is under way, and nobody is about to go: by the newest epoch that anybody knows. */
function isSettled(node: NodeView, nodes: readonly NodeView[]): boolean {
  const { changes, members } = node.cluster();
  const isNewest = nodes.every(({ epoch }) => epoch <= node.epoch);
  return isNewest && changes.length === 0 && members.every(({ isLeaving, isLost }) => !isLeaving && !isLost);
}

/** How many values are to expire some time, as far as each member has looked. */
export function expiringAmong(members: readonly (NodeView | undefined)[]): number {
  return members.reduce((sum, node) => sum + (node?.status().forgetting.expiring ?? 0), 0);
}

/** Whether no member holds a tombstone or an expired value any more, as far as each has looked. */
export function hasForgotten(members: readonly (NodeView | undefined)[]): boolean {
  return all((node) => {
    const { tombstones, expired } = node.status().forgetting;
    return tombstones === 0 && expired === 0;
  })(members);
}

/** A node's copy of a key. */
export interface NamedCopy {
  readonly name: string;
  readonly copy: Pick<CopyReport, 'etag' | 'isOwner' | 'hintFor'>;
}

/** How the copies of a key differ; undefined when all owners hold the same and nobody keeps anything for others. */
export function apartnessOf(copies: readonly NamedCopy[]): string | undefined {
  const owned = copies.filter(({ copy }) => copy.isOwner);
  const strays = copies.filter(({ copy }) => copy.hintFor.length > 0);
  if (new Set(owned.map(({ copy }) => copy.etag)).size === 1 && strays.length === 0) return undefined;
  return copies
    .map(({ name, copy }) => `${name}${copy.isOwner ? '' : ' (no owner)'} ${copy.etag ?? 'nothing'} hints for [${copy.hintFor.join(' ')}]`)
    .join(', ');
}
