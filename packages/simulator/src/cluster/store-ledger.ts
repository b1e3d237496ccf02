/** Writes down who acknowledged which write, and what befalls stores; says of each write from when on it may be lost. */
import type { WriteWitness } from '@coterie/node';
import { begunMs, type Write } from './history.ts';
import {
  type Acknowledgement,
  mayBeLostFrom,
  mayBeMissedFrom,
  type RemovalStatement,
  type StoreFate,
  unannouncedLoss,
  type WriteFate,
} from './store-fates.ts';

/** What a write's client calls it: its number, in the form of an operation id. */
export function operationOf(id: number): string {
  return `00000000-0000-4000-8000-${id.toString(16).padStart(12, '0')}`;
}

/** The books of one run. */
export class StoreLedger {
  readonly #nowMs: () => number;
  readonly #acknowledged = new Map<string, Acknowledgement[]>();
  readonly #fates: StoreFate[] = [];
  #partitionOf: (bucket: string, key: string) => number = () => 0;
  #befell = false;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** What nodes are given to tell whom their replies count. */
  get witness(): WriteWitness {
    return (operation, stores) => {
      const known = this.#acknowledged.get(operation);
      const acknowledgement = { atMs: this.#nowMs(), stores };
      if (known === undefined) this.#acknowledged.set(operation, [acknowledgement]);
      else known.push(acknowledgement);
    };
  }

  /** Where the keys of the run lie. */
  place(partitionOf: (bucket: string, key: string) => number): void {
    this.#partitionOf = partitionOf;
  }

  /** A ring has come about: the ids of who is to have each partition. */
  ring(owners: readonly (readonly string[])[]): void {
    this.#fates.push({ kind: 'ring', atMs: this.#nowMs(), owners });
  }

  /** A store lost what it acknowledged after `savedMs`; by default all that it ever did. */
  ruined(member: string, { savedMs = -Infinity, isHidden = false }: { readonly savedMs?: number; readonly isHidden?: boolean } = {}): void {
    this.#befell = true;
    this.#fates.push({ kind: 'ruined', member, atMs: this.#nowMs(), savedMs, isHidden });
  }

  whole(member: string): void {
    this.#fates.push({ kind: 'whole', member, atMs: this.#nowMs() });
  }

  removed(member: string, statement: RemovalStatement): void {
    this.#befell = true;
    this.#fates.push({ kind: 'removed', member, atMs: this.#nowMs(), statement });
  }

  /** From when on a write may be lost; Infinity if never. */
  mayBeLostFrom(write: Write): number {
    return this.#befell ? mayBeLostFrom(this.#fateOf(write), this.#fates) : Infinity;
  }

  /** From when on no owner that acknowledged a write may hold it; Infinity if never. */
  mayBeMissedFrom(write: Write): number {
    return this.#befell ? mayBeMissedFrom(this.#fateOf(write), this.#fates) : Infinity;
  }

  /** Sentences about those of these lost writes that went with a member, though its removal had not been said to cost them. */
  unannounced(writes: readonly Write[]): string[] {
    return writes.flatMap((write) => {
      const member = unannouncedLoss(this.#fateOf(write), this.#fates);
      return member === undefined ? [] : [`the removal of ${member} took write #${write.id}, and nobody had been told that it could`];
    });
  }

  #fateOf(write: Write): WriteFate {
    const partition = this.#partitionOf(write.bucket, write.key);
    return { partition, begunMs: begunMs(write), acknowledgements: this.#acknowledged.get(operationOf(write.id)) ?? [] };
  }
}
