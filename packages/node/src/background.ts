/** What a node does besides answering: the chores, what they are about, and the clearing of dropped buckets. */
import { Chores } from './chores.ts';
import { announce } from './cluster/announce.ts';
import type { ClusterState, Member } from './cluster/state.ts';
import type { Core } from './core.ts';
import { Dropper } from './dropper.ts';
import { EpochGate } from './epoch-gate.ts';
import { Evacuation } from './evacuation.ts';
import { Handoff } from './handoff.ts';
import type { HintLedger } from './hint-ledger.ts';
import { Mover } from './mover.ts';
import type { Recovery } from './recovery.ts';
import { PeerService } from './serve.ts';

/** How often chores are done. */
const choresMs = 1000;

/** The background of one node. */
export class Background {
  readonly service: PeerService;
  readonly handoff: Handoff;
  readonly mover: Mover;
  readonly dropper: Dropper;
  readonly #core: Core;
  readonly #chores: Chores;

  constructor(core: Core, { hints, recovery, self }: { readonly hints: HintLedger; readonly recovery: Recovery; readonly self: Member }) {
    const { environment, store, cluster } = core;
    this.#core = core;
    const ringEpoch = (): number => cluster.state.ringEpoch;
    this.service = new PeerService(core, new EpochGate(ringEpoch, core.hazards.ringOfYesterday ? () => 0 : ringEpoch));
    this.handoff = new Handoff(core, hints);
    this.mover = new Mover(core, (epoch) => this.service.barrier(epoch));
    this.dropper = new Dropper({ store, timers: environment.timers, log: environment.log });
    const evacuation = new Evacuation(core);
    const chores = [
      { name: 'handoff', run: () => this.handoff.round() },
      { name: 'moves', run: () => this.mover.step() },
      { name: 'recovery', run: () => recovery.step(core, this.mover) },
      { name: 'evacuation', run: () => evacuation.step() },
      { name: 'announcement', run: () => announce(cluster, self) },
      { name: 'clocks', run: () => core.clocks.step() },
    ];
    this.#chores = new Chores(chores, environment, choresMs);
  }

  /** Takes up what an earlier run left, and what was decided since. */
  async begin(): Promise<void> {
    await this.dropper.resume();
    await this.#clearDropped(this.#core.cluster.state);
  }

  /** Something new was decided. */
  follow(state: ClusterState): void {
    this.#clearDropped(state).catch((error: unknown) => {
      this.#core.environment.log.error('dropped buckets could not be noted for clearing', { reason: String(error) });
    });
    this.soon();
  }

  /** There may be something to do. */
  soon(): void {
    this.#chores.soon();
  }

  /** Ends after what is being done. The dropper is stopped with the store's other users. */
  async stop(): Promise<void> {
    await this.handoff.stop();
    await this.#chores.stop();
  }

  async #clearDropped(state: ClusterState): Promise<void> {
    for (const dropped of await this.#core.buckets.follow(state.buckets)) this.dropper.add(dropped);
  }
}
