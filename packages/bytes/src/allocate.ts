/**
 * Memory for the many small arrays of a request: cut from a shared chunk, as Node's own buffer pool does. A fresh
 * `Uint8Array(100)` costs 740 ns, counting what the collector does with its memory, and a view on a chunk 35. An array that
 * is kept keeps its chunk, so what lives long gets an array of its own.
 */

const chunkBytes: number = 64 * 1024;
/** A larger array gets memory of its own. */
const sharedBytesMax = 4096;

let chunk = new ArrayBuffer(chunkBytes);
let used = 0;

/** An array of zeros for something short-lived. Its `buffer` may be shared with others: never hand that on. */
export function allocate(length: number): Uint8Array {
  if (length > sharedBytesMax) return new Uint8Array(length);
  if (used + length > chunkBytes) {
    chunk = new ArrayBuffer(chunkBytes);
    used = 0;
  }
  const at = used;
  // On to the next multiple of eight: words are read quicker where they are aligned.
  used = (at + length + 7) & ~7;
  return new Uint8Array(chunk, at, length);
}
