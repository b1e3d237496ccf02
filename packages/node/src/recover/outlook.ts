/**
 * What an operator should know before a cluster is recovered by force: how far this node's knowledge goes, and what may be
 * lost. Pure.
 *
 * ```
 *   partition p7   [c d e]      all gone          its keys are lost
 *   partition p8   [a c d]      one copy left     what only c and d acknowledged is lost
 *   partition p9   [a b c]      two copies left   what only c acknowledged is lost
 * ```
 */
import { CoterieError } from '@coterie/env';
import { describeAims } from '../cluster/changes.ts';
import { type ClusterState, memberOf } from '../cluster/state.ts';

/** A member, as this node's ring log knows it. */
export interface RecoveryMember {
  readonly id: string;
  readonly name: string;
  /** `host:port` for other nodes. */
  readonly peer: string;
  readonly isSteward: boolean;
  readonly isSelf: boolean;
  /** Partitions of which it holds a copy. */
  readonly copies: number;
  /** Whether the operator said that it is gone for ever. */
  readonly isGone: boolean;
}

/** What becomes of partitions when those members are gone for ever of whom that was said. */
export interface PartitionOutlook {
  /** All. */
  readonly partitions: number;
  /** Of which this node holds a copy. */
  readonly here: number;
  /** Every copy was on members that are gone. */
  readonly lost: number;
  /** One copy is left. */
  readonly oneLeft: number;
}

/** What a recovery begins with. */
export interface RecoveryOutlook {
  readonly cluster: string;
  readonly lineage: string;
  /** The last epoch that this node knows. */
  readonly epoch: number;
  readonly members: readonly RecoveryMember[];
  readonly copies: PartitionOutlook;
  /** Changes of the ring under way, in words. */
  readonly changes: readonly string[];
}

/** Where a log stands, and whose it is. */
export interface KnownLog {
  readonly state: ClusterState;
  readonly lineage: string;
  readonly selfId: string;
}

/** The outlook, with those members gone whose names or ids are given. @throws `INVALID_ARGUMENT` for a name of nobody, or this node's own */
export function outlookOf({ state, lineage, selfId }: KnownLog, goneNames: readonly string[]): RecoveryOutlook {
  const gone = new Set(goneNames.map((name) => goneId(state, name, selfId)));
  const holds = (at: number): number => state.ring.replicas.filter((holders) => holders.includes(at)).length;
  const members = state.members.map(({ id, name, peer }, at) => ({
    id,
    name,
    peer,
    isSteward: state.stewards.some((steward) => steward.id === id),
    isSelf: id === selfId,
    copies: holds(at),
    isGone: gone.has(id),
  }));
  const left = state.ring.replicas.map((holders) => holders.filter((at) => !gone.has(state.ring.members[at].id)).length);
  const copies = {
    partitions: state.ring.partitions,
    here: members.find(({ isSelf }) => isSelf)?.copies ?? 0,
    lost: left.filter((count) => count === 0).length,
    oneLeft: left.filter((count) => count === 1).length,
  };
  const changes = state.changes.map((change) => describeAims(state, change));
  return { cluster: state.clusterId, lineage, epoch: state.epoch, members, copies, changes };
}

function goneId(state: ClusterState, wanted: string, selfId: string): string {
  const found = state.members.find(({ id, name }) => id === wanted || name === wanted);
  if (found === undefined)
    throw refused(`${wanted} is no member that this node knows; those are ${state.members.map(({ name }) => name).join(', ')}`);
  if (found.id === selfId) throw refused(`${wanted} is this node itself, and it is here`);
  return found.id;
}

/** What may be lost with a recovery that begins a lineage here, in sentences. */
export function lossSentences({ epoch, members, copies, changes }: RecoveryOutlook): string[] {
  const gone = members.filter(({ isGone }) => isGone).map(({ name }) => name);
  const { partitions, here, lost, oneLeft } = copies;
  return [
    'Writes that were acknowledged only by members that are gone, and hints that those kept: lost for good.',
    ...(gone.length === 0
      ? [`This node holds a copy of ${here} of ${partitions} partitions. Say who is gone (--gone NAME) to hear what is left of the rest.`]
      : [
          `Without ${gone.join(', ')}: ${lost} of ${partitions} partitions have no copy left, and every key in them is lost; ${oneLeft} have one copy left.`,
        ]),
    `What was decided after epoch ${epoch}, if anything was, is undone: members that joined, left or were removed, changes of the ring, buckets. Say it again: a bucket that was dropped since is back, and so is a member that was removed.`,
    ...changes.map((change) => `The ${change} was under way, and may have gone further than this node knows; it goes on from there.`),
    'Until those who are left have exchanged what they have, reads with pr are refused: no store vouches for what it may lack.',
    'Whoever is not recovered too stays outside: it and the new lineage refuse each other, and nothing on its disk is touched.',
  ];
}

/** What it means for a member to follow the lineage that another one began, in sentences. */
export function followingSentences({ epoch, members }: RecoveryOutlook): string[] {
  const self = members.find(({ isSelf }) => isSelf);
  const votesAlone = self?.isSteward === true && members.every(({ isSelf, isSteward }) => isSelf || !isSteward);
  return [
    `What this node knows of the ring, up to epoch ${epoch}, is set aside for what the first one knew. If that was less (a lower epoch), what was decided between the two is undone.`,
    'Its store stays as it is; what only it has reaches the others when it is back.',
    ...(votesAlone
      ? [`${self.name} votes alone in the lineage that it has now: whoever follows that one can decide nothing any more without it.`]
      : []),
  ];
}

/** Why a lineage cannot begin with this member; undefined where it can. */
export function whyNotFirst({ state, selfId }: KnownLog, acceptor: string): string | undefined {
  const self = memberOf(state, selfId);
  if (self === undefined) return `this node (${selfId}) is no member of the cluster any more: recover on another survivor`;
  if (state.lost.includes(selfId)) return `${self.name} is being removed by force: recover on another survivor`;
  const [only, ...others] = state.stewards;
  if (others.length > 0 || only?.id !== selfId || only.acceptor !== acceptor) return undefined;
  return `${self.name} votes alone already, so nothing is stuck: start it, and remove who is gone with coterie remove NAME --force`;
}

function refused(message: string): CoterieError {
  return new CoterieError('INVALID_ARGUMENT', message);
}
