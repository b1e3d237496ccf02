/**
 * The bytes of a file, cheap to copy: chunks of 4 KiB that copies share until one of them writes (copy on write, on the
 * list of chunks as well). A chunk never written is a hole, reads as zeros and takes no space.
 *
 * Invariant: bytes of the last chunk past `size` are zero, so that growing needs no clearing.
 */

/** Bytes in a chunk: the unit of sharing and of space. */
export const chunkBytes = 4096;

interface Chunk {
  readonly owner: object;
  readonly bytes: Uint8Array;
}

/** A file's bytes. */
export class Content {
  #chunks: (Chunk | undefined)[] = [];
  /** Whoever holds this token may write a chunk that carries it. Cloning gives both sides new ones. */
  #owner: object = {};
  #ownsList = true;
  #size = 0;
  #blocks = 0;

  get size(): number {
    return this.#size;
  }

  /** Chunks that take space. */
  get blocks(): number {
    return this.#blocks;
  }

  clone(): Content {
    const copy = new Content();
    copy.#chunks = this.#chunks;
    copy.#ownsList = this.#ownsList = false;
    this.#owner = {};
    copy.#size = this.#size;
    copy.#blocks = this.#blocks;
    return copy;
  }

  /** Fills `into[start, end)` from `position`; returns the bytes read, fewer only at the end. */
  read(into: Uint8Array, start: number, end: number, position: number): number {
    const count = Math.max(0, Math.min(end - start, this.#size - position));
    for (let done = 0; done < count; ) {
      const at = position + done;
      const within = at % chunkBytes;
      const length = Math.min(count - done, chunkBytes - within);
      const chunk = this.#chunks[Math.floor(at / chunkBytes)];
      if (chunk === undefined) into.fill(0, start + done, start + done + length);
      else into.set(chunk.bytes.subarray(within, within + length), start + done);
      done += length;
    }
    return count;
  }

  write(bytes: Uint8Array, position: number): void {
    for (let done = 0; done < bytes.length; ) {
      const at = position + done;
      const within = at % chunkBytes;
      const length = Math.min(bytes.length - done, chunkBytes - within);
      this.#writable(Math.floor(at / chunkBytes)).set(bytes.subarray(done, done + length), within);
      done += length;
    }
    if (bytes.length > 0) this.#size = Math.max(this.#size, position + bytes.length);
  }

  /** Sets the length: cuts, or extends with a hole. */
  truncate(size: number): void {
    if (size < this.#size) {
      const kept = Math.ceil(size / chunkBytes);
      if (size % chunkBytes > 0 && this.#chunks[kept - 1] !== undefined) this.#writable(kept - 1).fill(0, size % chunkBytes);
      this.#ownList();
      for (const chunk of this.#chunks.splice(kept)) if (chunk !== undefined) this.#blocks--;
    }
    this.#size = size;
  }

  /** Chunks that a write of [position, end) would newly take. */
  newBlocks(position: number, end: number): number {
    let count = 0;
    for (let i = Math.floor(position / chunkBytes); i * chunkBytes < end; i++) if (this.#chunks[i] === undefined) count++;
    return count;
  }

  /** A copy of all bytes. */
  toBytes(): Uint8Array {
    const bytes = new Uint8Array(this.#size);
    this.read(bytes, 0, bytes.length, 0);
    return bytes;
  }

  #writable(index: number): Uint8Array {
    this.#ownList();
    const chunk = this.#chunks[index];
    if (chunk?.owner === this.#owner) return chunk.bytes;
    if (chunk === undefined) this.#blocks++;
    const bytes = new Uint8Array(chunkBytes);
    if (chunk !== undefined) bytes.set(chunk.bytes);
    this.#chunks[index] = { owner: this.#owner, bytes };
    return bytes;
  }

  #ownList(): void {
    if (this.#ownsList) return;
    this.#chunks = this.#chunks.slice();
    this.#ownsList = true;
  }
}
