/**
 * Which stewards have lost their votes, so that accidents leave a majority that has them: without one nothing is decided
 * any more, nobody is removed and nobody is given a seat anew, whatever operators do. A cluster in that state has to begin
 * a new lineage, which is another tool than those that runs try.
 *
 * ```
 *   bits flip beside the votes, or the machine is dead for good ──▶ lost ──▶ its node runs and says that it votes: seated anew
 *                                                                     └────▶ it has been removed: no seat
 * ```
 */
import type { Fleet } from './fleet.ts';

/** The votes of one run. */
export class Votes {
  readonly #fleet: Fleet;
  /** By machine, the first life in which it can have been seated anew. */
  readonly #lost = new Map<string, number>();

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
  }

  /** The votes on a machine may be gone; its node cannot be seated anew before this life. */
  lose(machine: string, life: number): void {
    this.#lost.set(machine, life);
  }

  /** The member that had lost them has no seat any more. */
  settle(machine: string): void {
    this.#lost.delete(machine);
  }

  /** Finds out who has been seated anew. */
  look(): void {
    for (const [machine, life] of this.#lost) {
      const self = this.#fleet
        .nodeOn(machine)
        ?.cluster()
        .members.find(({ isSelf }) => isSelf);
      if (this.#fleet.world.machine(machine).lives >= life && self?.isSteward === true) this.#lost.delete(machine);
    }
  }

  /** Whether most stewards have their votes when this machine has not. */
  sufficeWithout(machine: string): boolean {
    const fleet = this.#fleet;
    const seated = fleet.stewards;
    const voting = seated.filter(
      (name) => name !== machine && !this.#lost.has(name) && fleet.machines.includes(name) && fleet.failedStarts(name).times === 0,
    );
    return voting.length > seated.length / 2;
  }
}
