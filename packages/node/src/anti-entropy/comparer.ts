/** The answering end of a comparison: what this store makes of the three questions of another member (`questions.ts`). */
import { answerLeaves, answerRoots, decodeSums, type DifferingLeaf, sumAt, sumsOf } from '@coterie/merkle';
import { CoterieError } from '@coterie/env';
import type { Handler } from '@coterie/rpc';
import type { Core } from '../core.ts';
import { addressFrom } from '../store/layout.ts';
import { bytesAt, malformed } from '../peers/wire.ts';
import { encodeOutline, outlineOf } from './outline.ts';
import { PairSide, sharedPartitions } from './pair.ts';
import { joinRows, keysMax, numbersOf, openGroups, openLeaves, packLeaves } from './questions.ts';
import { recountPartition } from './recount.ts';
import { stateHash } from './state-hash.ts';

/** Answers other members. */
export class Comparer {
  readonly #core: Core;

  readonly #admits: (member: string) => boolean;

  /** `admits`: whether a member may begin an exchange with this store now. */
  constructor(core: Core, admits: (member: string) => boolean) {
    this.#core = core;
    this.#admits = admits;
  }

  /** The handlers of every question, by method. */
  get handlers(): Readonly<Record<string, Handler>> {
    return {
      'tree-roots': async ({ from, epoch, body, values }) => {
        if (!this.#admits(from.id)) throw new CoterieError('NOT_READY', 'this node is comparing with the one that asks already');
        const side = await this.#sideWith(from.id, epoch);
        const partitions = numbersOf(body);
        await this.#load(side, partitions);
        const roots = decodeSums(bytesAt(values, 0));
        if (roots.length !== 2 * partitions.length) throw malformed('roots');
        const { unsettled } = this.#core.floors;
        const settled = [...partitions.keys()].filter((at) => !unsettled.has(partitions[at]));
        const differing = answerRoots(
          side,
          settled.map((at) => partitions[at]),
          sumsOf(settled.map((at) => sumAt(roots, at))),
        );
        return { body: differing.map(({ partition }) => partition), values: [joinRows(differing.map(({ groups }) => groups))] };
      },
      'tree-leaves': async ({ from, epoch, body, values }) => {
        const side = await this.#sideWith(from.id, epoch);
        const groups = openGroups(body, bytesAt(values, 0));
        await this.#load(
          side,
          groups.map(({ partition }) => partition),
        );
        const { leaves, more } = await answerLeaves(side, groups);
        const { body: listed, row } = packLeaves(leaves);
        return { body: [more, listed], values: [row] };
      },
      'tree-keys': async ({ from, epoch, body, values }) => {
        const side = await this.#sideWith(from.id, epoch);
        const leaves = openLeaves(body, bytesAt(values, 0));
        const asked = values.slice(1).map((objectKey) => objectKey.slice());
        if (asked.length + leaves.reduce((sum, { hashes }) => sum + hashes.length / 2, 0) > keysMax) throw malformed('keys');
        return { body: [], values: await this.#outlines([...asked, ...(await keysWith(side, leaves))]) };
      },
      'tree-recount': async ({ from, epoch, body }) => {
        await this.#sideWith(from.id, epoch);
        const { cluster, selfId } = this.#core;
        const shared = new Set(sharedPartitions(cluster.state, selfId, from.id));
        let [wrong, left] = [0, 0];
        for (const partition of numbersOf(body).filter((one) => shared.has(one))) {
          const counted = await recountPartition(this.#core, partition);
          wrong += counted.wrong;
          left += counted.left;
        }
        return { body: [wrong, left] };
      },
    };
  }

  /** This store's side of a pair, at the asker's epoch. @throws `STALE_RING` when the two do not meet at one */
  async #sideWith(member: string, epoch: number): Promise<PairSide> {
    const { cluster, store, trees, buckets, selfId } = this.#core;
    if (cluster.state.epoch < epoch) await cluster.catchUp([member]);
    const { state } = cluster;
    if (state.epoch === epoch) return new PairSide({ trees, store, buckets, state, pair: [selfId, member] });
    throw new CoterieError('STALE_RING', `copies are compared at one epoch, and here it is ${state.epoch}, not ${epoch}`, {
      details: { epoch: state.epoch, mayHaveTakenEffect: false },
    });
  }

  async #load(side: PairSide, partitions: readonly number[]): Promise<void> {
    const all = this.#core.cluster.state.ring.partitions;
    if (partitions.length > all || partitions.some((partition) => partition >= all)) throw malformed('partitions');
    await side.load(partitions);
  }

  async #outlines(objectKeys: readonly Uint8Array[]): Promise<Uint8Array[]> {
    const { buckets, local } = this.#core;
    const values: Uint8Array[] = [];
    for (const objectKey of objectKeys) {
      const address = addressFrom(objectKey);
      const bucket = buckets.get(address.bucket);
      if (bucket.generation !== address.generation) continue;
      const object = await local.read({ bucket, address });
      const hash = stateHash(objectKey, object);
      if (hash.high !== 0 || hash.low !== 0) values.push(objectKey, encodeOutline(outlineOf(object, hash)));
    }
    return values;
  }
}

/** Keys in these leaves that have one of the hashes still. */
async function keysWith(side: PairSide, leaves: readonly DifferingLeaf[]): Promise<Uint8Array[]> {
  const found: Uint8Array[] = [];
  for (const { partition, leaf, hashes } of leaves) {
    const wanted = new Set(Array.from({ length: hashes.length / 2 }, (_, at) => nameOf(sumAt(hashes, at))));
    for (const { objectKey, hash } of await side.keys(partition, leaf)) if (wanted.has(nameOf(hash))) found.push(objectKey);
  }
  return found;
}

function nameOf({ high, low }: { readonly high: number; readonly low: number }): string {
  return `${high}:${low}`;
}
