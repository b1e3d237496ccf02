/**
 * The floors that this store knows, one for each bucket in each partition that has one, in memory and in the store.
 *
 * ```
 *  key    = 0x2c │ first token of the partition u32 │ bucket length u8 │ bucket │ generation u32
 *  record = state u8 (0 heard, 1 to be dropped, 2 settled) │ expired u48 │ floor
 *
 *   heard ──agreed on, in a round or with an owner that holds it──▶ to be dropped ──nothing dead is left below──▶ settled
 *     ▲                                                                  ▲──────────the next round────────────────┘
 *     └── data may be missing, or the store owns it no more ─────────────┴────────────────────────────────────────┘
 * ```
 *
 * A floor that was only heard of says what is old in general, not that this store has all that it promises. The
 * moment is that of the last round that came here (`Before`). Whatever changes is durable before it counts.
 *
 * A round that fails while it raises floors leaves some that are heard of and held by nobody. An owner that heard of one
 * takes up the lower one that other owners hold, and the next round has a number above both.
 */
import { ByteReader, ByteWriter, crc32 } from '@coterie/bytes';
import { CoterieError } from '@coterie/env';
import { afterPrefix, concatenate, space } from '../store/layout.ts';
import type { Place } from '../replica/replica.ts';
import type { Store, StoreBatch } from '../store/store.ts';
import { decodeFloor, encodeFloor, type Floor, ground, unite } from './floor.ts';
import type { Before } from './forget.ts';

/** One bucket in one partition. */
export interface Stretch {
  readonly partition: number;
  readonly bucket: string;
  readonly generation: number;
}

/** A floor, and the moment of its round, without what it is at one store. */
export interface ToldFloor extends Stretch {
  readonly floor: Floor;
  readonly before: Before;
}

/** How a floor is kept. */
export type FloorState = 'heard' | 'to be dropped' | 'settled';

/** A stretch and what holds there. */
export interface KeptFloor extends ToldFloor {
  readonly state: FloorState;
}

const states: readonly FloorState[] = ['heard', 'to be dropped', 'settled'];
/** Floors that a store keeps. */
const floorsMax = 65_536;
/** Groups of partitions that have a digest of their own. */
export const digestGroups = 64;
const wordEnd = 2 ** 32;
/** Floors in one batch. */
const batchFloors = 1000;

/** Every floor of a store. */
export class Floors {
  readonly #store: Store;
  readonly #partitions: number;
  readonly #kept = new Map<string, KeptFloor>();
  readonly #unsettled = new Map<number, number>();
  readonly #digests: number[] = Array.from({ length: digestGroups }, () => 0);

  private constructor(store: Store, partitions: number) {
    this.#store = store;
    this.#partitions = partitions;
  }

  /** Reads what an earlier run kept. @throws `CORRUPTION`, `UNSUPPORTED_FORMAT` */
  static async load(store: Store, partitions: number): Promise<Floors> {
    const floors = new Floors(store, partitions);
    const prefix = Uint8Array.of(space.floor);
    for await (const [key, record] of store.range({ gte: prefix, lt: afterPrefix(prefix), limit: 2 ** 31 })) {
      const kept = decodeRecord(openKey(key, partitions), record);
      floors.#set(kept);
    }
    return floors;
  }

  /** Removes every floor from a store that is not running; they are heard again from others. */
  static async loseAll(store: Store): Promise<void> {
    const prefix = Uint8Array.of(space.floor);
    const batch = store.batch();
    batch.deleteRange(prefix, afterPrefix(prefix));
    await batch.commit({ durable: true });
  }

  /** Whether nothing was ever forgotten here: asked with every write. */
  get isEmpty(): boolean {
    return this.#kept.size === 0;
  }

  get size(): number {
    return this.#kept.size;
  }

  /** All floors. */
  get all(): IterableIterator<KeptFloor> {
    return this.#kept.values();
  }

  /** What is kept of a stretch. */
  of(stretch: Stretch): KeptFloor | undefined {
    return this.#kept.size === 0 ? undefined : this.#kept.get(nameOf(stretch));
  }

