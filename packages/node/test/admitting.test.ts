/** Newcomers that ask, and plans that were shown, without a cluster: what is proposed of them, and how often it is planned. */
import { CoterieError } from '@coterie/env';
import { describe, expect, it } from 'vitest';
import type { ClusterLink } from '../src/cluster/link.ts';
import type { ClusterState, Member, Wish } from '../src/cluster/state.ts';
import { Topology } from '../src/topology/topology.ts';
import { stateOf } from './among-peers.ts';
import { World } from './world.ts';

const [anybody] = stateOf(1, [0]).members;

function memberCalled(name: string): Member {
  return { ...(anybody as Member), id: Buffer.from(name.padEnd(8)).toString('hex'), name, peer: `${name}:7072` };
}

/** A ring log in which a proposal comes too late once somebody got in elsewhere. */
class OneByOne {
  state: ClusterState = stateOf(1, [0]);
  elsewhere: Member | undefined;
  /** Names in the joins that were proposed. */
  readonly begun: string[][] = [];
  readonly mintId = (): string => 'id';

  async propose({ wishes }: { readonly wishes: readonly Wish[] }): Promise<void> {
    const members = wishes.flatMap((wish) => (wish.kind === 'join' ? [wish.member] : []));
    this.begun.push(members.map(({ name }) => name));
    const { elsewhere } = this;
    this.elsewhere = undefined;
    const joining = elsewhere === undefined ? members : [elsewhere];
    this.state = { ...this.state, epoch: this.state.epoch + 1, members: [...this.state.members, ...joining] };
    if (elsewhere !== undefined) throw new CoterieError('PRECONDITION_FAILED', 'this was planned for the ring of an earlier epoch');
  }
}

describe('a newcomer that gets in elsewhere while it waits here', () => {
  it('holds up none of those who wait with it', async () => {
    const world = new World(1);
    const link = new OneByOne();
    const topology = new Topology(world.simulation.environment, link as unknown as ClusterLink);
    const ask = (name: string): Promise<string> => topology.admit({ member: memberCalled(name), mode: 'auto' });
    const waiting = ['a', 'b', 'c', 'd'].map(ask);
    expect((await world.run(Promise.allSettled(waiting))).map(({ status }) => status)).toEqual([
      'fulfilled',
      ...Array.from({ length: 3 }, () => 'rejected'),
    ]);
    // They ask again, now together; but the ring log has let c in by another member.
    link.elsewhere = memberCalled('c');
    const { clusterId } = link.state;
    expect(await world.run(Promise.all(['b', 'c', 'd'].map(ask)))).toEqual([clusterId, clusterId, clusterId]);
    expect(link.begun).toEqual([['a'], ['b', 'c', 'd'], ['b', 'd']]);
  });
});

describe('a member that asks to join again', () => {
  it('is one at once, and has it decided only if it is reached elsewhere now', async () => {
    const world = new World(1);
    const proposed: unknown[] = [];
    const state: ClusterState = { ...stateOf(1, [0]), members: [memberCalled('a')] };
    const link = { state, mintId: () => 'id', propose: async (decision: unknown) => void proposed.push(decision) };
    const topology = new Topology(world.simulation.environment, link as unknown as ClusterLink);
    const ask = (member: Member): Promise<string> => world.run(topology.admit({ member, mode: 'staged' }));
    expect([await ask(memberCalled('a')), proposed]).toEqual([state.clusterId, []]);
    const moved = { ...memberCalled('a'), peer: 'elsewhere:7072' };
    expect(await ask(moved)).toBe(state.clusterId);
    expect(proposed).toMatchObject([{ kind: 'member', member: { id: moved.id, peer: 'elsewhere:7072' } }]);
  });
});

describe('a plan that was shown', () => {
  it('is begun as it was shown, and worked out again only for another ring or other wishes', async () => {
    const world = new World(1);
    const { environment } = world.simulation;
    let plans = 0;
    const jobs = Object.create(environment.jobs, {
      start: { value: (...job: Parameters<typeof environment.jobs.start>) => (plans++, environment.jobs.start(...job)) },
    });
    const link = new OneByOne();
    const topology = new Topology({ ...environment, jobs }, link as unknown as ClusterLink);
    const wishes: Wish[] = [{ kind: 'join', member: memberCalled('a') }];
    link.state = { ...link.state, staged: wishes };
    await world.run(topology.preview(wishes));
    await world.run(topology.preview(wishes));
    await world.run(topology.commit());
    expect([plans, link.begun]).toEqual([1, [['a']]]);
    await world.run(topology.preview([{ kind: 'join', member: memberCalled('b') }]));
    await world.run(topology.preview([{ kind: 'join', member: memberCalled('b') }]));
    link.state = { ...link.state, epoch: link.state.epoch + 1 };
    await world.run(topology.preview(wishes));
    expect(plans).toBe(4);
    const impossible: Wish[] = [{ kind: 'leave', id: 'nobody' }];
    for (let i = 0; i < 2; i++) await expect(world.run(topology.preview(impossible))).rejects.toThrow(/nobody/);
    expect(plans).toBe(6);
  });
});
