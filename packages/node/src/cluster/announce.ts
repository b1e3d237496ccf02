/**
 * Has the cluster told when this member is reached elsewhere than the ring log says, votes in another life, or knows
 * another level; and has the cluster go up to the level that all its members know.
 */
import { levelKnownBy, levelToRaiseTo } from './level.ts';
import type { ClusterLink } from './link.ts';
import { type Member, memberOf } from './state.ts';

/** Proposes what changed about this member since it was last decided; nothing when all is as it was. */
export async function announce(cluster: ClusterLink, self: Member): Promise<void> {
  const known = memberOf(cluster.state, self.id);
  if (known === undefined) return;
  const { id, peer, http, acceptor, level = levelKnownBy(self) } = self;
  if (known.peer === peer && known.http === http && known.acceptor === acceptor && levelKnownBy(known) === level) return;
  await cluster.propose({ kind: 'member', id: cluster.mintId(), member: { id, peer, http, acceptor, level } });
}

/** Proposes the level that all members know, if the cluster is below it. Done by whoever is first among those who are up. */
export async function raiseWhenAllKnow(cluster: ClusterLink, selfId: string): Promise<void> {
  const level = levelToRaiseTo(cluster.state);
  if (level === undefined || cluster.state.members.find(({ id }) => cluster.standing(id) === 'up')?.id !== selfId) return;
  await cluster.propose({ kind: 'level', id: `level-${level}-${cluster.mintId()}`, level });
}
