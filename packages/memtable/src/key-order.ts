/** What keeps keys in order: the tree while a memtable is written, the plain list once another thread reads it. */

/** A position among the keys. `key` is the record there, 0 at neither; the rest belongs to the order that set it. */
export interface KeyPlace {
  key: number;
  leaf: number;
  slot: number;
}

/** Moves places. A place stays good while keys are added, but not over `reset`. */
export interface KeyOrder {
  first(place: KeyPlace): void;
  last(place: KeyPlace): void;
  /** Moves to the first key at or after `bytes`. */
  seek(place: KeyPlace, bytes: Uint8Array): void;
  /** Moves to the last key before `bytes`. */
  seekBefore(place: KeyPlace, bytes: Uint8Array): void;
  /** Moves on by one from a key; to none after the last. */
  next(place: KeyPlace): void;
  /** Moves back by one from a key; to none before the first. */
  previous(place: KeyPlace): void;
}

/** A place at no key. */
export function noPlace(): KeyPlace {
  return { key: 0, leaf: 0, slot: 0 };
}
