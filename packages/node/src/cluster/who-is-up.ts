/**
 * Who is up, as routing wants to know it: gossip's answer, in the coordinator's terms. Down changes whom a request goes
 * to, never who owns what.
 */
import type { GossipService } from '@coterie/gossip';
import type { Standing } from '../pursuit.ts';

/** A member's state and since when. */
export interface MemberHealth {
  readonly state: 'alive' | 'suspect' | 'dead' | 'left';
  readonly sinceMs: number;
}

/** This node's view of the others' health. */
export class WhoIsUp {
  readonly #selfId: string;
  #gossip: GossipService | undefined;

  constructor(selfId: string) {
    this.#selfId = selfId;
  }

  /** From now on gossip says who is up; before, everybody is taken for up. */
  follow(gossip: GossipService): void {
    this.#gossip = gossip;
  }

  /** How this member is thought to be. One whom gossip has not met yet may be worth a try. */
  standing(id: string): Standing {
    if (id === this.#selfId || this.#gossip === undefined) return 'up';
    const state = this.#gossip.member(id)?.state ?? 'suspect';
    return state === 'alive' ? 'up' : state === 'suspect' ? 'doubtful' : 'down';
  }

  /** The member's state in gossip's words. */
  describe(id: string): MemberHealth {
    if (id === this.#selfId) return { state: 'alive', sinceMs: 0 };
    const status = this.#gossip?.member(id);
    return status === undefined ? { state: 'suspect', sinceMs: 0 } : { state: status.state, sinceMs: status.forMs };
  }

  /** A real request to a member failed, or was answered. */
  evidence(id: string, outcome: 'failed' | 'answered'): void {
    this.#gossip?.evidence(id, outcome);
  }
}
