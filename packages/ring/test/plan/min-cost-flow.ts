/**
 * The dumb twin of the planner: the whole question as one textbook network, solved by successive shortest paths (Bellman
 * and Ford's), a unit at a time. It knows nothing of swaps, chains or layouts, and is slow.
 *
 * ```
 *   source ─load bounds─▶ member ─1, costs a move unless it has the data─▶ (partition, leaf) ─range─▶ … ─▶ (partition, root) ─k─▶ sink
 * ```
 *
 * A lower bound is a capacity that pays so much that every path wants it.
 */
import type { ZoneTree } from '../../src/plan/zone-tree.ts';

export interface FlowQuestion {
  readonly tree: ZoneTree;
  /** By partition, who has the data. */
  readonly original: readonly (readonly number[])[];
  /** Bounds of loads, by member. */
  readonly least: Int32Array;
  readonly most: Int32Array;
}

const reward = 1_000_000;

/** The fewest moves, and undefined if no assignment keeps all bounds. */
export function fewestMovesByFlow({ tree, original, least, most }: FlowQuestion): number | undefined {
  const network = new Network();
  const vertices = tree.parents.length;
  const nodeOf = (partition: number, vertex: number): number => 2 + least.length + partition * vertices + vertex;
  let owed = 0;
  const bounded = (from: number, to: number, range: readonly [number, number]): void => {
    owed += range[0];
    if (range[0] > 0) network.add(from, to, range[0], -reward);
    if (range[1] > range[0]) network.add(from, to, range[1] - range[0], 0);
  };
  for (let member = 0; member < least.length; member++) bounded(0, 2 + member, [least[member], most[member]]);
  original.forEach((holders, partition) => {
    for (let vertex = 1; vertex < vertices; vertex++) {
      const member = tree.memberAt[vertex];
      if (member >= 0) network.add(2 + member, nodeOf(partition, vertex), 1, holders.includes(member) ? 0 : 1);
      bounded(nodeOf(partition, vertex), nodeOf(partition, tree.parents[vertex]), [tree.least[vertex], tree.most[vertex]]);
    }
    network.add(nodeOf(partition, 0), 1, tree.most[0], 0);
  });
  const { units, cost } = network.fill();
  const moves = cost + owed * reward;
  return units === original.length * tree.most[0] && moves < reward ? moves : undefined;
}

class Network {
  readonly #heads: number[][] = [];
  readonly #to: number[] = [];
  readonly #room: number[] = [];
  readonly #cost: number[] = [];

  add(from: number, to: number, room: number, cost: number): void {
    this.#half(from, to, room, cost);
    this.#half(to, from, 0, -cost);
  }

  /** Sends as much as goes from node 0 to node 1, as cheaply as can be. */
  fill(): { readonly units: number; readonly cost: number } {
    let units = 0;
    let cost = 0;
    for (let path = this.#cheapest(); path !== undefined; path = this.#cheapest()) {
      for (const edge of path) {
        this.#room[edge]--;
        this.#room[edge ^ 1]++;
        cost += this.#cost[edge];
      }
      units++;
    }
    return { units, cost };
  }

  #half(from: number, to: number, room: number, cost: number): void {
    (this.#heads[from] ??= []).push(this.#to.length);
    this.#heads[to] ??= [];
    this.#to.push(to);
    this.#room.push(room);
    this.#cost.push(cost);
  }

  #cheapest(): number[] | undefined {
    const distance = new Float64Array(this.#heads.length).fill(Infinity);
    const by = new Int32Array(this.#heads.length).fill(-1);
    const queued = new Uint8Array(this.#heads.length);
    distance[0] = 0;
    const queue = [0];
    for (let head = 0; head < queue.length; head++) {
      const node = queue[head];
      queued[node] = 0;
      for (const edge of this.#heads[node]) {
        const to = this.#to[edge];
        if (this.#room[edge] === 0 || distance[node] + this.#cost[edge] >= distance[to]) continue;
        distance[to] = distance[node] + this.#cost[edge];
        by[to] = edge;
        if (queued[to] === 0) queue.push(to);
        queued[to] = 1;
      }
    }
    if (by[1] < 0) return undefined;
    const path: number[] = [];
    for (let node = 1; node !== 0; node = this.#to[by[node] ^ 1]) path.push(by[node]);
    return path;
  }
}
