/**
 * The three questions of a comparison as messages: what the asker sends, and what whoever is asked makes of it.
 *
 * ```
 *  method        body                              values                       answer: body │ values
 *  tree-roots    [partition…]                      row of roots                 [partition…] │ rows of 64 groups
 *  tree-leaves   [[partition, group, from]…]       rows of 64 leaves            [more, [[partition, leaf, keys]…]] │ rows of hashes
 *  tree-keys     [[partition, leaf, hashes]…]      row of hashes, address…      [] │ address, outline, …
 *  tree-recount  [partition…]                                                   [leaves that were wrong, leaves left out]
 * ```
 *
 * `tree-keys` names keys that only the asker's list had by address, and those that only the other's had by the hashes
 * that it gave. Both sides have to be at the same epoch: what they share is read from it.
 */
import {
  type AskedGroup,
  decodeSums,
  type DifferingLeaf,
  encodeSums,
  fanOut,
  type ListedLeaves,
  type OtherSide,
  type Sums,
} from '@coterie/merkle';
import type { RpcAnswer } from '@coterie/rpc';
import type { Peers } from '../peers/peers.ts';
import { arrayOf, bytesAt, malformed, numberOf } from '../peers/wire.ts';
import { decodeOutline, type Outline } from './outline.ts';

/** Keys that one question is about at most: two values come back for each. */
export const keysMax = 500;

/** Keys to be looked at more closely. */
export interface AskedKeys {
  /** Keys of the asker. */
  readonly own: readonly Uint8Array[];
  /** Hashes of the other's keys, by leaf. */
  readonly theirs: readonly DifferingLeaf[];
}

/** A key and what is known of it elsewhere. */
export interface OutlinedKey {
  readonly objectKey: Uint8Array;
  readonly outline: Outline;
}

/** Asks another member. */
export class OtherMember implements OtherSide {
  readonly #peers: Pick<Peers, 'ask'>;
  readonly #member: string;
  /** Questions asked, and bytes that went both ways, about. */
  trips = 0;
  bytes = 0;

  constructor(peers: Pick<Peers, 'ask'>, member: string) {
    this.#peers = peers;
    this.#member = member;
  }

  async compareRoots(partitions: readonly number[], roots: Sums): ReturnType<OtherSide['compareRoots']> {
    const answer = await this.#ask('tree-roots', partitions, [encodeSums(roots)]);
    const rows = decodeSums(bytesAt(answer.values, 0));
    const differing = numbersOf(answer.body);
    if (rows.length !== 2 * fanOut * differing.length) throw malformed('groups');
    return differing.map((partition, at) => ({ partition, groups: rows.slice(2 * fanOut * at, 2 * fanOut * (at + 1)) }));
  }

  async compareLeaves(groups: readonly AskedGroup[]): Promise<ListedLeaves> {
    const asked = groups.map(({ partition, group, from }) => [partition, group, from]);
    const { body, values } = await this.#ask('tree-leaves', asked, [joinRows(groups.map(({ leaves }) => leaves))]);
    const [more, listed] = arrayOf(body, 'answer');
    return { leaves: openLeaves(listed, bytesAt(values, 0)), more: more === true };
  }

  /** What the other knows of these keys; keys that it does not have are left out. */
  async outlines({ own, theirs }: AskedKeys): Promise<OutlinedKey[]> {
    const { body, row } = packLeaves(theirs);
    const { values } = await this.#ask('tree-keys', body, [row, ...own]);
    return Array.from({ length: Math.floor(values.length / 2) }, (_, at) => ({
      objectKey: bytesAt(values, 2 * at).slice(),
      outline: decodeOutline(bytesAt(values, 2 * at + 1)),
    }));
  }

  /** Has the other count its leaves of a partition. */
  async recount(partition: number): Promise<{ readonly wrong: number; readonly left: number }> {
    const [wrong = 0, left = 0] = numbersOf((await this.#ask('tree-recount', [partition], [])).body);
    return { wrong, left };
  }

  async #ask(method: string, body: unknown, values: readonly Uint8Array[]): Promise<RpcAnswer> {
    this.trips += 1;
    const answer = await this.#peers.ask(this.#member, { method, body, values });
    for (const { length } of [...values, ...answer.values]) this.bytes += length;
    return answer;
  }
}

/** Leaves and the hashes of their keys, for the way. */
export function packLeaves(leaves: readonly DifferingLeaf[]): { readonly body: number[][]; readonly row: Uint8Array } {
  const body = leaves.map(({ partition, leaf, hashes }) => [partition, leaf, hashes.length / 2]);
  return { body, row: joinRows(leaves.map(({ hashes }) => hashes)) };
}

/** What `packLeaves` packed. @throws `PROTOCOL` */
export function openLeaves(body: unknown, row: Uint8Array): DifferingLeaf[] {
  const hashes = decodeSums(row);
  let at = 0;
  const leaves = arrayOf(body, 'leaves').map((entry) => {
    const [partition, leaf, keys] = numbersOf(entry);
    if (partition === undefined || leaf === undefined || keys === undefined) throw malformed('leaf');
    const listed = { partition, leaf, hashes: hashes.slice(at, at + 2 * keys) };
    at += 2 * keys;
    return listed;
  });
  if (at !== hashes.length) throw malformed('hashes');
  return leaves;
}

/** Groups of leaves as they were asked about. @throws `PROTOCOL` */
export function openGroups(body: unknown, row: Uint8Array): AskedGroup[] {
  const sums = decodeSums(row);
  const groups = arrayOf(body, 'groups').map(numbersOf);
  if (sums.length !== 2 * fanOut * groups.length) throw malformed('leaves');
  return groups.map(([partition, group, from], at) => {
    if (partition === undefined || group === undefined || from === undefined) throw malformed('group');
    return { partition, group, from, leaves: sums.slice(2 * fanOut * at, 2 * fanOut * (at + 1)) };
  });
}

/** Whole numbers. @throws `PROTOCOL` */
export function numbersOf(value: unknown): number[] {
  return arrayOf(value, 'numbers').map((one) => numberOf(one, 'number'));
}

/** Rows one after the other, as bytes. */
export function joinRows(rows: readonly Sums[]): Uint8Array {
  const joined = new Uint32Array(rows.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const row of rows) {
    joined.set(row, at);
    at += row.length;
  }
  return encodeSums(joined);
}
