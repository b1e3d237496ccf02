/** Partitions as stretches of the ring, and of the store's keys: objects lie in token order, so a partition is one range. */
import { compareBytes } from '@coterie/bytes';
import { space } from './layout.ts';

/** The first key of a partition's objects in the store; one past the last partition gives the end of all. */
export function partitionStart(partition: number, partitions: number): Uint8Array {
  if (partition === partitions) return Uint8Array.of(space.object + 1);
  const high = partition * (2 ** 32 / partitions);
  return Uint8Array.of(space.object, high >>> 24, (high >>> 16) & 0xff, (high >>> 8) & 0xff, high & 0xff);
}

/** Sorted partitions as half-open stretches. */
export function rangesOf(partitions: readonly number[]): [from: number, until: number][] {
  const ranges: [number, number][] = [];
  for (const partition of partitions) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === partition) last[1] = partition + 1;
    else ranges.push([partition, partition + 1]);
  }
  return ranges;
}

/** The partitions of half-open stretches, in order. */
export function partitionsIn(ranges: readonly (readonly [from: number, until: number])[]): number[] {
  return ranges.flatMap(([from, until]) => Array.from({ length: until - from }, (_, at) => from + at));
}

/** Whether all of a partition's objects lie before a key of the store. */
export function endsBefore(partition: number, key: Uint8Array, partitions: number): boolean {
  return compareBytes(partitionStart(partition + 1, partitions), key) <= 0;
}
