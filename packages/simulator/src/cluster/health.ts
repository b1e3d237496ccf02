/** Which machines were well when, by the plan of faults: what promises that speak of healthy nodes are judged by. */
import type { WorldFault } from '../world/faults.ts';
import { unreliableBy } from './actions.ts';
import type { Scenario } from './scenario.ts';

/** A stretch of time in which a machine is not to be relied on. */
interface Trouble {
  readonly machine: string;
  readonly fromMs: number;
  readonly untilMs: number;
}

/** A machine is given so long to get over a fault of its disk or its process: the supervisor may have to restart the node. */
const recoveryMs = 10_000;

/** The health of all machines over a run. */
export class Health {
  readonly #troubles: readonly Trouble[];

  /** `startMs`: when the plans' time 0 is. Whoever is to leave, or loses something, is not to be relied on from then on. */
  constructor({ faults, actions }: Pick<Scenario, 'faults' | 'actions'>, startMs: number) {
    const departures = unreliableBy(actions).map(({ machine, fromMs }) => ({ machine, fromMs: startMs + fromMs, untilMs: Infinity }));
    const struck = faults.flatMap(({ atMs, fault }) => {
      const machine = troubled(fault);
      if (machine === undefined) return [];
      const lastsMs = 'ms' in fault ? fault.ms : 0;
      return [{ machine, fromMs: startMs + atMs, untilMs: startMs + atMs + lastsMs + recoveryMs }];
    });
    this.#troubles = [...struck, ...departures];
  }

  /** Whether the machine's process and disk were well from `fromMs` to `untilMs`. */
  wasWell(machine: string, fromMs: number, untilMs: number): boolean {
    return !this.#troubles.some((trouble) => trouble.machine === machine && trouble.fromMs <= untilMs && fromMs <= trouble.untilMs);
  }
}

/** The machine whose process or disk a fault strikes. Networks and clocks are to be borne. */
function troubled(fault: WorldFault): string | undefined {
  switch (fault.kind) {
    case 'crash':
    case 'kill':
    case 'pause':
    case 'slow disk':
    case 'failing disk':
    case 'read-only disk':
    case 'full disk':
      return fault.machine;
    default:
      return undefined;
  }
}
