/**
 * Who is up, as routing wants to know it: gossip's answer, in the coordinator's terms. Down changes whom a request goes
 * to, never who owns what.
 */
import type { GossipService } from '@coterie/gossip';
import type { Standing } from '../coordinator/pursuit.ts';
import type { StoreVerdict } from '../store/store-health.ts';

/** A member's state and since when. */
export interface MemberHealth {
  readonly state: 'alive' | 'suspect' | 'dead' | 'left';
  readonly sinceMs: number;
}

/** Under this name a profile says that its store is not well; one without it says that it is. */
const storeExtension = 'store';

/** This node's view of the others' health. */
export class WhoIsUp {
  readonly #selfId: string;
  #gossip: GossipService | undefined;
  #own: StoreVerdict = 'well';

  constructor(selfId: string) {
    this.#selfId = selfId;
  }

  /** From now on gossip says who is up; before, everybody is taken for up. */
  follow(gossip: GossipService): void {
    this.#gossip = gossip;
    if (this.#own !== 'well') this.announce(this.#own);
  }

  /** Tells all how far this member's own store can be relied on for writes. */
  announce(verdict: StoreVerdict): void {
    this.#own = verdict;
    this.#gossip?.revise({ extensions: new Map(verdict === 'well' ? [] : [[storeExtension, verdict]]) });
  }

  /** How far a member says that its store can be relied on for writes. */
  storeOf(id: string): StoreVerdict {
    if (id === this.#selfId) return this.#own;
    const told = this.#gossip?.member(id)?.profile.extensions.get(storeExtension);
    return told === 'slow' || told === 'refuses' ? told : 'well';
  }

  /** How this member is thought to be. One whom gossip has not met yet may be worth a try. */
  standing(id: string): Standing {
    if (id === this.#selfId || this.#gossip === undefined) return 'up';
    const state = this.#gossip.stateOf(id) ?? 'suspect';
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
