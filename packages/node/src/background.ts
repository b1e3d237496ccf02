/** What a node does besides answering: the chores, what they are about, and the clearing of dropped buckets. */
import { AntiEntropy } from './anti-entropy/anti-entropy.ts';
import { type Chore, Chores } from './chores.ts';
import { announce, raiseWhenAllKnow } from './cluster/announce.ts';
import { Driver } from './cluster/driver.ts';
import { type ClusterState, isBarred, type Member } from './cluster/state.ts';
import type { Core } from './core.ts';
import { Departure } from './topology/departure.ts';
import { Dropper } from './buckets/dropper.ts';
import { EpochGate } from './peers/epoch-gate.ts';
import { Evacuation } from './transfer/evacuation.ts';
import { Forgetting } from './forgetting/forgetting.ts';
import { Handoff } from './transfer/handoff.ts';
import type { HintLedger } from './replica/hint-ledger.ts';
import type { Life } from './store/life.ts';
import { Mover } from './transfer/mover.ts';
import { Pace } from './transfer/pace.ts';
import type { Recovery } from './transfer/recovery.ts';
import { PeerService } from './peers/serve.ts';
import { StoreHealth, type StoreVerdict } from './store/store-health.ts';
import { Topology } from './topology/topology.ts';

/** How often chores are done. */
const choresMs = 1000;

/** What of a background others ask. */
export type BackgroundParts = Pick<
  Background,
  'handoff' | 'mover' | 'driver' | 'departure' | 'topology' | 'dropper' | 'antiEntropy' | 'storeHealth' | 'forgetting'
>;

/** What a background is given besides the core. */
export interface BackgroundNeeds {
  readonly hints: HintLedger;
  readonly recovery: Recovery;
  readonly self: Member;
  readonly life: Life;
  /** Undefined: nothing is forgotten. */
  readonly forgetEveryMs: number | undefined;
  /** Tells the others how far to rely on this store. */
  announce(verdict: StoreVerdict): void;
}

/** The background of one node. */
export class Background {
  readonly service: PeerService;
  readonly handoff: Handoff;
  readonly mover: Mover;
  readonly driver: Driver;
  readonly departure: Departure;
  readonly topology: Topology;
  readonly dropper: Dropper;
  readonly antiEntropy: AntiEntropy;
  readonly forgetting: Forgetting;
  readonly storeHealth: StoreHealth;
  readonly #core: Core;
  readonly #chores: Chores;

  constructor(core: Core, { hints, recovery, self, life, forgetEveryMs, announce: tell }: BackgroundNeeds) {
    const { environment, store, cluster } = core;
    this.#core = core;
    const ringEpoch = (): number => cluster.state.ringEpoch;
    this.service = new PeerService(core, new EpochGate(ringEpoch, core.hazards.ringOfYesterday ? () => 0 : ringEpoch));
    this.handoff = new Handoff(core, hints);
    const pace = new Pace(environment, core.limits.transferBytesPerSecond);
    this.mover = new Mover(core, pace, recovery);
    const ownBarrier = (epoch: number): Promise<void> => this.service.barrier(epoch);
    this.driver = new Driver({ core, ownBarrier, missing: (change) => this.mover.missing(change) });
    this.dropper = new Dropper({ store, trees: core.trees, environment });
    this.antiEntropy = new AntiEntropy(core);
    const evacuation = new Evacuation(core);
    this.departure = new Departure({ core, evacuation, hints, ownBarrier });
    this.topology = new Topology(environment, cluster);
    const ringLogFailure = (): Error | undefined => cluster.failure;
    this.storeHealth = new StoreHealth({ environment, store, ringLogFailure, announce: core.hazards.silentDisks ? () => undefined : tell });
    const { handoff, antiEntropy } = this;
    this.forgetting = new Forgetting({ core, life, handoff, antiEntropy, evacuation, everyMs: forgetEveryMs });
    const clear = async (): Promise<void> => {
      await this.forgetting.letGo();
      await evacuation.step();
    };
    const chores = [
      { name: 'handoff', run: () => this.handoff.round() },
      { name: 'moves', run: () => this.mover.step() },
      { name: 'phases', run: () => this.driver.step() },
      { name: 'recovery', run: () => recovery.step(core, { pace, hints }) },
      { name: 'anti-entropy', run: () => this.antiEntropy.step() },
      { name: 'evacuation', run: clear },
      { name: 'forgetting', run: () => this.forgetting.follow() },
      { name: 'rounds of forgetting', run: () => this.forgetting.drive() },
      { name: 'departure', run: () => this.departure.step() },
      { name: 'removal', run: () => this.#giveAwayLost() },
      { name: 'announcement', run: () => announce(cluster, self) },
      { name: 'level', run: () => raiseWhenAllKnow(cluster, core.selfId) },
      { name: 'store health', run: () => this.storeHealth.step() },
      { name: 'clocks', run: () => core.clocks.step() },
    ];
    this.#chores = new Chores(
      chores.map((chore) => this.#forMembers(chore)),
      environment,
      choresMs,
    );
  }

  /** What others ask, and reports are about. */
  get parts(): BackgroundParts {
    return this;
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
    this.forgetting.stop();
    await this.handoff.stop();
    await this.antiEntropy.stop();
    await this.#chores.stop();
  }

  /** One that was removed, or has left, leaves everything as it is. */
  #forMembers({ name, run }: Chore): Chore {
    return { name, run: async () => (isBarred(this.#core.cluster.state, this.#core.selfId) ? undefined : run()) };
  }

  async #giveAwayLost(): Promise<void> {
    const { cluster, selfId } = this.#core;
    const first = cluster.state.members.find(({ id }) => cluster.standing(id) === 'up');
    if (cluster.state.lost.length > 0 && first?.id === selfId) await this.topology.giveAwayLost();
  }

  async #clearDropped(state: ClusterState): Promise<void> {
    for (const dropped of await this.#core.buckets.follow(state.buckets)) this.dropper.add(dropped);
  }
}
