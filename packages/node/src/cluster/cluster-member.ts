/** This node's view of its cluster, over the ring log: who holds what now, and how anything about that is decided. */
import { type Environment, randomHex } from '@coterie/env';
import type { RingLog } from '@coterie/consensus';
import type { Token } from '@coterie/ring';
import type { Peers } from '../peers/peers.ts';
import type { Standing } from '../coordinator/pursuit.ts';
import type { Recovery } from '../transfer/recovery.ts';
import type { StoreVerdict } from '../store/store-health.ts';
import { type Decision, decide } from './decisions.ts';
import type { ClusterLink } from './link.ts';
import { type KeyPlacement, Placements } from './placement.ts';
import { encodeDecision } from './rules.ts';
import { type ClusterState, isBarred } from './state.ts';

/** What a view is made of. */
export interface ClusterMemberParts {
  readonly environment: Environment;
  readonly selfId: string;
  readonly ringLog: RingLog<ClusterState>;
  readonly peers: Peers;
  readonly recovery: Recovery;
  /** How another member is thought to be. */
  standing(member: string): Standing;
  /** How far a member's store can be relied on for writes. */
  storeOf(member: string): StoreVerdict;
}

/** How long a decision may take. */
const decisionMs = 10_000;
/** Members asked for what they know. */
const askedMax = 5;

/** A member among the others. */
export class ClusterMember implements ClusterLink {
  readonly peers: Peers;
  readonly #parts: ClusterMemberParts;
  #placements: Placements;
  #learning: Promise<void> | undefined;

  constructor(parts: ClusterMemberParts) {
    this.#parts = parts;
    this.peers = parts.peers;
    this.#placements = new Placements(parts.ringLog.state);
  }

  get state(): ClusterState {
    return this.#parts.ringLog.state;
  }

  get failure(): Error | undefined {
    return this.#parts.ringLog.failure;
  }

  placement(token: Token, n: number): KeyPlacement {
    const { state } = this;
    if (this.#placements.state !== state) this.#placements = new Placements(state);
    return this.#placements.of(token, n);
  }

  standing(member: string): Standing {
    if (member === this.#parts.selfId) return 'up';
    return isBarred(this.state, member) ? 'down' : this.#parts.standing(member);
  }

  writeStanding(member: string): Standing {
    return this.#parts.storeOf(member) === 'well' ? this.standing(member) : 'down';
  }

  isRecovering(partition: number): boolean {
    return this.#parts.recovery.isRecoveringIn(partition, this.state.ring.partitions);
  }

  catchUp(from: readonly string[] = []): Promise<void> {
    const running = this.#learning;
    const others = from.filter((id) => id !== this.#parts.selfId);
    if (running === undefined || others.length === 0) return this.#learnFrom(others);
    const { epoch } = this.state;
    // What runs may be asking members who know no more than this node.
    return running.then(() => (this.state.epoch > epoch ? undefined : this.#learnFrom(others)));
  }

  async propose(decision: Decision, objection?: (state: ClusterState) => string | undefined): Promise<ClusterState> {
    // Asked here first, for the typed refusal; what others decide meanwhile may still refuse it.
    decide(this.state, decision);
    return this.#parts.ringLog.propose(encodeDecision(decision, this.state.level), { timeoutMs: decisionMs, objection });
  }

  mintId(): string {
    return randomHex(this.#parts.environment.random, 8);
  }

  /** What runs already, or else what is begun now. */
  #learnFrom(from: readonly string[]): Promise<void> {
    this.#learning ??= this.#learn(from.length > 0 ? from : this.#anyOthers()).finally(() => {
      this.#learning = undefined;
    });
    return this.#learning;
  }

  #anyOthers(): readonly string[] {
    const others = this.state.members.map(({ id }) => id).filter((id) => id !== this.#parts.selfId && this.standing(id) !== 'down');
    if (others.length === 0) return [];
    const first = this.#parts.environment.random.u32() % others.length;
    return [...others.slice(first), ...others.slice(0, first)];
  }

  async #learn(from: readonly string[]): Promise<void> {
    const { ringLog, environment } = this.#parts;
    if (from.length === 0) return;
    try {
      await ringLog.catchUp(from.slice(0, askedMax));
    } catch (error) {
      environment.log.warn('could not learn what the cluster has decided', { reason: String(error) });
    }
  }
}
