/** Has the cluster told when this member is reached elsewhere than the ring log says, or votes in another life. */
import type { ClusterLink } from './link.ts';
import { type Member, memberOf } from './state.ts';

/** Proposes what changed about this member since it was last decided; nothing when all is as it was. */
export async function announce(cluster: ClusterLink, self: Member): Promise<void> {
  const known = memberOf(cluster.state, self.id);
  const { id, peer, http, acceptor } = self;
  if (known === undefined || (known.peer === peer && known.http === http && known.acceptor === acceptor)) return;
  await cluster.propose({ kind: 'member', id: cluster.mintId(), member: { id, peer, http, acceptor } });
}
