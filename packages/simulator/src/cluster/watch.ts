/** Looks at everything that has a limit on every node now and then, and remembers when it was fullest. */
import type { Fleet } from './fleet.ts';
import type { Sighting } from './checkers/bounded.ts';

const everyMs = 50;

/** How full every bounded thing of every running node is now. */
export function lookAround(fleet: Fleet): Sighting[] {
  const atMs = fleet.world.nowMs;
  return fleet.machines.flatMap((node) => {
    const bounds = fleet.nodeOn(node)?.status().bounds ?? {};
    return Object.entries(bounds).map(([name, { now, most }]) => ({ node, name, now, most, atMs }));
  });
}

/** A watch over one run. */
export class Watch {
  readonly #fleet: Fleet;
  readonly #fullest = new Map<string, Sighting>();
  #isOver = false;

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
  }

  /** Begins; goes on until `end`. */
  begin(): void {
    if (this.#isOver) return;
    for (const sighting of lookAround(this.#fleet)) this.#remember(sighting);
    this.#fleet.world.timers.after(everyMs, () => this.begin());
  }

  end(): void {
    this.#isOver = true;
  }

  /** Each bound of each node when it was fullest: past its limit by most, or nearest to it. */
  get fullest(): readonly Sighting[] {
    return [...this.#fullest.values()];
  }

  #remember(sighting: Sighting): void {
    const key = `${sighting.node} ${sighting.name}`;
    const known = this.#fullest.get(key);
    if (known === undefined || sighting.now - sighting.most > known.now - known.most) this.#fullest.set(key, sighting);
  }
}
