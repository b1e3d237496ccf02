/**
 * A store that lost its data, or got an old copy of it back, cannot vouch for what it lacks until it has exchanged with
 * every other holder of what it holds (design section 7, loss scenario 21). Until then it takes writes, and its answers
 * count as a fallback's.
 *
 * ```
 *   no mark "whole" in the store, or a life that began with damage or a restored copy ──▶ recovering
 *     └── has taken over from every other holder ──▶ mark "whole" ──▶ vouches again
 *
 *   a damaged file: the store names stretches ──▶ noted, a new life ──▶ recovering there, and only there ──▶ the same way back
 * ```
 */
import { distrustTrees, recountPartition } from '../anti-entropy/recount.ts';
import { type Errand, recoveryOf } from '../cluster/moves.ts';
import type { ClusterState } from '../cluster/state.ts';
import type { Core } from '../core.ts';
import { namedKey, space } from '../store/layout.ts';
import { distrustList } from '../forgetting/forgettable.ts';
import { Floors } from '../forgetting/floors.ts';
import type { HintLedger } from '../replica/hint-ledger.ts';
import type { Life } from '../store/life.ts';
import {
  bothLost,
  endOf,
  isIn,
  type LostRanges,
  lostIn,
  nothingLost,
  readLostRanges,
  touches,
  writeLostRanges,
} from '../store/lost-ranges.ts';
import { rangesOf } from '../store/partition-ranges.ts';
import { reindex } from '../store/reindex.ts';
import type { Store } from '../store/store.ts';
import { MoveNotes } from './move-notes.ts';
import type { Pace } from './pace.ts';
import { takeOver, type TransferProgress } from './transfer.ts';

const wholeKey: Uint8Array = namedKey(space.own, new TextEncoder().encode('whole'));

/** What taking back works with. */
export interface RecoveryTools {
  readonly pace: Pace;
  readonly hints: Pick<HintLedger, 'recount'>;
}

/** Whether the store can vouch for what it lacks. */
export class Recovery {
  readonly #store: Store;
  readonly #life: Pick<Life, 'end' | 'renew'>;
  #isWhole: boolean;
  #lost: LostRanges;
  /** Damage took hints since they were counted. */
  #lacksHints = false;
  readonly #done = new Set<string>();
  /** The ring by which `#done` is done: by another one, members hold other things. */
  #doneAt = 0;
  /** How far each source is; a failure or a pause goes on from there. */
  readonly #progress = new Map<string, TransferProgress>();

  private constructor(store: Store, life: Pick<Life, 'end' | 'renew'>, found: { readonly isWhole: boolean; readonly lost: LostRanges }) {
    this.#store = store;
    this.#life = life;
    this.#isWhole = found.isWhole;
    this.#lost = found.lost;
  }

  /** Takes the mark away: data may be missing. Durable when it resolves. */
  static async doubt(store: Store): Promise<void> {
    await MoveNotes.forgetAll(store);
    const batch = store.batch();
    batch.delete(wholeKey);
    await batch.commit({ durable: true });
  }

  /**
   * Lets a store be read whose own records a damaged file may have held: what is lost outside of the objects is noted and
   * accepted. The life that this store had must have ended before.
   */
  static async settleOwn(store: Store): Promise<void> {
    const losses = store.losses ?? [];
    if (losses.length === 0) return;
    const beside = losses.filter((loss) => [...Array(256).keys()].some((byte) => byte !== space.object && touches(loss, byte)));
    const index = lostIn(beside).index;
    const isUncertain = beside.some((loss) => touches(loss, space.own));
    if (isUncertain) await Recovery.doubt(store);
    if (index) await writeLostRanges(store, bothLost(isUncertain ? nothingLost : await readLostRanges(store), { ranges: [], index }));
    if (beside.some((loss) => touches(loss, space.leaf))) await distrustTrees(store);
    if (beside.some((loss) => touches(loss, space.forgettable))) await distrustList(store);
    if (beside.some((loss) => touches(loss, space.floor))) await Floors.loseAll(store);
    await store.acceptLosses?.(undefined, Uint8Array.of(space.object));
    await store.acceptLosses?.(Uint8Array.of(space.object + 1), undefined);
  }

  /** Reads the marks. */
  static async load(store: Store, life: Pick<Life, 'end' | 'renew'>): Promise<Recovery> {
    const isWhole = (await store.get(wholeKey)) !== undefined;
    return new Recovery(store, life, { isWhole, lost: await readLostRanges(store) });
  }

  get isRecovering(): boolean {
    return this.#hasMissing || (this.#store.losses ?? []).length > 0;
  }

