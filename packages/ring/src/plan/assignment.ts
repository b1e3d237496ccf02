/**
 * Who holds which partition, while a plan is being made: the only thing that the planner changes in place.
 *
 * ```
 *   holders  │ p0: a b c │ p1: b c - │ p2: …      k slots a partition, filled from the left; order means nothing here
 *   held[b]  │ p0 p1 …                            the same, by member
 *   original │ p0: a b d │ …                      who has a partition's data today: a replica of anybody else is a move
 * ```
 */
import { assert } from '@coterie/env';
import type { SpreadRule } from './spread.ts';

/** What an assignment begins with. */
export interface AssignmentStart {
  readonly rule: SpreadRule;
  readonly members: number;
  /** Replicas that each partition shall have. */
  readonly copies: number;
  /** By partition, the members that have its data. */
  readonly original: readonly (readonly number[])[];
}

/** A plan in the making: nobody holds anything at first. */
export class Assignment {
  readonly partitions: number;
  readonly copies: number;
  readonly original: readonly (readonly number[])[];
  readonly held: readonly number[][];
  readonly #rule: SpreadRule;
  readonly #holders: Int32Array;
  readonly #counts: Uint8Array;
  /** How many of a partition's holders have its data today. */
  readonly #keeping: Uint8Array;
  /** Where in `held` of its member each slot stands. */
  readonly #places: Int32Array;
  readonly #range = { start: 0, end: 0 };

  constructor({ rule, members, copies, original }: AssignmentStart) {
    this.partitions = original.length;
    this.copies = copies;
    this.original = original;
    this.held = Array.from({ length: members }, () => []);
    this.#rule = rule;
    this.#holders = new Int32Array(this.partitions * copies).fill(-1);
    this.#counts = new Uint8Array(this.partitions);
    this.#keeping = new Uint8Array(this.partitions);
    this.#places = new Int32Array(this.partitions * copies);
  }

  /** Replicas that the partition has so far. */
  countOf(partition: number): number {
    return this.#counts[partition];
  }

  /** The member in one of the partition's slots, in [0, countOf). */
  holderAt(partition: number, slot: number): number {
    return this.#holders[partition * this.copies + slot];
  }

  /** The members that hold the partition. */
  holdersOf(partition: number): number[] {
    const start = partition * this.copies;
    return [...this.#holders.subarray(start, start + this.#counts[partition])];
  }

  /** Replicas of a member. */
  loadOf(member: number): number {
    return this.held[member].length;
  }

  /** Replicas by member. */
  loads(): Int32Array {
    return Int32Array.from(this.held, (partitions) => partitions.length);
  }

  /** Whether the member holds the partition. */
  holds(partition: number, member: number): boolean {
    return this.#slotOf(partition, member) >= 0;
  }

  /** Whether the member has the partition's data today. */
  isOriginal(partition: number, member: number): boolean {
    return this.original[partition].includes(member);
  }

  /** Whether all holders have the partition's data today. */
  isUnmoved(partition: number): boolean {
    return this.#keeping[partition] === this.#counts[partition];
  }

  /** Whether everybody who has the partition's data today holds it. */
  isKept(partition: number): boolean {
    return this.#keeping[partition] === this.original[partition].length;
  }

  /** Whether the partition has room for the member, and the zones allow it. */
  canAdd(partition: number, member: number): boolean {
    return this.#counts[partition] < this.copies && this.#admits(partition, -1, member);
  }

  /** Whether `to` can hold the partition in place of `from`, who does. */
  canSwap(partition: number, from: number, to: number): boolean {
    return this.#admits(partition, from, to);
  }

  #admits(partition: number, without: number, added: number): boolean {
    if (this.holds(partition, added)) return false;
    this.#range.start = partition * this.copies;
    this.#range.end = this.#range.start + this.#counts[partition];
    return this.#rule.admits(this.#holders, this.#range, without, added);
  }

  /** Gives the member a replica of the partition, which it can take. */
  add(partition: number, member: number): void {
    const slot = partition * this.copies + this.#counts[partition];
    assert(this.#counts[partition] < this.copies, 'a partition has a free slot');
    this.#counts[partition]++;
    this.#put(slot, partition, member);
  }

  /** Puts `to` in the place of `from`. */
  swap(partition: number, from: number, to: number): void {
    const slot = partition * this.copies + this.#slotOf(partition, from);
    if (this.isOriginal(partition, from)) this.#keeping[partition]--;
    this.#take(slot, from);
    this.#put(slot, partition, to);
  }

  #put(slot: number, partition: number, member: number): void {
    this.#holders[slot] = member;
    if (this.isOriginal(partition, member)) this.#keeping[partition]++;
    this.#places[slot] = this.held[member].length;
    this.held[member].push(partition);
  }

  /** Takes a slot's entry out of its member's list by moving the last one into its place. */
  #take(slot: number, member: number): void {
    const list = this.held[member];
    const last = list[list.length - 1];
    const place = this.#places[slot];
    list[place] = last;
    list.length--;
    this.#places[last * this.copies + this.#slotOf(last, member)] = place;
  }

  #slotOf(partition: number, member: number): number {
    const start = partition * this.copies;
    const end = start + this.#counts[partition];
    for (let slot = start; slot < end; slot++) if (this.#holders[slot] === member) return slot - start;
    return -1;
  }
}

/** Replicas that somebody must copy: those of members that do not have the data today. */
export function movesOf(assignment: Assignment): number {
  let moves = 0;
  for (let partition = 0; partition < assignment.partitions; partition++) {
    if (assignment.isUnmoved(partition)) continue;
    for (const member of assignment.holdersOf(partition)) if (!assignment.isOriginal(partition, member)) moves++;
  }
  return moves;
}