  /** What is kept where a place lies. */
  keptAt({ address, bucket }: Place): KeptFloor | undefined {
    if (this.#kept.size === 0) return undefined;
    const partition = Math.floor(address.token.high / (2 ** 32 / this.#partitions));
    return this.#kept.get(nameOf({ partition, bucket: bucket.name, generation: address.generation }));
  }

  /** The floor where a place lies, however it is kept. */
  floorAt(place: Place): Floor {
    return this.keptAt(place)?.floor ?? ground;
  }

  /** Partitions in which something dead may lie below a floor still. */
  get unsettled(): ReadonlyMap<number, number> {
    return this.#unsettled;
  }

  /** One number for each group of partitions: equal where two members know the same floors. */
  get digests(): readonly number[] {
    return this.#digests;
  }

  /** Raises floors that hold here from now on; durable when it resolves. @throws `OVERLOADED` */
  async raise(told: readonly ToldFloor[]): Promise<void> {
    await this.#change(told.map((one) => this.#united(one, 'to be dropped')));
  }

  /** Takes note of floors that hold elsewhere. Where a lower one is held here, that one stays. @throws `OVERLOADED` */
  async hear(told: readonly ToldFloor[]): Promise<void> {
    const news = told.filter((one) => this.isNews(one) && (this.of(one)?.state ?? 'heard') === 'heard');
    await this.#change(news.map((one) => this.#united(one, 'heard')));
  }

  /** Whether this floor says more than what is kept. */
  isNews(told: ToldFloor): boolean {
    return told.floor.round > (this.of(told)?.floor.round ?? 0);
  }

  /** From now on this store does not vouch for what these floors promise. */
  async doubt(isDoubtful: (kept: KeptFloor) => boolean): Promise<void> {
    const doubted = [...this.#kept.values()].filter((kept) => kept.state !== 'heard' && isDoubtful(kept));
    await this.#change(doubted.map((kept): KeptFloor => ({ ...kept, state: 'heard' })));
  }

  /** Nothing is left to go below this floor. */
  async settled(kept: KeptFloor): Promise<void> {
    if (this.of(kept) === kept) await this.#change([{ ...kept, state: 'settled' }]);
  }

  /** Removes floors of what is gone altogether. */
  async discard(isGone: (stretch: Stretch) => boolean): Promise<void> {
    const gone = [...this.#kept.values()].filter(isGone);
    for (let at = 0; at < gone.length; at += batchFloors) {
      const batch = this.#store.batch();
      for (const one of gone.slice(at, at + batchFloors)) {
        this.#unset(one);
        batch.delete(keyOf(one, this.#partitions));
      }
      await batch.commit({ durable: false });
    }
  }

  #set(kept: KeptFloor): void {
    this.#unset(kept);
    this.#kept.set(nameOf(kept), kept);
    this.#count(kept, 1);
  }

  #unset(stretch: Stretch): void {
    const kept = this.#kept.get(nameOf(stretch));
    if (kept === undefined) return;
    this.#kept.delete(nameOf(kept));
    this.#count(kept, -1);
  }

  #count({ partition, bucket, generation, floor, state }: KeptFloor, times: 1 | -1): void {
    const group = partition % digestGroups;
    const sum = crc32(new TextEncoder().encode(`${partition} ${generation} ${floor.round} ${bucket}`));
    this.#digests[group] = (this.#digests[group] + times * sum + wordEnd) % wordEnd;
    if (state !== 'to be dropped') return;
    const count = (this.#unsettled.get(partition) ?? 0) + times;
    if (count > 0) this.#unsettled.set(partition, count);
    else this.#unsettled.delete(partition);
  }

  #united(told: ToldFloor, state: FloorState): KeptFloor {
    const kept = this.of(told);
    const { partition, bucket, generation, before } = told;
    // What was only heard of says nothing of what this store has: nobody may hold it, even if it is higher.
    if (kept?.state === 'heard' && state !== 'heard') return { ...told, state };
    const floor = kept === undefined ? told.floor : unite(kept.floor, told.floor);
    // Floors of one round are equal, and many: one map for all of them.
    const isSame = kept !== undefined && kept.floor.round >= told.floor.round;
    return { partition, bucket, generation, before: isSame ? kept.before : before, floor: isSame ? kept.floor : floor, state };
  }

  async #change(floors: readonly KeptFloor[]): Promise<void> {
    const added = floors.filter((one) => this.of(one) === undefined).length;
    if (this.#kept.size + added > floorsMax)
      throw new CoterieError('OVERLOADED', `a store keeps at most ${floorsMax} floors`, { retryable: false });
    for (let at = 0; at < floors.length; at += batchFloors) {
      const batch: StoreBatch = this.#store.batch();
      const some = floors.slice(at, at + batchFloors);
      for (const one of some) batch.put(keyOf(one, this.#partitions), encodeRecord(one));
      await batch.commit({ durable: true });
      for (const one of some) this.#set(one);
    }
  }
}

function nameOf({ partition, bucket, generation }: Stretch): string {
  return `${partition} ${generation} ${bucket}`;
}

function keyOf({ partition, bucket, generation }: Stretch, partitions: number): Uint8Array {
  const name = new TextEncoder().encode(bucket);
  const start = u32(partition * (2 ** 32 / partitions));
  return concatenate([Uint8Array.of(space.floor), start, Uint8Array.of(name.length), name, u32(generation)]);
}

function openKey(key: Uint8Array, partitions: number): Stretch {
  const view = new DataView(key.buffer, key.byteOffset, key.length);
  const nameEnd = 6 + key[5];
  const bucket = new TextDecoder().decode(key.subarray(6, nameEnd));
  return { partition: Math.floor(view.getUint32(1) / (2 ** 32 / partitions)), bucket, generation: view.getUint32(nameEnd) };
}

function encodeRecord({ state, before, floor }: KeptFloor): Uint8Array {
  return new ByteWriter(64).u8(states.indexOf(state)).u48(before.expiredMs).raw(encodeFloor(floor)).finish();
}

function decodeRecord(stretch: Stretch, record: Uint8Array): KeptFloor {
  const reader = new ByteReader(record);
  const state = states[reader.u8()];
  if (state === undefined) throw new CoterieError('CORRUPTION', 'the record of a floor is not as it was written');
  const before = { expiredMs: reader.u48() };
  return { ...stretch, state, before, floor: decodeFloor(reader.view(reader.remaining)) };
}

function u32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}
