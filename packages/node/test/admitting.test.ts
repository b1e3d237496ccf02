/** Newcomers that ask, and plans that were shown, without a cluster: what is proposed of them, and how often it is planned. */
import { CoterieError } from '@coterie/env';
import { describe, expect, it } from 'vitest';
import { decide, type Decision } from '../src/cluster/decisions.ts';
import type { ClusterLink } from '../src/cluster/link.ts';
import type { ClusterState, Member, Wish } from '../src/cluster/state.ts';
import { planWishes } from '../src/cluster/plan.ts';
import { nameOfPlan, showPlanName } from '../src/topology/plan-name.ts';
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

describe('a node that waits for a commit', () => {
  it('may do so under the name of a member, whose place it can be given, and not with an id that is gone', async () => {
    const world = new World(1);
    const link = new Contested();
    const topology = new Topology(world.simulation.environment, link as unknown as ClusterLink);
    const ask = (member: Member): Promise<string> => world.run(topology.admit({ member, mode: 'staged' }));
    await expect(ask(memberCalled('n1'))).rejects.toMatchObject({ code: 'NOT_READY' });
    const [{ id }] = link.state.members as [Member];
    const replace: Wish = { kind: 'replace', id, by: memberCalled('n1'), isLost: true };
    await expect(world.run(topology.stage(replace))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    const named = link.state.members.find(({ name }) => name === 'n1') as Member;
    await world.run(topology.stage({ ...replace, id: named.id }));
    expect(link.state.staged).toMatchObject([{ ...replace, id: named.id }]);
    const gone = memberCalled('gone');
    link.state = { ...link.state, former: [{ id: gone.id, name: 'gone', epoch: 1, how: 'left' }] };
    await expect(ask(gone)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(link.state.staged).toHaveLength(1);
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

/** A ring log in which others have their say while something of this node is on its way. */
class Contested {
  state: ClusterState = stateOf(5, [0, 1, 2]);
  /** What is decided just before the next proposals, one for each. */
  readonly before: Decision[] = [];
  readonly begun: (readonly Wish[])[] = [];
  /** What was decided elsewhere, and is heard of by whoever catches up. */
  readonly unheard: Decision[] = [];
  readonly mintId = (): string => 'id';

  async catchUp(): Promise<void> {
    for (const decision of this.unheard.splice(0)) this.state = decide(this.state, decision);
  }

  async propose(decision: Decision, objection?: (state: ClusterState) => string | undefined): Promise<void> {
    const first = this.before.shift();
    if (first !== undefined) this.state = decide(this.state, first);
    const objected = objection?.(this.state);
    if (objected !== undefined) throw new CoterieError('PRECONDITION_FAILED', objected);
    this.state = decide(this.state, decision);
    if (decision.kind === 'begin') this.begun.push(decision.wishes);
  }
}

describe('a commit that others come before', () => {
  const [one, other] = stateOf(5, [0, 1, 2]).members as [Member, Member];
  const leave: Wish = { kind: 'leave', id: one.id };
  const stage = (wish: Wish): Decision => ({ kind: 'stage', id: 'stage', wish });
  const setUp = (): { world: World; link: Contested; topology: Topology } => {
    const world = new World(1);
    const link = new Contested();
    link.state = decide(link.state, stage(leave));
    return { world, link, topology: new Topology(world.simulation.environment, link as unknown as ClusterLink) };
  };
  const nameNow = async ({ world, link, topology }: ReturnType<typeof setUp>): Promise<string> =>
    showPlanName(nameOfPlan(link.state.staged, await world.run(topology.preview(link.state.staged))));

  it('begins nothing by name once anything else is staged, and leaves that staged', async () => {
    const all = setUp();
    const name = await nameNow(all);
    all.link.before.push(stage({ kind: 'leave', id: other.id }));
    const refusal = { code: 'PRECONDITION_FAILED', message: expect.stringMatching(/now: leave of n0, leave of n1/) };
    await expect(all.world.run(all.topology.commit(name))).rejects.toMatchObject(refusal);
    expect([all.link.begun, all.link.state.staged.length]).toEqual([[], 2]);
  });

  it('begins nothing by name that was taken back, or that another operator has begun', async () => {
    for (const first of [{ kind: 'unstage', id: 'u' } as const, undefined]) {
      const all = setUp();
      const name = await nameNow(all);
      if (first === undefined) await all.world.run(all.topology.commit());
      else all.link.before.push(first);
      const known = all.link.begun.length;
      await expect(all.world.run(all.topology.commit(name))).rejects.toMatchObject({
        code: 'PRECONDITION_FAILED',
        message: expect.stringMatching(/nothing is staged any more/),
      });
      expect(all.link.begun.length).toBe(known);
    }
  });

  it('begins nothing by name when the ring has changed so that other copies would move', async () => {
    const all = setUp();
    const name = await nameNow(all);
    const wishes: Wish[] = [{ kind: 'leave', id: other.id }];
    all.link.before.push({ kind: 'begin', id: 'change-other', wishes, ...planWishes(all.link.state, wishes) });
    await expect(all.world.run(all.topology.commit(name))).rejects.toMatchObject({
      code: 'PRECONDITION_FAILED',
      message: expect.stringMatching(/the same is staged, but the ring has changed/),
    });
    expect(all.link.begun).toEqual([]);
  });

  it('begins what it names though an address changed meanwhile', async () => {
    const all = setUp();
    const name = await nameNow(all);
    const { id, http, acceptor } = other;
    all.link.before.push({ kind: 'member', id: 'm', member: { id, peer: 'elsewhere:1', http, acceptor } });
    expect(await all.world.run(all.topology.commit(name))).toEqual({ plan: name, wishes: [leave] });
    expect([all.link.begun, all.link.state.staged]).toEqual([[[leave]], []]);
  });

  it('begins what was staged and shown at another member, and is news here', async () => {
    const all = setUp();
    const name = await nameNow(all);
    for (const named of [name, undefined]) {
      all.link.state = { ...stateOf(5, [0, 1, 2]), epoch: 7 };
      all.link.unheard.push(stage(leave));
      expect(await all.world.run(all.topology.commit(named))).toEqual({ plan: name, wishes: [leave] });
    }
    expect(all.link.begun).toEqual([[leave], [leave]]);
  });

  it('without a name begins all that is staged by then, and forgets none of it', async () => {
    const all = setUp();
    const weight: Wish = { kind: 'weight', id: other.id, weight: 2 };
    all.link.state = decide(all.link.state, stage(weight));
    const heavier: Wish = { ...weight, weight: 4 };
    all.link.before.push(stage(heavier));
    await all.world.run(all.topology.commit());
    expect([all.link.begun, all.link.state.staged]).toEqual([[[leave, heavier]], []]);
  });

  it('gives up when something else is staged every time', async () => {
    const all = setUp();
    for (let weight = 1; weight <= 9; weight++) all.link.before.push(stage({ kind: 'weight', id: other.id, weight }));
    await expect(all.world.run(all.topology.commit())).rejects.toMatchObject({ code: 'NOT_READY' });
    expect([all.link.begun, all.link.before.length]).toEqual([[], 4]);
  });
});
