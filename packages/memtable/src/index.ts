export { Memtable } from './memtable.ts';
export type { EntryFields } from './memtable.ts';
