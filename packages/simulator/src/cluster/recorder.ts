/** Writes the history down while it happens, and hands out the numbers of writes. */
import type { GetReply } from '@coterie/node';
import type { Attempt, History, Read, Write } from './history.ts';

/** Longest filler that a value carries behind its number. */
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A history that grows. */
export class Recorder {
  readonly #writes: Write[] = [];
  readonly #reads: Read[] = [];
  readonly #last: Read[] = [];

  get history(): History {
    return { writes: this.#writes, reads: this.#reads, last: this.#last };
  }

  /** A write begins. */
  begin(write: Omit<Write, 'id' | 'attempts'>): Write {
    const made: Write = { ...write, id: this.#writes.length, attempts: [] };
    this.#writes.push(made);
    return made;
  }

  /** One of its requests has ended. */
  attempted(write: Write, attempt: Attempt): void {
    write.attempts.push(attempt);
  }

  /** A read was answered. */
  read(read: Read): void {
    this.#reads.push(read);
  }

  /** A key was read after everything has come to rest. */
  readAtRest(read: Read): void {
    this.#last.push(read);
  }
}

/** The value of a write: its number, and filler. */
export function valueOf(id: number, bytes: number): Uint8Array {
  return encoder.encode(`${id}:`.padEnd(bytes, 'x'));
}

/** Numbers of the writes whose values an answer shows. */
export function shownBy(reply: GetReply): number[] {
  if (reply.state !== 'found') return [];
  return reply.siblings.map(({ value }) => Number.parseInt(decoder.decode(value), 10));
}
