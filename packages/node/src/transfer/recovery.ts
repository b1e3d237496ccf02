/**
 * A store that lost its data, or got an old copy of it back, cannot vouch for what it lacks until it has exchanged with
 * every other holder of what it holds (design section 7, loss scenario 21). Until then it takes writes, and its answers
 * count as a fallback's.
 *
 * ```
 *   no mark "whole" in the store, or a life that began with damage or a restored copy ──▶ recovering
 *     ├── takes back what others have, also while the ring changes (`taking-back.ts`)
 *     └── has it from every other holder, and the ring is at rest ──▶ mark "whole" ──▶ vouches again
 *
 *   a damaged file: the store names stretches ──▶ noted, a new life ──▶ recovering there, and only there ──▶ the same way back
 * ```
 */
import { distrustTrees, recountPartition } from '../anti-entropy/recount.ts';
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
import { reindex } from '../store/reindex.ts';
import type { Store } from '../store/store.ts';
import { MoveNotes } from './move-notes.ts';
import type { Pace } from './pace.ts';
import { TakingBack } from './taking-back.ts';

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
  readonly #takingBack = new TakingBack();

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
    if (!this.#hasMissing) return;
    const before = this.#lost;
    const { partitions } = state.ring;
    const isWanted = (partition: number): boolean => !this.#isWhole || isIn(before.ranges, partition, partitions);
    await this.#takingBack.run(core, { pace, isWanted });
    // While the ring changes, whom others read from is in motion. What a join brings, the mover marks.
    if (state.changes.length > 0 || core.cluster.state.ringEpoch !== state.ringEpoch || this.#lost !== before) return;
    // Sums count what the damage took, and once more what came back.
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
    // Of an object that is lost the list still speaks: if the others have forgotten it, it never comes back.
    if (taken.some((loss) => touches(loss, space.forgettable) || touches(loss, space.object))) await distrustList(this.#store);
    if (taken.some((loss) => touches(loss, space.hint))) this.#lacksHints = true;
    // Not even once everything is back: an older value may have come to light where its tombstone was lost.
    await floors.doubt(() => true);
    await this.#remember(bothLost(this.#lost, { ranges, index }));
    this.#takingBack.forget();
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
}
