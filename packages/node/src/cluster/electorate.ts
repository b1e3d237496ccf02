/**
 * Who votes on the next epoch: the largest odd number of settled members up to seven, spread over zones. Members that are
 * joining, leaving or lost have no seat, nor those of a restored cluster that have not come back; when there is nobody else, whoever is not lost has one.
 */
import { type ClusterState, type Member, newcomersOf, type Steward } from './state.ts';

const stewardsMax = 7;

/** Who votes after this state. */
export function electorateOf(state: Pick<ClusterState, 'members' | 'changes' | 'leaving' | 'lost'>): Steward[] {
  const unsettled = new Set([...state.changes.flatMap(newcomersOf), ...state.leaving, ...state.lost]);
  const settled = state.members.filter(({ id, acceptor }) => !unsettled.has(id) && acceptor !== '');
  if (settled.length > 0) return seatStewards(settled);
  const alive = state.members.filter(({ id }) => !state.lost.includes(id));
  return seatStewards(alive.length > 0 ? alive : state.members);
}

/** Seats for the largest odd number of members up to seven, those first that bring in another zone. A lone second member does not vote. */
export function seatStewards(members: readonly Member[]): Steward[] {
  const seats = Math.min(stewardsMax, members.length % 2 === 0 ? members.length - 1 : members.length);
  const seated: Member[] = [];
  while (seated.length < seats) {
    const taken = (zone: string): number => seated.filter((other) => topZone(other.zone) === zone).length;
    const open = members.filter((member) => !seated.includes(member));
    seated.push(open.reduce((best, member) => (taken(topZone(member.zone)) < taken(topZone(best.zone)) ? member : best)));
  }
  return seated.map(({ id, acceptor }) => ({ id, acceptor }));
}

function topZone(zone: string): string {
  return zone.split('/', 1)[0] ?? '';
}
