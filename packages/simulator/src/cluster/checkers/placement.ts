/** Copies lie in as many zones as there can be: judged where nothing is on its way, since a change begins with the lists as they were. */
import type { ClusterReport, RingReport } from '@coterie/node';

/** What is judged. */
export type ZonedCluster = {
  readonly epoch: number;
  readonly changes: readonly unknown[];
  readonly members: readonly Pick<ClusterReport['members'][number], 'zone' | 'isLeaving' | 'isLost'>[];
};

/** A sentence about the first partition whose copies lie in fewer zones than they could. */
export function checkZones({ epoch, changes, members }: ZonedCluster, { replicas }: Pick<RingReport, 'replicas'>): string[] {
  if (changes.length > 0 || members.some(({ isLost }) => isLost)) return [];
  const there = new Set(members.flatMap(({ zone, isLeaving }, position) => (isLeaving ? [] : [zone === '' ? `#${position}` : zone])));
  const zoneOf = (position: number): string => members[position]?.zone || `#${position}`;
  const wrong = replicas.findIndex((holders) => new Set(holders.map(zoneOf)).size < Math.min(holders.length, there.size));
  if (wrong === -1) return [];
  const zones = replicas[wrong].map(zoneOf).join(' ');
  return [`at epoch ${epoch} partition ${wrong} lies in the zones ${zones}, and there are ${there.size}`];
}
