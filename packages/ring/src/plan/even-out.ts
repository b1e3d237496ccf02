/**
 * The last step that moves replicas: brings every load within its bounds along chains of swaps, and then saves moves
 * wherever chains and rings of swaps can.
 *
 * ```
 *   can spare one ── chain ──▶ too light              1. until nobody is too light
 *   too heavy     ── chain ──▶ has room for one       2. until nobody is too heavy
 *   can spare one ── chain that saves moves ──▶ has room for one, and rings                  3. until none is left
 * ```
 *
 * There always is a chain for 1 and 2: loads within the bounds belong to an assignment that exists (`layout.ts` draws it),
 * and a chain is an augmenting path towards it. When no chain and no ring saves moves, nothing does: this is a flow of
 * minimum cost.
 */
import { assert } from '@coterie/env';
import type { Assignment } from './assignment.ts';
import { type Chains, searchChains } from './chain-search.ts';
import { Exchange, type Swap, swapCost } from './exchange.ts';
import type { LoadBounds } from './load-bounds.ts';
import type { ZoneTree } from './zone-tree.ts';

/** What is to be evened out. Every partition is full. */
export interface EvenQuestion {
  readonly assignment: Assignment;
  readonly tree: ZoneTree;
  readonly bounds: LoadBounds;
}

/** Brings every load within its bounds. */
export function evenOut(question: EvenQuestion): void {
  const evening = new Evening(question);
  evening.raiseLight();
  evening.relieveHeavy();
  evening.saveMoves();
}

/**
 * Takes loads towards their targets by chains that cost nothing: members that have data and gave it up take it back. For
 * when zones or a smaller n let members choose what to keep, before anybody copies anything.
 */
export function evenOutFreely(question: EvenQuestion, targets: Int32Array): void {
  new Evening(question).approach(targets);
}

class Evening {
  readonly #assignment: Assignment;
  readonly #bounds: LoadBounds;
  readonly #exchange: Exchange;
  readonly #members: readonly number[];
  /** By length once swaps that were found got into each other's way: then moves are no longer counted, and nothing goes in circles. */
  #by: 'moves' | 'length' = 'moves';

  constructor({ assignment, tree, bounds }: EvenQuestion) {
    this.#assignment = assignment;
    this.#bounds = bounds;
    this.#exchange = new Exchange(assignment, tree);
    this.#members = [...bounds.least.keys()];
  }

  approach(targets: Int32Array): void {
    const isAbove = (member: number): boolean => this.#load(member) > targets[member];
    const isBelow = (member: number): boolean => this.#load(member) < targets[member];
    let followed = this.#members;
    while (followed.length > 0) {
      const chains = this.#search(isAbove);
      const open = this.#members.filter((member) => isBelow(member) && chains.reaches(member) && chains.costTo(member) <= 0);
      followed = open.filter((member) => {
        const chain = chains.chainTo(member);
        return this.#followAll(chain, () => isBelow(member) && isAbove(chain[0].from));
      });
    }
  }

  raiseLight(): void {
    const isLight = (member: number): boolean => this.#load(member) < this.#bounds.least[member];
    for (let light = this.#members.filter(isLight); light.length > 0; light = this.#members.filter(isLight)) {
      const chains = this.#search((member) => this.#canSpare(member));
      // The first can be followed for certain, the others while they find everything as the search saw it.
      const followed = light.filter((member) => this.#followAll(chains.chainTo(member), () => isLight(member)));
      this.#expectProgress(followed.length > 0);
    }
  }

  relieveHeavy(): void {
    const isHeavy = (member: number): boolean => this.#load(member) > this.#bounds.most[member];
    while (this.#members.some(isHeavy)) {
      const chains = this.#search(isHeavy);
      const open = this.#members.filter((member) => this.#hasRoom(member) && chains.reaches(member));
      const cheapest = open.reduce((least, member) => Math.min(least, chains.costTo(member)), Infinity);
      const followed = open.filter((member) => {
        if (chains.costTo(member) > cheapest) return false;
        const chain = chains.chainTo(member);
        return this.#followAll(chain, () => this.#hasRoom(member) && isHeavy(chain[0].from));
      });
      this.#expectProgress(followed.length > 0);
    }
  }

  saveMoves(): void {
    while (this.#by === 'moves') {
      const chains = this.#search((member) => this.#canSpare(member), 'everywhere');
      const open = this.#members.filter((member) => this.#hasRoom(member) && chains.reaches(member) && chains.costTo(member) < 0);
      const followed = open.filter((member) => this.#followAll(chains.chainTo(member), () => this.#hasRoom(member)));
      if (followed.length === 0) return;
    }
  }

  #load(member: number): number {
    return this.#assignment.loadOf(member);
  }

  #canSpare(member: number): boolean {
    return this.#load(member) > this.#bounds.rounded.least[member];
  }

  #hasRoom(member: number): boolean {
    return this.#load(member) < this.#bounds.rounded.most[member];
  }

  #search(mayBegin: (member: number) => boolean, rings: 'on the way' | 'everywhere' = 'on the way'): Chains {
    for (;;) {
      const found = searchChains({ exchange: this.#exchange, members: this.#members.length, mayBegin, by: this.#by, rings });
      const { saving } = found;
      if (saving === undefined) return found;
      if (!this.#follow(saving)) this.#by = 'length';
      else while (this.#followAlike(saving));
    }
  }

  #expectProgress(isMade: boolean): void {
    assert(isMade || this.#by === 'moves', 'a shortest chain can be followed');
    if (!isMade) this.#by = 'length';
  }

  /** Follows a chain, and others between the same members for as long as both ends want; whether it did at all. */
  #followAll(chain: readonly Swap[], isWanted: () => boolean): boolean {
    const giver = chain[0]?.from;
    const goesOn = (): boolean => giver !== undefined && isWanted() && this.#canSpare(giver);
    if (!goesOn() || !this.#follow(chain)) return false;
    while (goesOn() && this.#followAlike(chain));
    return true;
  }

  /** Makes all the swaps, or none if one is not as it was found; whether it did. */
  #follow(swaps: readonly Swap[]): boolean {
    return this.#make(swaps, (swap) => (this.#assignment.holds(swap.partition, swap.from) && this.#isPossible(swap) ? swap : undefined));
  }

  /** Makes swaps of other partitions between the same members at the same cost, or none. */
  #followAlike(swaps: readonly Swap[]): boolean {
    return this.#make(swaps, (swap) => {
      const partition = this.#assignment.held[swap.from].find((partition) => this.#isPossible({ ...swap, partition }));
      return partition === undefined ? undefined : { ...swap, partition };
    });
  }

  #isPossible({ partition, from, to, cost }: Swap): boolean {
    return swapCost(this.#assignment, partition, from, to) === cost && this.#assignment.canSwap(partition, from, to);
  }

  #make(swaps: readonly Swap[], choose: (swap: Swap) => Swap | undefined): boolean {
    const done: Swap[] = [];
    for (const swap of swaps) {
      const chosen = choose(swap);
      if (chosen === undefined) {
        for (const undo of done.reverse()) this.#assignment.swap(undo.partition, undo.to, undo.from);
        return false;
      }
      this.#assignment.swap(chosen.partition, chosen.from, chosen.to);
      done.push(chosen);
    }
    return true;
  }
}
