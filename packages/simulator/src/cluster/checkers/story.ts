/**
 * The story of one key: its writes, and which of them account for others.
 *
 * ```
 *   x is shown ────────────────────────────────────────────▶ x is accounted for
 *   z replaced x (its author had seen x, or it replaces what it finds)
 *     └─ z may have taken effect, and is a delete or accounted for itself ──▶ x is accounted for
 *   every store that acknowledged x was lost since (P1) ──────────────────▶ x is accounted for
 * ```
 *
 * Whoever removed x for good reason had x in its context, and x came into that context by being shown. So nothing but
 * what clients saw is needed to tell a replaced value from a lost one.
 */
import { acknowledgedMs, begunMs, effectOf, type History, overMs, type Read, type Write } from '../history.ts';

/** Everything about one key. */
export interface Story {
  readonly bucket: string;
  readonly key: string;
  readonly writes: readonly Write[];
  readonly lineage: Lineage;
  /** Answered reads, those at rest last. */
  readonly reads: readonly Read[];
  /** The read at rest; absent where none was made. */
  readonly last: Read | undefined;
}

/** From when on a write may be lost by the promises; Infinity if never. */
export type LostFrom = (write: Write) => number;

const never: LostFrom = () => Infinity;

/** The stories of all keys. */
export function storiesOf({ writes, reads, last }: History, lostFrom: LostFrom = never): Story[] {
  const names = new Map<string, { bucket: string; key: string; writes: Write[]; reads: Read[]; last: Read | undefined }>();
  const storyOf = ({ bucket, key }: { readonly bucket: string; readonly key: string }) => {
    const name = `${bucket}/${key}`;
    const known = names.get(name) ?? { bucket, key, writes: [], reads: [], last: undefined };
    names.set(name, known);
    return known;
  };
  for (const write of writes) storyOf(write).writes.push(write);
  for (const read of [...reads, ...last]) storyOf(read).reads.push(read);
  for (const read of last) storyOf(read).last = read;
  return [...names.values()].map((story) => ({ ...story, lineage: new Lineage(story.writes, lostFrom) }));
}

/** What the writes of one key say about each other, worked out once: the checkers ask for every read. */
export class Lineage {
  readonly byId: ReadonlyMap<number, Write>;
  readonly #replacers = new Map<number, Write[]>();
  /** Writes that may have replaced whatever was there. */
  readonly #sweepers: readonly Write[];
  readonly #replaced = new Map<number, ReadonlySet<number>>();
  readonly #acknowledged: ReadonlyMap<number, number>;
  readonly #lost: ReadonlyMap<number, number>;

  constructor(writes: readonly Write[], lostFrom: LostFrom = never) {
    this.#lost = new Map(writes.map((write) => [write.id, lostFrom(write)]));
    this.byId = new Map(writes.map((write) => [write.id, write]));
    this.#acknowledged = new Map(writes.map((write) => [write.id, acknowledgedMs(write)]));
    const effective = writes.filter((write) => effectOf(write) !== 'none');
    this.#sweepers = effective.filter(({ replacesFound }) => replacesFound);
    for (const write of effective) {
      for (const id of write.seen) {
        const replacers = this.#replacers.get(id);
        if (replacers === undefined) this.#replacers.set(id, [write]);
        else replacers.push(write);
      }
    }
  }

  /** When the write was acknowledged first; Infinity if never. */
  acknowledgedMs({ id }: Write): number {
    return this.#acknowledged.get(id) ?? Infinity;
  }

  /** Whether the stores that acknowledged a write may all have lost it by then. What it replaced may show again. */
  mayBeLost({ id }: Write, byMs: number): boolean {
    return (this.#lost.get(id) ?? Infinity) <= byMs;
  }

  /** Writes that may have replaced this one. */
  replacersOf(write: Write): readonly Write[] {
    const sweepers = this.#sweepers.filter((other) => other.id !== write.id && overMs(other) > begunMs(write));
    return [...(this.#replacers.get(write.id) ?? []), ...sweepers];
  }

  /** What a write replaces for certain if it took effect: what its author had seen, and what the authors of that had seen, and so on. */
  replacedBy(write: Write): ReadonlySet<number> {
    const known = this.#replaced.get(write.id);
    if (known !== undefined) return known;
    const replaced = new Set<number>();
    const open = [...write.seen];
    for (let id = open.pop(); id !== undefined; id = open.pop()) {
      if (replaced.has(id)) continue;
      replaced.add(id);
      open.push(...(this.byId.get(id)?.seen ?? []));
    }
    this.#replaced.set(write.id, replaced);
    return replaced;
  }
}

/** Tells for one answer which writes it accounts for. */
export class Account {
  readonly #lineage: Lineage;
  readonly #read: Read;
  readonly #shown: ReadonlySet<number>;
  readonly #known = new Map<number, boolean>();

  constructor(lineage: Lineage, read: Read) {
    this.#lineage = lineage;
    this.#read = read;
    this.#shown = new Set(read.shown);
  }

  /** Whether the answer shows the write, or what may have replaced it. */
  has(write: Write): boolean {
    const known = this.#known.get(write.id);
    if (known !== undefined) return known;
    const isGone = this.#lineage.mayBeLost(write, this.#read.endMs);
    const answer = isGone || this.#shown.has(write.id) || this.#lineage.replacersOf(write).some((other) => this.#stands(other));
    this.#known.set(write.id, answer);
    return answer;
  }

  /** Whether a replacer can have been there when the answer was made. */
  #stands(replacer: Write): boolean {
    return begunMs(replacer) < this.#read.endMs && (replacer.kind === 'delete' || this.has(replacer));
  }
}

/**
 * Whether one coordinator alone can have made the write's dot. Else there may be a second copy of it, and where the first one, and
 * what replaced it, has not been heard of yet, nobody can know that the second is replaced as well. At rest all have heard.
 */
export function hasOneDot({ attempts }: Write): boolean {
  return attempts.length === 1 && attempts.every(({ madeHere }) => madeHere);
}
