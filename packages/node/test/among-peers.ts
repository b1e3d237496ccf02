/** A coordinator whose peers are functions: for what cannot be timed among whole nodes. */
import { CoterieError } from '@coterie/env';
import type { ClusterLink } from '../src/cluster/link.ts';
import { Placements } from '../src/cluster/placement.ts';
import type { ClusterState } from '../src/cluster/state.ts';
import type { Core } from '../src/core.ts';
import { Attempt } from '../src/coordinator/deadlines.ts';
import type { HintLedger } from '../src/replica/hint-ledger.ts';
import type { CausalObject } from '../src/objects/object.ts';
import { noPeers, type Peers } from '../src/peers/peers.ts';
import type { Standing } from '../src/coordinator/pursuit.ts';
import { put } from '../src/coordinator/put.ts';
import type { WriteReply } from '../src/api.ts';
import type { Place } from '../src/replica/replica.ts';
import type { Store } from '../src/store/store.ts';
import { makeCore, selfId, stateOfOne } from './core.ts';
import { bytes, text, World } from './world.ts';

export const idOf = (position: number): string => (position === 0 ? selfId : position.toString(16).padStart(16, '0'));

/** A state of so many members in which every partition has this list of holders. */
export function stateOf(members: number, holders: readonly number[], more: Partial<ClusterState> = {}): ClusterState {
  const one = stateOfOne(64);
  const all = Array.from({ length: members }, (_, position) => ({ ...one.members[0]!, id: idOf(position), name: `n${position}` }));
  const ring = {
    ...one.ring,
    members: all.map(({ id, name }) => ({ id, name, weight: 1 })),
    replicas: one.ring.replicas.map(() => holders),
  };
  return { ...one, members: all, ring, ...more };
}

/** Values in an object, sorted. */
function valuesIn(object: CausalObject): string[] {
  return object.set.siblings.map(({ value }) => text(value.value)).sort();
}

/** A node's inside, member 0, with the others made up. */
export class AmongPeers {
  readonly world: World;
  core!: Core;
  hints!: HintLedger;
  state: ClusterState;
  peers: Peers = noPeers;
  standing: (member: string) => Standing = () => 'up';
  /** Whether member 0 cannot vouch for what it lacks. */
  isRecovering = false;
  /** What was merged at whom, in order. */
  readonly merged: { readonly member: string; readonly values: string[] }[] = [];
  /** Whom the ring log was learned from; empty for anybody. */
  readonly learned: (readonly string[])[] = [];

  constructor(state: ClusterState, seed = 1) {
    this.world = new World(seed);
    this.state = state;
  }

  async start(store: (store: Store) => Store = (same) => same): Promise<this> {
    const { core, hints } = await makeCore(this.world);
    this.core = { ...core, store: store(core.store), cluster: this.#link() };
    this.hints = hints;
    return this;
  }

  /** All peers keep what they are given, but for those that `refuse`. */
  keepAll(refuse: (member: string, place: Place) => CoterieError | undefined = () => undefined): this {
    this.peers = {
      ...noPeers,
      merge: (member, place, { object }) => {
        const error = refuse(member, place);
        if (error !== undefined) return Promise.reject(error);
        this.merged.push({ member, values: valuesIn(object) });
        return Promise.resolve(true);
      },
    };
    return this;
  }

  put(value: string, ask: { readonly w?: number; readonly operation?: string; readonly key?: string } = {}): Promise<WriteReply> {
    const { key = 'k', ...rest } = ask;
    const attempt = new Attempt(this.core.environment.clock, 5000);
    return put(this.core, { bucket: 'b', key: bytes(key), value: bytes(value), ...rest }, { attempt, origin: 'client' });
  }

  run<T>(work: Promise<T>): Promise<T> {
    return this.world.run(work);
  }

  #link(): ClusterLink {
    const [stateNow, peersNow] = [(): ClusterState => this.state, (): Peers => this.peers];
    return {
      get state() {
        return stateNow();
      },
      get peers() {
        return peersNow();
      },
      placement: (token, n) => new Placements(this.state).of(token, n),
      failure: undefined,
      standing: (member) => this.standing(member),
      writeStanding: (member) => this.standing(member),
      isRecovering: () => this.isRecovering,
      catchUp: async (from = []) => void this.learned.push(from),
      propose: () => Promise.reject(new CoterieError('TIMEOUT', 'nobody decides here')),
      mintId: () => 'id',
    };
  }
}
