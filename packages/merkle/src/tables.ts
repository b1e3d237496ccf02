/**
 * Room for the tables of trees: small ones are cut from chunks that many share. An array of its own for each would be
 * three places in memory to wait for where one is needed, and there are as many trees as partitions and buckets.
 *
 * ```
 *  chunk   table │ table │ table │ … free        what a tree has outgrown goes to the next one that asks for so much
 * ```
 */

/** A stretch `words[at, …)` that belongs to whoever took it. */
export interface Table {
  readonly words: Uint32Array;
  readonly at: number;
}

const chunkWords = 16_384;
/** A table of more words is an array of its own. */
const sharedWordsMax = 1024;
/** Outgrown tables of one size that are kept; what is past that stays unused until its chunk is. */
const outgrownMax = 1024;

let chunk: Uint32Array = new Uint32Array(chunkWords);
let used = 0;
const outgrown = new Map<number, Table[]>();

/** A table of so many words, all zero. */
export function takeTable(words: number): Table {
  if (words > sharedWordsMax) return { words: new Uint32Array(words), at: 0 };
  const table = outgrown.get(words)?.pop();
  if (table !== undefined) {
    table.words.fill(0, table.at, table.at + words);
    return table;
  }
  if (used + words > chunkWords) {
    chunk = new Uint32Array(chunkWords);
    used = 0;
  }
  used += words;
  return { words: chunk, at: used - words };
}

/** Gives a table of so many words back: its owner looks at it no more. */
export function giveBack(table: Table, words: number): void {
  if (words > sharedWordsMax) return;
  const kept = outgrown.get(words) ?? [];
  outgrown.set(words, kept);
  if (kept.length < outgrownMax) kept.push(table);
}
