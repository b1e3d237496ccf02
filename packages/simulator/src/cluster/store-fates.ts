/**
 * What became of the stores that acknowledged writes, and so which writes may be lost by promise P1: those whose every
 * counted store has lost them since. Pure; members are named by their ids.
 *
 * ```
 *   write w=2, counted at A and B     A ruined: B holds it     A whole again: both hold it     B ruined: A holds it
 *                                     A ruined, B removed by force before A is whole: it may be lost, and only it
 * ```
 *
 * - A store that is ruined loses what it acknowledged before, but for what a backup brings back.
 * - An owner that is whole again holds what another owner holds. What only a stand-in keeps may be there still.
 * - When the ring changes, who comes to own a partition has what any of its stores holds, and who owned it may have dropped it.
 * - A stand-in hands what it keeps to the owner for whom it does, and drops it, nobody knows when: it is relied on until either is ruined.
 */

/** Something that befalls a store, or that it gets over; or a ring that comes about. */
export type StoreFate =
  | {
      readonly kind: 'ruined';
      readonly member: string;
      readonly atMs: number;
      /** What it acknowledged until then, it gets back. */
      readonly savedMs: number;
      /** The node itself does not know yet. */
      readonly isHidden: boolean;
    }
  /** It vouches for what it lacks again. */
  | { readonly kind: 'whole'; readonly member: string; readonly atMs: number }
  /** No part of the cluster any more, with all that it ever acknowledged alone. */
  | { readonly kind: 'removed'; readonly member: string; readonly atMs: number; readonly statement: RemovalStatement }
  | { readonly kind: 'ring'; readonly atMs: number /** By partition. */; readonly owners: readonly (readonly string[])[] };

/** What is said before a member is removed by force. */
export interface RemovalStatement {
  /** Members that hold copies with this one and do not vouch for theirs: what only they share with it is lost as well. */
  readonly beside: readonly string[];
}

/** A store that a reply counted. */
export interface Counted {
  readonly store: string;
  readonly isPrimary: boolean;
  readonly standsFor?: string | undefined;
}

/** A write's acknowledgement, by whoever coordinated it. */
export interface Acknowledgement {
  readonly atMs: number;
  readonly stores: readonly Counted[];
}

/** What is known of one write. */
export interface WriteFate {
  readonly partition: number;
  readonly begunMs: number;
  readonly acknowledgements: readonly Acknowledgement[];
}

/**
 * From when on a write may be lost; Infinity if never. A store that was ruined while the write was on its way may have
 * lost it, whenever its answer came.
 */
export function mayBeLostFrom(write: WriteFate, fates: readonly StoreFate[]): number {
  if (write.acknowledgements.length === 0) return Infinity;
  const holding = new Holding(write);
  for (const fate of fates) {
    holding.bear(fate);
    if (holding.isEmpty) return fate.atMs;
  }
  return Infinity;
}

/**
 * From when on none of the owners that acknowledged a write may hold it; Infinity if never. What only a stand-in keeps then
 * is not lost, and not promised to reads that ask owners.
 */
export function mayBeMissedFrom(write: WriteFate, fates: readonly StoreFate[]): number {
  const byOwners = write.acknowledgements.map(({ atMs, stores }) => ({ atMs, stores: stores.filter(({ isPrimary }) => isPrimary) }));
  return mayBeLostFrom({ ...write, acknowledgements: byOwners }, fates);
}

/**
 * The member whose removal took the last copy of a write, though the operator was not told that it could; undefined if
 * all is as was said: that what it alone acknowledged is lost, or kept for others, and what it shares with members beside
 * it that do not vouch. Nobody can say what a file lost that nobody has looked at.
 */
export function unannouncedLoss(write: WriteFate, fates: readonly StoreFate[]): string | undefined {
  const lostMs = mayBeLostFrom(write, fates);
  const last = fates.find(({ kind, atMs }) => kind === 'removed' && atMs === lostMs);
  if (last?.kind !== 'removed') return undefined;
  const owners = fates.slice(0, fates.indexOf(last)).findLast(({ kind }) => kind === 'ring');
  if (owners?.kind !== 'ring' || !owners.owners[write.partition].includes(last.member)) return undefined;
  const counted = write.acknowledgements.flatMap(({ stores }) => stores.map(({ store }) => store));
  const others = owners.owners[write.partition].filter((owner) => owner !== last.member && counted.includes(owner));
  const hidden = new Set(fates.flatMap((fate) => (fate.kind === 'ruined' && fate.isHidden ? [fate.member] : [])));
  return others.every((owner) => last.statement.beside.includes(owner) || hidden.has(owner)) ? undefined : last.member;
}

/** Who holds a write, from fate to fate. */
class Holding {
  readonly #write: WriteFate;
  readonly #doneMs: number;
  readonly #holders: Set<string>;
  readonly #standIns = new Map<string, string>();
  readonly #doubted = new Set<string>();
  #owners: readonly string[];

  constructor(write: WriteFate) {
    const counted = write.acknowledgements.flatMap(({ stores }) => stores);
    this.#write = write;
    this.#doneMs = Math.max(...write.acknowledgements.map(({ atMs }) => atMs));
    this.#owners = counted.flatMap(({ store, isPrimary }) => (isPrimary ? [store] : []));
    this.#holders = new Set(counted.flatMap(({ store, standsFor }) => (standsFor === undefined ? [store] : [])));
    for (const { store, standsFor } of counted) if (standsFor !== undefined) this.#standIns.set(store, standsFor);
  }

  get isEmpty(): boolean {
    return this.#holders.size + this.#standIns.size === 0;
  }

  bear(fate: StoreFate): void {
    switch (fate.kind) {
      case 'ring':
        return this.#own(fate.owners[this.#write.partition], fate.atMs);
      case 'whole':
        this.#doubted.delete(fate.member);
        // Before the write was there, nobody could take it over.
        if (fate.atMs >= this.#doneMs && this.#owners.includes(fate.member) && this.#isAmongOwners) this.#holders.add(fate.member);
        return;
      case 'removed':
        return this.#forget(fate.member);
      default:
        this.#doubted.add(fate.member);
        if (this.#write.begunMs < fate.atMs && !this.#isSaved(fate)) this.#forget(fate.member);
    }
  }

  get #isAmongOwners(): boolean {
    return this.#owners.some((owner) => this.#holders.has(owner));
  }

  #own(owners: readonly string[], atMs: number): void {
    const isHeld = atMs >= this.#doneMs && !this.isEmpty;
    const former = new Set(this.#owners);
    this.#owners = owners;
    if (!isHeld) return;
    const isAmongHolders = this.#holders.size > 0;
    for (const holder of [...this.#holders]) if (!owners.includes(holder)) this.#holders.delete(holder);
    for (const owner of owners) if (isAmongHolders && !former.has(owner) && !this.#doubted.has(owner)) this.#holders.add(owner);
    for (const [standIn, owner] of this.#standIns) if (former.has(owner) && !owners.includes(owner)) this.#standIns.delete(standIn);
  }

  #forget(member: string): void {
    this.#holders.delete(member);
    for (const [standIn, owner] of this.#standIns) if (standIn === member || owner === member) this.#standIns.delete(standIn);
  }

  #isSaved({ member, savedMs }: Extract<StoreFate, { kind: 'ruined' }>): boolean {
    return this.#write.acknowledgements.some(({ atMs, stores }) => atMs <= savedMs && stores.some(({ store }) => store === member));
  }
}
