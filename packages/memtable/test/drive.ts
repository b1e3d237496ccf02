/** Adds to and reads from a memtable in the plain terms of its twin. */
import { hash32, maxSequence, type EntryCursor } from '@coterie/bytes';
import { Memtable } from '../src/index.ts';
import type { TwinEntry } from './twin.ts';

export function keyOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

export function memtableOf(arenaBytes: number): Memtable {
  return new Memtable(new SharedArrayBuffer(arenaBytes));
}

/** Adds an entry whose key and value lie in the middle of other bytes, or in arrays of their own. */
export function addEntry(table: Memtable, entry: TwinEntry, surround = 0): void {
  const pad = new Uint8Array(surround).fill(0xee);
  const keyBytes = surround === 0 ? entry.key : Uint8Array.of(...pad, ...entry.key, ...pad);
  const valueBytes = surround === 0 ? entry.value : Uint8Array.of(...pad, ...entry.value, ...pad);
  table.add({
    keyBytes,
    keyStart: surround,
    keyEnd: surround + entry.key.length,
    keyHash: hash32(entry.key, 0, entry.key.length),
    sequence: entry.sequence,
    type: entry.type,
    valueBytes,
    valueStart: surround,
    valueEnd: surround + entry.value.length,
  });
}

export function findEntry(table: Memtable, key: Uint8Array, sequence: number = maxSequence): TwinEntry | undefined {
  const found = table.find(key, hash32(key, 0, key.length), sequence);
  if (found === 0) return undefined;
  const value = table.bytes.slice(table.valueStartAt(found), table.valueEndAt(found));
  return { key: key.slice(), sequence: table.sequenceAt(found), type: table.typeAt(found), value };
}

export function current(cursor: EntryCursor): TwinEntry | undefined {
  if (!cursor.valid) return undefined;
  return {
    key: cursor.keyBytes.slice(cursor.keyStart, cursor.keyEnd),
    sequence: cursor.sequence,
    type: cursor.type,
    value: cursor.valueBytes.slice(cursor.valueStart, cursor.valueEnd),
  };
}

export function forward(table: Memtable): TwinEntry[] {
  const cursor = table.cursor();
  const entries: TwinEntry[] = [];
  for (cursor.seekToFirst(); cursor.valid; cursor.next()) entries.push(current(cursor)!);
  return entries;
}

export function backward(table: Memtable): TwinEntry[] {
  const cursor = table.cursor();
  const entries: TwinEntry[] = [];
  for (cursor.seekToLast(); cursor.valid; cursor.previous()) entries.push(current(cursor)!);
  return entries;
}
