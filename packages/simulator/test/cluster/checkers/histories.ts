/** Short words to make histories with. */
import type { Attempt, History, Read, Write } from '../../../src/cluster/history.ts';

type WriteParts = Partial<Omit<Write, 'attempts' | 'seen'>> & {
  readonly seen?: readonly number[];
  readonly attempts?: readonly Attempt[];
};

/** An attempt at n1 from `startMs` to `endMs` that was acknowledged. */
export function acknowledged(startMs: number, endMs = startMs + 1, reached = { primaries: 3, fallbacks: 0, synced: 3 }): Attempt {
  return { node: 'n1', startMs, endMs, outcome: { kind: 'ok', reached }, madeHere: true };
}

/** One that was refused. */
export function refused(startMs: number, mayHaveTakenEffect: boolean, code = 'TIMEOUT'): Attempt {
  const outcome = { kind: 'refused' as const, code, message: 'no', mayHaveTakenEffect };
  return { node: 'n1', startMs, endMs: startMs + 1, outcome, madeHere: true };
}

/** One that nobody answered. */
export function silent(startMs: number): Attempt {
  return { node: 'n1', startMs, endMs: Infinity, outcome: { kind: 'silent' }, madeHere: true };
}

/** Write number `id`, at ten times its number unless its attempts say otherwise. */
export function write(id: number, { seen = [], attempts, ...parts }: WriteParts = {}): Write {
  return {
    id,
    kind: 'put',
    bucket: 'b',
    key: 'k',
    ask: { w: 2, pw: 0 },
    replacesFound: false,
    ...parts,
    seen: new Set(seen),
    attempts: [...(attempts ?? [acknowledged(10 * id)])],
  };
}

/** A delete. */
export function remove(id: number, parts: WriteParts = {}): Write {
  return write(id, { kind: 'delete', ...parts });
}

/** A read at `startMs` that showed these. */
export function read(startMs: number, shown: readonly number[], pr = 0): Read {
  return { bucket: 'b', key: 'k', node: 'n1', startMs, endMs: startMs + 1, pr, shown };
}

/** A history with one key, read at rest at last. */
export function history(writes: readonly Write[], last: readonly number[], reads: readonly Read[] = []): History {
  return { writes, reads, last: [read(10_000, last, 3)] };
}
