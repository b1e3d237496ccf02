/**
 * Partitions in which another owner missed a write that nobody keeps for it: every stand-in refused, or there was none.
 * Noted durably by a coordinator that is an owner too, and compared first when that owner can be reached.
 *
 * ```
 *   key  0x04 │ member 8 bytes │ first token of the partition, its high word u32        value: none
 * ```
 *
 * What is noted is a hint where to look: comparing in turn finds the same, later. A note goes when an exchange that began
 * after it is through. At most one for each member and partition.
 */
import type { KeyPlacement } from '../cluster/placement.ts';
import { afterPrefix, concatenate, space } from '../store/layout.ts';
import type { Outcome } from '../coordinator/pursuit.ts';
import type { Store } from '../store/store.ts';

/** Owners that neither hold the object nor have anybody who keeps it for them. Pure. */
export function missedBy({ owners }: Pick<KeyPlacement, 'owners'>, outcomes: readonly Outcome[]): string[] {
  const served = new Set(outcomes.filter(({ ok }) => ok).map(({ store, standsFor }) => standsFor ?? store));
  return owners.filter((owner) => !served.has(owner));
}

/** A note, and how often it was made. */
interface Note {
  times: number;
}

/** The notes of a store. */
export class DirtyRanges {
  readonly #store: Store;
  /** Member → first word of a partition → note. */
  readonly #notes = new Map<string, Map<number, Note>>();

  private constructor(store: Store) {
    this.#store = store;
  }

  /** Reads what an earlier run left. */
  static async load(store: Store): Promise<DirtyRanges> {
    const dirty = new DirtyRanges(store);
    const prefix = Uint8Array.of(space.dirty);
    for await (const [key] of store.range({ gte: prefix, lt: afterPrefix(prefix), limit: 2 ** 31 })) {
      const start = new DataView(key.buffer, key.byteOffset).getUint32(9);
      dirty.#of(Buffer.from(key.subarray(1, 9)).toString('hex')).set(start, { times: 1 });
    }
    return dirty;
  }

  /** First words of the partitions in which this member missed something, and what takes back their notes once they are compared. */
  take(member: string): { readonly starts: readonly number[]; done(): Promise<void> } {
    const taken = [...(this.#notes.get(member) ?? [])].map(([start, note]) => ({ start, note, times: note.times }));
    return {
      starts: taken.map(({ start }) => start),
      done: async () => {
        const batch = this.#store.batch();
        for (const { start, note, times } of taken) {
          if (note.times !== times) continue;
          this.#of(member).delete(start);
          batch.delete(noteKey(member, start));
        }
        if (this.#of(member).size === 0) this.#notes.delete(member);
        if (taken.length > 0) await batch.commit({ durable: false });
      },
    };
  }

  /** Whether this member missed anything. */
  has(member: string): boolean {
    return this.#notes.has(member);
  }

  /** Notes in all. */
  get size(): number {
    return [...this.#notes.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** Notes that this member missed something in the partition that begins here. Durable when it resolves. */
  async add(member: string, start: number): Promise<void> {
    const notes = this.#of(member);
    const note = notes.get(start);
    if (note !== undefined) {
      note.times += 1;
      return;
    }
    notes.set(start, { times: 1 });
    const batch = this.#store.batch();
    batch.put(noteKey(member, start), new Uint8Array());
    await batch.commit({ durable: true });
  }

  #of(member: string): Map<number, Note> {
    const notes = this.#notes.get(member) ?? new Map<number, Note>();
    this.#notes.set(member, notes);
    return notes;
  }
}

function noteKey(member: string, start: number): Uint8Array {
  return concatenate([
    Uint8Array.of(space.dirty),
    Buffer.from(member, 'hex'),
    Uint8Array.of(start >>> 24, start >>> 16, start >>> 8, start),
  ]);
}
