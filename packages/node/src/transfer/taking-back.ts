/**
 * What a store that lost its data has back, from whom, and what that proves. It goes on while the ring changes: what it
 * merges is true by any ring, and a change may wait for hours. What it proves is a question of the lists.
 *
 * ```
 *   holder by the lists of now     not had from it ──▶ streamed ──┐
 *                                  had by other lists ─▶ compared ┴─▶ sure of it, as long as the lists stay
 *   holder by the lists to be      had from nobody yet ▶ streamed ┐
 *   (it may have what they lack)   else ─────────────▶ compared ──┴─▶ had
 * ```
 *
 * Lists stay when a change begins, goes on or is taken back, and are others once it is done. Whoever is to get something
 * by them may not have it when it is asked, so that proves nothing. Somebody who left the lists and came back may have
 * got something in between, so other lists begin without proof. They do not begin without data: that is compared only.
 */
import { CoterieError } from '@coterie/env';
import { type Errand, passingHoldersOf, recoveryOf } from '../cluster/moves.ts';
import type { ClusterState } from '../cluster/state.ts';
import type { Core } from '../core.ts';
import { partitionsIn, rangesOf } from '../store/partition-ranges.ts';
import { compareWith } from './compare.ts';
import type { Pace } from './pace.ts';
import { takeOverAll, type TransferProgress } from './transfer.ts';

/** Partitions compared before that is noted: a failure costs so many at most. */
const comparedAtOnce = 64;

/** How to take back. */
export interface TakingBackTerms {
  readonly pace: Pace;
  /** Whether this store cannot vouch for a partition. */
  isWanted(partition: number): boolean;
}

/** What is there of what one source has. At most every partition twice. */
interface Regained {
  /** Partitions of which all was taken that the source had at some moment after the loss. */
  readonly had: Set<number>;
  /** Those of `had` of which it was a holder by the lists of now when they were taken. */
  readonly sure: Set<number>;
  /** How far it streams; a failure or a pause goes on from there. */
  progress: TransferProgress;
}

/** What one source is asked for. `proof`: it is a holder by the lists of now. */
interface Request {
  readonly source: string;
  readonly partitions: readonly number[];
  readonly gives: 'proof' | 'data';
}

/** Takes back. */
export class TakingBack {
  readonly #from = new Map<string, Regained>();
  #lists: ClusterState['ring']['replicas'] | undefined;

  /** Something was lost once more: nothing counts that was there before. */
  forget(): void {
    this.#from.clear();
  }

  /**
   * Resolves when this store has had from every other holder by the lists of now all that it wants, and while partitions
   * move what those have who get them. One that fails holds no other up. @throws what the last that failed threw
   */
  async run(core: Core, terms: TakingBackTerms): Promise<void> {
    const { cluster, selfId } = core;
    const { state } = cluster;
    this.#follow(state);
    const requests = requestsOf(state, selfId, terms);
    const isDown = ({ source }: Request): boolean => cluster.standing(source) === 'down';
    let failed: unknown;
    // Who seems to be down takes long not to answer, and so comes last.
    for (const request of [...requests.filter((one) => !isDown(one)), ...requests.filter(isDown)]) {
      await this.#take(core, request, terms).catch((error: unknown) => (failed = error));
    }
    if (failed !== undefined) throw failed;
  }

  /** By other lists nothing is proven, and a stream that stands within a partition begins it anew. */
  #follow({ ring, members }: ClusterState): void {
    if (this.#lists === ring.replicas) return;
    this.#lists = ring.replicas;
    const known = new Set(members.map(({ id }) => id));
    for (const [source, regained] of this.#from) {
      if (!known.has(source)) this.#from.delete(source);
      regained.sure.clear();
      regained.progress = atStart();
    }
  }

  async #take(core: Core, request: Request, { pace }: TakingBackTerms): Promise<void> {
    const regained = this.#regainedFrom(request.source);
    const { had, sure } = regained;
    const isProof = request.gives === 'proof';
    const open = request.partitions.filter((partition) => !(isProof ? sure : had).has(partition));
    const isStreamed = (partition: number): boolean => (isProof ? !had.has(partition) : !this.#isHad(partition));
    const [streamed, compared] = [open.filter(isStreamed), open.filter((partition) => !isStreamed(partition))];
    const note = (partitions: readonly number[]): void => {
      for (const partition of partitions) had.add(partition);
      if (isProof) for (const partition of partitions) sure.add(partition);
    };
    const { source } = request;
    const check = (): void => this.#check(core);
    const progress = isProof ? regained.progress : atStart();
    if (streamed.length > 0) await takeOverAll(core, { source, partitions: streamed }, { progress, pace, check, note });
    for (let at = 0; at < compared.length; at += comparedAtOnce) {
      const some = compared.slice(at, at + comparedAtOnce);
      await compareWith(core, { source, ranges: rangesOf(some) }, { pace, check });
      note(some);
    }
  }

  /** @throws `NOT_READY` once the lists are others: what comes now may be out of place here */
  #check({ cluster }: Core): void {
    if (cluster.state.ring.replicas !== this.#lists) throw new CoterieError('NOT_READY', 'others hold what was being taken back');
  }

  #isHad(partition: number): boolean {
    return [...this.#from.values()].some(({ had }) => had.has(partition));
  }

  #regainedFrom(source: string): Regained {
    const regained = this.#from.get(source) ?? { had: new Set(), sure: new Set(), progress: atStart() };
    this.#from.set(source, regained);
    return regained;
  }
}

function requestsOf(state: ClusterState, selfId: string, { isWanted }: TakingBackTerms): Request[] {
  const asking = (errands: readonly Errand[], gives: Request['gives']): Request[] =>
    errands.map(({ source, ranges }) => ({ source, partitions: partitionsIn(ranges).filter(isWanted), gives }));
  return [...asking(recoveryOf(state, selfId), 'proof'), ...asking(passingHoldersOf(state, selfId), 'data')];
}

function atStart(): TransferProgress {
  return { objects: 0, bytes: 0, cursor: undefined };
}
