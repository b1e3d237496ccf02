/**
 * Shortest chains of swaps, by moves and then by length: Bellman and Ford's labels over the members.
 *
 * ```
 *   a ──p1──▶ b ──p2──▶ d          a holds one too many, d one too few, and a has nothing that d could take
 *   ring:  a ──▶ b ──▶ c ──▶ a     loads stay as they are, and moves are saved: met while labels are set
 * ```
 *
 * Two swaps of a shortest chain never disturb each other inside one partition: if their ways through the zone tree met,
 * one swap could do for both, and the chain would be shorter. A ring that saves moves has no such guarantee.
 */
import type { Exchange, Swap } from './exchange.ts';

/** What chains may begin with. */
export interface ChainQuestion {
  readonly exchange: Exchange;
  readonly members: number;
  /** Whether a chain may begin at the member. */
  readonly mayBegin: (member: number) => boolean;
  /** What counts: moves and then length; or length alone. */
  readonly by: 'moves' | 'length';
  /** Whether rings are looked for where no chain comes, too. */
  readonly rings: 'on the way' | 'everywhere';
}

/** What a search found. */
export interface Chains {
  /** A ring of swaps that saves moves. If there is one, the labels mean nothing. */
  readonly saving: readonly Swap[] | undefined;
  /** Whether a chain leads to the member. */
  reaches(member: number): boolean;
  /** Moves that the cheapest chain to the member adds; negative if it saves some. */
  costTo(member: number): number;
  /** The cheapest chain to the member; empty for one that chains may begin with. */
  chainTo(member: number): readonly Swap[];
}

/** The label of one move; a swap adds one. */
const perMove = 65_536;
/** Where no chain comes from: labels below it by a multiple of a move are still compared, so that rings are met everywhere. */
const unreached = 2 ** 30;

/** Searches from all members where a chain may begin. */
export function searchChains(question: ChainQuestion): Chains {
  const { members, mayBegin } = question;
  const labels = Int32Array.from({ length: members }, (_, member) => (mayBegin(member) ? 0 : unreached));
  const last = new Array<Swap | undefined>(members).fill(undefined);
  const saving = settleLabels(question, labels, last);
  const chainTo = (member: number): readonly Swap[] => {
    const chain: Swap[] = [];
    for (let swap = last[member]; swap !== undefined; swap = last[swap.from]) chain.push(swap);
    return chain.reverse();
  };
  return {
    saving,
    reaches: (member) => labels[member] < unreached / 2,
    costTo: (member) => Math.floor(labels[member] / perMove),
    chainTo,
  };
}

/** Lowers labels until none can be lowered; returns a ring that saves moves as soon as it is met. */
function settleLabels({ exchange, by, rings }: ChainQuestion, labels: Int32Array, last: (Swap | undefined)[]): readonly Swap[] | undefined {
  const queue = [...labels.keys()].sort((a, b) => labels[a] - labels[b] || a - b);
  const queued = new Uint8Array(labels.length).fill(1);
  const weight = by === 'moves' ? perMove : 0;
  const highest = new Float64Array(exchange.vertices).fill(Infinity);
  let saving: readonly Swap[] | undefined;
  for (let head = 0; head < queue.length && saving === undefined; head++) {
    const from = queue[head];
    queued[from] = 0;
    if (rings === 'on the way' && labels[from] >= unreached) continue;
    const label = labels[from] + 1;
    const visit = (swap: Swap): void => {
      const lower = label + swap.cost * weight;
      if (saving !== undefined || lower >= labels[swap.to]) return;
      labels[swap.to] = lower;
      last[swap.to] = swap;
      saving = ringThrough(last, swap);
      if (queued[swap.to] === 0) queue.push(swap.to);
      queued[swap.to] = 1;
    };
    exchange.visitFrom(from, { labels, label, perMove: weight, highest, visit });
  }
  return saving;
}

/** The swaps that lead from the swap's end back to it, if the labels' own chain does. */
function ringThrough(last: readonly (Swap | undefined)[], newest: Swap): readonly Swap[] | undefined {
  const ring = [newest];
  for (let swap = last[newest.from]; swap !== undefined; swap = last[swap.from]) {
    ring.push(swap);
    if (swap.from === newest.to) return ring.reverse();
  }
  return undefined;
}
