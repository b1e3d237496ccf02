/**
 * Notes of how far a store has taken over from others, in the store itself: after a restart it goes on from there. A note
 * comes after what it speaks of in the store's log, so a store that has the note has that too.
 *
 * ```
 *  key    0x01 'move ' change ' ' source            value   JSON {"stage":"streaming","cursor":hex,"objects":…,"bytes":…}
 * ```
 */
import { afterPrefix, namedKey, space } from '../store/layout.ts';
import type { IntakeProgress } from './mover.ts';
import type { Store } from '../store/store.ts';

const prefix: Uint8Array = nameOf('move ');
/** Notes looked at together. */
const notesMax = 10_000;

/** What a note says. */
type Noted = Pick<IntakeProgress, 'stage' | 'cursor' | 'objects' | 'bytes'>;

/** Notes of one store. */
export class MoveNotes {
  readonly #store: Store;
  readonly #bytes = new Map<string, number>();
  #kept: string | undefined;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Takes all notes away: what they speak of may be missing. */
  static forgetAll(store: Store): Promise<void> {
    const batch = store.batch();
    batch.deleteRange(prefix, afterPrefix(prefix));
    return batch.commit({ durable: true });
  }

  /** Bytes taken over when the last note was written. */
  bytesNoted({ change, source }: Pick<IntakeProgress, 'change' | 'source'>): number {
    return this.#bytes.get(`${change} ${source}`) ?? 0;
  }

  async write({ change, source, stage, cursor, objects, bytes }: IntakeProgress): Promise<void> {
    const batch = this.#store.batch();
    const text = JSON.stringify({ stage, cursor: cursor && Buffer.from(cursor).toString('hex'), objects, bytes });
    batch.put(nameOf(`move ${change} ${source}`), new TextEncoder().encode(text));
    await batch.commit({ durable: false });
    this.#bytes.set(`${change} ${source}`, bytes);
  }

  /** The note about a source; undefined if there is none. */
  async read(change: string, source: string): Promise<Noted | undefined> {
    const found = await this.#store.get(nameOf(`move ${change} ${source}`));
    if (found === undefined) return undefined;
    const { cursor, ...rest } = JSON.parse(new TextDecoder().decode(found)) as Omit<Noted, 'cursor'> & { readonly cursor?: string };
    this.#bytes.set(`${change} ${source}`, rest.bytes);
    return { ...rest, cursor: cursor === undefined ? undefined : new Uint8Array(Buffer.from(cursor, 'hex')) };
  }

  /** Removes the notes of changes that are none of these. */
  async forgetAllBut(changes: ReadonlySet<string>): Promise<void> {
    const kept = [...changes].join(' ');
    if (this.#kept === kept) return;
    const batch = this.#store.batch();
    let gone = 0;
    for await (const [key] of this.#store.range({ gte: prefix, lt: afterPrefix(prefix), limit: notesMax })) {
      const [, change = ''] = new TextDecoder().decode(key.subarray(1)).split(' ');
      if (changes.has(change)) continue;
      batch.delete(key);
      gone += 1;
    }
    if (gone > 0) await batch.commit({ durable: false });
    this.#kept = kept;
  }
}

function nameOf(name: string): Uint8Array {
  return namedKey(space.own, new TextEncoder().encode(name));
}
