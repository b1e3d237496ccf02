/** What the operations of a node need of the cluster around it: who holds what, who is up, and a way to ask them. */
import type { Token } from '@coterie/ring';
import type { Peers } from '../peers/peers.ts';
import type { Standing } from '../coordinator/pursuit.ts';
import type { Decision } from './decisions.ts';
import type { KeyPlacement } from './placement.ts';
import type { ClusterState } from './state.ts';

/** A node's view of its cluster. */
export interface ClusterLink {
  /** As of the newest epoch that this node knows. */
  readonly state: ClusterState;
  readonly peers: Peers;
  /** Why this node learns and votes nothing more until it is started again; undefined while it does. */
  readonly failure: Error | undefined;
  /** The stores of the key with this token when `n` copies are wanted. */
  placement(token: Token, n: number): KeyPlacement;
  /** How this member is thought to be. */
  standing(member: string): Standing;
  /** The same, for writes: a member whose store does not take them, or only slowly, is down. */
  writeStanding(member: string): Standing;
  /** Whether this store cannot vouch for what it lacks in this partition. */
  isRecovering(partition: number): boolean;
  /**
   * Learns what others have decided; resolves when somebody reachable had nothing more to add, or nobody could be asked.
   * `from`: members that have shown that they know more; they alone are asked then.
   */
  catchUp(from?: readonly string[]): Promise<void>;
  /**
   * Has the cluster decide this; resolves with a state that has it. `objection`: why it is not to follow a state, asked of
   * every state that it would follow. @throws what `decide` refuses with, `PRECONDITION_FAILED`, `TIMEOUT`, `QUORUM_NOT_MET`
   */
  propose(decision: Decision, objection?: (state: ClusterState) => string | undefined): Promise<ClusterState>;
  /** A new decision id. */
  mintId(): string;
}
