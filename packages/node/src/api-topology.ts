/** What a node offers to operators of the ring: wishes by name, plans before they are begun, and what is under way. */

/** A wish of an operator. Members are named by name or id. */
export type RingWish =
  | { readonly kind: 'leave'; readonly member: string }
  | { readonly kind: 'weight'; readonly member: string; readonly weight: number }
  /** `by`: a node that waits with `join: staged`. `force`: the old one is dead for good, and nothing is awaited from it. */
  | { readonly kind: 'replace'; readonly member: string; readonly by: string; readonly force?: boolean }
  /** Lets a node in that waits with `join: staged`. */
  | { readonly kind: 'join'; readonly member: string };

/** What this node takes over from one holder in a change. */
export interface IntakeReport {
  /** Name of the holder. */
  readonly source: string;
  readonly stage: 'streaming' | 'comparing' | 'done';
  /** Of the partitions to take over, the part that is there: 0 to 1. */
  readonly share: number;
  readonly objects: number;
  readonly bytes: number;
  /** About how long it takes from now on at the pace so far; absent where nothing can be said. */
  readonly etaMs?: number;
  /** Why it does not go on; empty while it does. */
  readonly trouble: string;
}

/** A change of the ring that is under way. */
export interface ChangeReport {
  readonly id: string;
  readonly kind: 'join' | 'leave' | 'remove' | 'replace' | 'weight';
  /** Name of the member it is about: the first, where it is about several. */
  readonly member: string;
  /** All that it is for, in words: `join of n4 and leave of n2`. */
  readonly aims: string;
  readonly phase: 'dual-write' | 'read-new' | 'undoing';
  readonly partitions: number;
  /** Name of the member that takes it from phase to phase; absent while none of them is up. */
  readonly drivenBy?: string;
  /** Why it is not moving, as this node sees it; empty when nothing holds it up here. */
  readonly waitingFor: string;
  /** What this node takes over for it. */
  readonly takingOver: readonly IntakeReport[];
}

/** One member before and after a plan. */
export interface PlannedLoad {
  readonly name: string;
  /** Partitions held; absent where it is no member. */
  readonly before?: number;
  readonly after?: number;
  /** What its weight asks for afterwards. */
  readonly ideal?: number;
}

/** Where a staged wish comes from. What a version before did not write down is absent. */
export interface WishOrigin {
  /** Name of the member that an operator asked; absent for the wish of a node that waits to be let in. */
  readonly by?: string;
  /** How long ago, as far as the clocks of two members agree. */
  readonly agoMs?: number;
}

/** What is staged, and what committing it would do. */
export interface PlanReport {
  readonly epoch: number;
  /** In words, in the order in which they were staged. */
  readonly staged: readonly string[];
  /** Where they come from, in the same order; a node of an older version does not say it. */
  readonly origins?: readonly WishOrigin[];
  /**
   * Names what is staged and what committing it would do, wherever it is asked for: `plan-7c01f3aa-52d0e9b4`. Another one as
   * soon as anything else is staged, or the ring has changed so that other copies would move. Absent where `preview` is.
   */
  readonly plan?: string;
  /** Why it cannot be committed now; absent when it can, or nothing is staged. */
  readonly problem?: string;
  /** Absent when nothing is staged, or it cannot be planned. */
  readonly preview?: {
    readonly moves: number;
    /** No plan with such even loads has fewer. */
    readonly fewestMoves: number;
    readonly partitionsChanged: number;
    /** About how much will travel, by what this node's store has. */
    readonly bytesAbout: number;
    readonly loads: readonly PlannedLoad[];
    readonly advice: readonly string[];
  };
  readonly changes: readonly ChangeReport[];
  readonly leaving: readonly string[];
  readonly lost: readonly string[];
}

/** What a commit has begun. */
export interface BegunReport {
  /** Name of the plan, as it was in the plan that was shown. */
  readonly plan: string;
  /** In words. */
  readonly wishes: readonly string[];
}

/** What would be lost with a member that is removed by force. */
export interface LossReport {
  readonly member: string;
  readonly state: 'alive' | 'suspect' | 'dead' | 'left';
  /** Partitions of which it holds a copy. */
  readonly partitions: number;
  /** Those of which no other holder is up: all their data is lost unless one comes back. */
  readonly heldByNobodyElse: number;
  /** Members that hold copies with it and do not vouch for theirs: they are down, or take back what they lost themselves. */
  readonly unsure: readonly string[];
  /** Their ids, in the same order. */
  readonly unsureIds: readonly string[];
  /** What an operator has to know before. */
  readonly sentences: readonly string[];
}

/** Changes of the ring on purpose. Any member can be asked; one that is being removed by force, or is a member no more, answers `NOT_READY` to all but `plan`. */
export interface RingChanges {
  /** What is staged, what it would do, and what is under way. */
  plan(): Promise<PlanReport>;
  /** The wish waits for a commit. @throws `INVALID_ARGUMENT` for one that can never be begun; what a change under way is in the way of may wait */
  stage(wish: RingWish): Promise<void>;
  /**
   * All that is staged is begun together. `plan`: the name of the plan that was shown; nothing but that is begun.
   * @throws `PRECONDITION_FAILED` when something else is staged, or would move, than that plan says, `INVALID_ARGUMENT`;
   * `NOT_READY` where another change is in the way
   */
  commit(plan?: string): Promise<BegunReport>;
  /** Takes back a change under way; without an id the oldest, and if there is none, what is staged. @throws `INVALID_ARGUMENT` when there is nothing */
  abort(change?: string): Promise<'change' | 'staged'>;
  /** The wish is begun at once, by itself. @throws as `commit` */
  begin(wish: RingWish): Promise<void>;
  /** What would be lost with a member. @throws `INVALID_ARGUMENT` */
  losses(member: string): Promise<LossReport>;
  /** Declares a member dead for good: it has no say and is not waited for, and what it held is given to others. @throws `INVALID_ARGUMENT` for one that is up */
  remove(member: string): Promise<void>;
}
