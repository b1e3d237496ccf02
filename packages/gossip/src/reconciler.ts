/**
 * Finding out with one other member where two lists differ, whatever gossip lost. Two lists that are equal cost one
 * digest; a difference costs what differs, a bounded part of it in each round.
 *
 * ```
 *   A                                    B
 *   ├─ digest: a hash for each bucket ──▶│   buckets that differ: list them, up to three messages
 *   │◀────────────────── summary, … ─────┤
 *   ├─ want: what B knows better ───────▶│
 *   ├─ records: what A knows better ────▶│
 *   │◀────────────────── records, … ─────┤
 * ```
 *
 * What is fetched this way is not gossiped on: most have it already, and those who have not will fetch it.
 */
import type { Random } from '@coterie/env';
import { bucketCount, bucketOf, lastIdOf } from './catalogue.ts';
import { below } from './chance.ts';
import type { MemberList } from './member-list.ts';
import { type Message, messageLimits, type SummaryLine } from './message.ts';
import type { Outbox } from './outbox.ts';
import { nobody } from './profile.ts';
import { rankOf } from './standing.ts';

/** What a reconciler works with. */
export interface ReconcilerParts {
  readonly list: MemberList;
  readonly outbox: Outbox;
  readonly random: Random;
}

/** Members that a bucket of a digest holds on average, at most; and summaries that answer one digest. */
const membersPerHash = 16;
const summariesMax = 3;

type Summary = Message & { readonly kind: 'summary' };

/** Both sides of reconciliation. */
export class Reconciler {
  readonly #parts: ReconcilerParts;

  constructor(parts: ReconcilerParts) {
    this.#parts = parts;
  }

  /** Begins with the member at an address. */
  begin(address: string, atMs: number): void {
    const { list, outbox } = this.#parts;
    const bits = Math.min(messageLimits.digestBits, Math.ceil(Math.log2(Math.max(1, list.size / membersPerHash))));
    outbox.reconcile(address, { kind: 'digest', hashes: foldDigest(list.digest, 2 ** bits) }, atMs);
  }

  /** Answers a digest by listing what differs. */
  answerDigest(hashes: Uint32Array, address: string, atMs: number): void {
    const own = foldDigest(this.#parts.list.digest, hashes.length);
    const lines = summariesMax * messageLimits.summaryLines;
    const runs = this.#differences(own, hashes, lines);
    const messages = runs.ranges.flatMap((range) => cut(range));
    for (const [i, message] of messages.slice(0, summariesMax).entries()) {
      const isLast = i === Math.min(messages.length, summariesMax) - 1;
      const rest = isLast && (runs.isCut || messages.length > summariesMax) ? 'more' : 'none';
      if (!this.#parts.outbox.reconcile(address, { ...message, rest }, atMs)) return;
    }
  }

  /** Sends what this node knows better than a summary, and asks for what it knows worse. */
  answerSummary({ after, to, lines }: Summary, address: string, atMs: number): void {
    const { list, outbox } = this.#parts;
    const theirs = new Map(lines.map((line) => [line.id, line]));
    const better = this.#slotsBetween(after, to).filter((slot) => isBetter(list.summaryLine(slot), theirs.get(list.catalogue.idOf(slot))));
    const ids = lines.filter((line) => isBetter(line, this.#lineOf(line.id))).map((line) => line.id);
    if (ids.length > 0) outbox.reconcile(address, { kind: 'want', ids }, atMs);
    outbox.records(address, better, atMs);
  }

  /** Sends what was asked for. */
  answerWant(ids: readonly string[], address: string, atMs: number): void {
    const { list, outbox } = this.#parts;
    const slots = ids.map((id) => list.slotOf(id)).filter((slot) => slot !== undefined);
    outbox.records(address, slots, atMs);
  }

  /** The ranges of ids whose hashes differ, from a random one on, until they hold `most` members. */
  #differences(own: Uint32Array, theirs: Uint32Array, most: number): { readonly ranges: readonly Range[]; readonly isCut: boolean } {
    const { random } = this.#parts;
    const width = bucketCount / own.length;
    const start = below(random, own.length);
    const ranges: Range[] = [];
    let left = most;
    let open: Range | undefined;
    for (let i = 0; i < own.length; i++) {
      const at = (start + i) % own.length;
      const isDifferent = own[at] !== theirs[at];
      if (!isDifferent || at === 0) open = undefined;
      if (!isDifferent) continue;
      if (left <= 0) return { ranges, isCut: true };
      if (open === undefined) ranges.push((open = { after: at === 0 ? nobody : lastIdOf(at * width - 1), to: '', lines: [] }));
      for (let bucket = at * width; bucket < (at + 1) * width; bucket++) open.lines.push(...this.#linesIn(bucket));
      open.to = lastIdOf((at + 1) * width - 1);
      left = most - ranges.reduce((sum, { lines }) => sum + lines.length, 0);
    }
    return { ranges, isCut: false };
  }

  #linesIn(bucket: number): SummaryLine[] {
    const { list } = this.#parts;
    const lines: SummaryLine[] = [];
    for (const slot of list.catalogue.inBucket(bucket)) if (list.columns.state(slot) !== undefined) lines.push(list.summaryLine(slot));
    return lines.sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Members with ids in (after, to]. */
  #slotsBetween(after: string, to: string): number[] {
    const { list } = this.#parts;
    const slots: number[] = [];
    for (let bucket = bucketOf(after); bucket <= bucketOf(to); bucket++) {
      for (const slot of list.catalogue.inBucket(bucket)) {
        const id = list.catalogue.idOf(slot);
        if (id > after && id <= to && list.columns.state(slot) !== undefined) slots.push(slot);
      }
    }
    return slots;
  }

  #lineOf(id: string): SummaryLine | undefined {
    const slot = this.#parts.list.slotOf(id);
    return slot === undefined ? undefined : this.#parts.list.summaryLine(slot);
  }
}

interface Range {
  readonly after: string;
  to: string;
  readonly lines: SummaryLine[];
}

/** `digest` with `length` hashes, each the XOR of a run of buckets. */
export function foldDigest(digest: Uint32Array, length: number): Uint32Array {
  const folded = new Uint32Array(length);
  const width = digest.length / length;
  for (let i = 0; i < digest.length; i++) folded[Math.floor(i / width)] ^= digest[i];
  return folded;
}

/** A range as summaries that fit their messages and leave no gap between them. */
function cut({ after, to, lines }: Range): Summary[] {
  const messages: Summary[] = [];
  let from = after;
  let start = 0;
  do {
    const part = lines.slice(start, start + messageLimits.summaryLines);
    start += part.length;
    const end = start >= lines.length ? to : part[part.length - 1].id;
    messages.push({ kind: 'summary', rest: 'none', after: from, to: end, lines: part });
    from = end;
  } while (start < lines.length);
  return messages;
}

/** Whether the owner of `line` knows something of the member that the owner of `other` does not. */
function isBetter(line: SummaryLine, other: SummaryLine | undefined): boolean {
  if (other === undefined || line.profileIncarnation > other.profileIncarnation) return true;
  return line.incarnation - other.incarnation > 0 || (line.incarnation === other.incarnation && rankOf(line.state) > rankOf(other.state));
}