  /** Whether the store cannot vouch for what it lacks of this partition. */
  isRecoveringIn(partition: number, partitions: number): boolean {
    if (!this.#isWhole || isIn(this.#lost.ranges, partition, partitions)) return true;
    const losses = this.#store.losses ?? [];
    return losses.length > 0 && isIn(lostIn(losses).ranges, partition, partitions);
  }

  /** The store has everything that it is to hold: it was just made, or has taken it all over. */
  async markWhole(): Promise<void> {
    if (this.#isWhole) return;
    const batch = this.#store.batch();
    batch.put(wholeKey, Uint8Array.of(1));
    await batch.commit({ durable: true });
    this.#isWhole = true;
  }

  /** Takes back what other holders have; what fails is tried again at the next step. */
  async step(core: Core, { pace, hints }: RecoveryTools): Promise<void> {
    const { state } = core.cluster;
    await this.#takeInLosses(core);
    if (this.#lacksHints) this.#lacksHints = !(await hints.recount(this.#store, () => this.#writeMark()));
    if (this.#lost.index) await this.#mendIndex(core);
    // While the ring changes, who holds what is in motion. What a join brings, the mover marks.
    if (!this.#hasMissing || state.changes.length > 0) return;
    if (this.#doneAt !== state.ringEpoch) this.#forgetProgress();
    this.#doneAt = state.ringEpoch;
    const before = this.#lost;
    for (const errand of this.#errands(state, core.selfId)) {
      if (this.#done.has(errand.source)) continue;
      await takeOver(core, errand, { progress: this.#progressOf(errand.source), pace });
      this.#done.add(errand.source);
    }
    if (core.cluster.state.ringEpoch !== state.ringEpoch || this.#lost !== before) return;
    // Sums count what the damage took, and once more what came back.
    const { partitions } = state.ring;
    for (let partition = 0; partition < partitions; partition++) {
      if (isIn(before.ranges, partition, partitions)) await recountPartition(core, partition);
    }
    await this.markWhole();
    await this.#remember({ ranges: [], index: this.#lost.index });
  }

  /**
   * What damage took: others have copies of it, so it is noted, the life ends (dots of it may be gone), and only then the
   * store may answer with what is left. A node without others keeps saying that these keys cannot be read.
   */
  async #takeInLosses({ cluster, environment, floors }: Core): Promise<void> {
    const losses = this.#store.losses ?? [];
    if (losses.length === 0) return;
    const isAlone = cluster.state.members.length === 1;
    const taken = isAlone ? losses.filter((loss) => !touches(loss, space.object)) : losses;
    if (taken.length === 0) return;
    const { ranges, index } = lostIn(taken);
    environment.log.warn('damage took a part of this store; it is taken back from others', { stretches: ranges.length, index });
    if (taken.some((loss) => touches(loss, space.leaf))) await distrustTrees(this.#store);
    if (taken.some((loss) => touches(loss, space.forgettable))) await distrustList(this.#store);
    if (taken.some((loss) => touches(loss, space.hint))) this.#lacksHints = true;
    // Not even once everything is back: an older value may have come to light where its tombstone was lost.
    await floors.doubt(() => true);
    await this.#remember(bothLost(this.#lost, { ranges, index }));
    this.#forgetProgress();
    this.#life.end('damage was found in the store');
    await this.#life.renew();
    for (const loss of taken) await this.#store.acceptLosses?.(loss.lower, endOf(loss));
    // What the store says of itself may have been among it.
    await this.#writeMark();
    await this.#remember(this.#lost);
  }

  get #hasMissing(): boolean {
    return !this.#isWhole || this.#lost.ranges.length > 0;
  }

  async #mendIndex(core: Core): Promise<void> {
    await reindex(core);
    await this.#remember({ ranges: this.#lost.ranges, index: false });
  }

  /** What other holders have of what is not vouched for. */
  #errands(state: ClusterState, selfId: string): Errand[] {
    const { partitions } = state.ring;
    const isWanted = (partition: number): boolean => !this.#isWhole || isIn(this.#lost.ranges, partition, partitions);
    return recoveryOf(state, selfId).flatMap(({ source, ranges }) => {
      const wanted = ranges.flatMap(([from, until]) => Array.from({ length: until - from }, (_, at) => from + at)).filter(isWanted);
      return wanted.length === 0 ? [] : [{ source, ranges: rangesOf(wanted) }];
    });
  }

  async #remember(lost: LostRanges): Promise<void> {
    await writeLostRanges(this.#store, lost);
    this.#lost = lost;
  }

  async #writeMark(): Promise<void> {
    const batch = this.#store.batch();
    if (this.#isWhole) batch.put(wholeKey, Uint8Array.of(1));
    else batch.delete(wholeKey);
    await batch.commit({ durable: true });
  }

  #forgetProgress(): void {
    this.#done.clear();
    this.#progress.clear();
  }

  #progressOf(source: string): TransferProgress {
    const progress = this.#progress.get(source) ?? { objects: 0, bytes: 0, cursor: undefined };
    this.#progress.set(source, progress);
    return progress;
  }
}
