/**
 * Lets a leaving member go: when it holds nothing by the ring, has brought home every object, and keeps no hint, it has
 * that decided. Nothing is removed here before all its owners have it.
 *
 * ```
 *   leaving ─▶ holds no partition ─▶ older requests have ended ─▶ a whole sweep finds nothing ─▶ no hints ─▶ left
 * ```
 */
import { holdsAnything } from '../cluster/changes.ts';
import type { Core } from '../core.ts';
import type { Evacuation } from '../transfer/evacuation.ts';
import type { HintLedger } from '../replica/hint-ledger.ts';

/** What a departure looks at. */
export interface DepartureParts {
  readonly core: Core;
  readonly evacuation: Evacuation;
  readonly hints: HintLedger;
  ownBarrier(epoch: number): Promise<void>;
}

/** Takes leave. */
export class Departure {
  readonly #parts: DepartureParts;
  /** What it waits for, in a sentence; empty when this member is not leaving. */
  waitingFor = '';

  constructor(parts: DepartureParts) {
    this.#parts = parts;
  }

  /** Has it decided that this member has left, once it has nothing any more. */
  async step(): Promise<void> {
    const { core } = this.#parts;
    const { state } = core.cluster;
    if (!state.leaving.includes(core.selfId)) return void (this.waitingFor = '');
    this.waitingFor = await this.#whyNotYet();
    if (this.waitingFor !== '') return;
    core.environment.log.info('everything is brought home; leaving the cluster', { epoch: state.epoch });
    await core.cluster.propose({ kind: 'left', id: `left-${core.selfId}-${core.cluster.mintId()}`, member: core.selfId });
  }

  async #whyNotYet(): Promise<string> {
    const { core, evacuation, hints, ownBarrier } = this.#parts;
    const { state } = core.cluster;
    if (holdsAnything(state, core.selfId)) return 'a change in which it still holds partitions';
    await ownBarrier(state.ringEpoch);
    if (!evacuation.isClearAt(state.ringEpoch)) {
      return evacuation.trouble === '' ? 'what it has to be brought home' : `an owner of what it has: ${evacuation.trouble}`;
    }
    return hints.total === 0 ? '' : `${hints.total} objects that it keeps for others to be handed over`;
  }
}
