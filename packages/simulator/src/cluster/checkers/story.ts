/**
 * The story of one key: its writes, and which of them account for others.
 *
 * ```
 *   x is shown ────────────────────────────────────────────▶ x is accounted for
 *   z replaced x (its author had been shown x, or it replaces what it finds)
 *     └─ z may have taken effect, and is a delete or accounted for itself ──▶ x is accounted for
 * ```
 *
 * Whoever removed x for good reason had x in its context, and x came into that context by being shown. So nothing but
 * what clients saw is needed to tell a replaced value from a lost one.
 */
import { begunMs, effectOf, type History, overMs, type Read, type Write } from '../history.ts';

/** Everything about one key. */
export interface Story {
  readonly bucket: string;
  readonly key: string;
  readonly writes: readonly Write[];
  /** Answered reads, those at rest last. */
  readonly reads: readonly Read[];
  /** The read at rest; absent where none was made. */
  readonly last: Read | undefined;
}

/** The stories of all keys. */
export function storiesOf({ writes, reads, last }: History): Story[] {
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
  return [...names.values()];
}

/** Tells for one answer which writes it accounts for. */
export class Account {
  readonly #writes: readonly Write[];
  readonly #read: Read;
  readonly #shown: ReadonlySet<number>;
  readonly #known = new Map<number, boolean>();

  constructor(writes: readonly Write[], read: Read) {
    this.#writes = writes;
    this.#read = read;
    this.#shown = new Set(read.shown);
  }

  /** Whether the answer shows the write, or what may have replaced it. */
  has(write: Write): boolean {
    const known = this.#known.get(write.id);
    if (known !== undefined) return known;
    // Two blind deletes can each have found the other's victim; a write never accounts for itself.
    this.#known.set(write.id, false);
    const answer = this.#shown.has(write.id) || this.#writes.some((other) => this.#replaced(other, write));
    this.#known.set(write.id, answer);
    return answer;
  }

  #replaced(other: Write, write: Write): boolean {
    if (other.id === write.id || effectOf(other) === 'none' || begunMs(other) >= this.#read.endMs) return false;
    const saw = other.seen.has(write.id) || (other.replacesFound && overMs(other) > begunMs(write));
    return saw && (other.kind === 'delete' || this.has(other));
  }
}

/**
 * What a write replaces for certain if it took effect: what its author was shown by a read, and what those replaced, and
 * so on. The answer to a write names that write alone, beside the clock, and a coordinator that lacks it cannot pass on
 * that it is replaced.
 */
export function replacedBy(write: Write, byId: ReadonlyMap<number, Write>): ReadonlySet<number> {
  const replaced = new Set<number>();
  const open = [...write.shown];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (replaced.has(id)) continue;
    replaced.add(id);
    open.push(...(byId.get(id)?.shown ?? []));
  }
  return replaced;
}

/** The writes by their numbers. */
export function byNumber(writes: readonly Write[]): ReadonlyMap<number, Write> {
  return new Map(writes.map((write) => [write.id, write]));
}

/** Whether one coordinator alone can have made the write's dot; else a second copy of it may live on after the first was replaced. */
export function hasOneDot({ attempts }: Write): boolean {
  return attempts.length === 1 && attempts.every(({ madeHere }) => madeHere);
}
