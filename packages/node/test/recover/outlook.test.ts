import { describe, expect, it } from 'vitest';
import { doorName, loneVoterState } from '../../src/cluster/lineage.ts';
import { rulesUpTo } from '../../src/cluster/rules.ts';
import { newestLevel } from '../../src/cluster/level.ts';
import type { ClusterState } from '../../src/cluster/state.ts';
import { lossSentences, outlookOf, whyNotFirst } from '../../src/recover/outlook.ts';
import { stateOfOne } from '../core.ts';

/** Members a to d, and partitions with these holders. */
function stateOf(lists: readonly (readonly number[])[]): ClusterState {
  const alone = stateOfOne(64);
  const [a] = alone.members;
  const [ringMember] = alone.ring.members;
  const ids = ['a', 'b', 'c', 'd'];
  const members = ids.map((name) => ({ ...a, id: `id-${name}`, name, acceptor: `votes of ${name}` }));
  const ring = {
    ...alone.ring,
    partitions: lists.length,
    members: ids.map((name) => ({ ...ringMember, id: `id-${name}` })),
    replicas: lists,
  };
  return {
    ...alone,
    epoch: 217,
    ringEpoch: 200,
    ring,
    members,
    stewards: members.slice(0, 3).map(({ id, acceptor }) => ({ id, acceptor })),
  };
}

const state = stateOf([
  [0, 1, 2],
  [1, 2, 3],
  [3, 1],
  [2, 3, 0],
]);
const known = { state, lineage: 'l', selfId: 'id-a' };

describe('what may be lost', () => {
  it('is counted by partition: no copy left, one copy left', () => {
    const { copies, members } = outlookOf(known, ['b', 'id-d']);
    expect(copies).toEqual({ partitions: 4, here: 2, lost: 1, oneLeft: 1 });
    expect(members.map(({ name, copies: held, isGone, isSteward }) => [name, held, isGone, isSteward])).toEqual([
      ['a', 2, false, true],
      ['b', 3, true, true],
      ['c', 3, false, true],
      ['d', 3, true, false],
    ]);
  });

  it('is said in sentences, with how far this node knows', () => {
    const text = lossSentences(outlookOf(known, ['b', 'd'])).join('\n');
    expect(text).toContain('Without b, d: 1 of 4 partitions have no copy left, and every key in them is lost; 1 have one copy left.');
    expect(text).toContain('What was decided after epoch 217');
    expect(lossSentences(outlookOf(known, [])).join('\n')).toContain('a copy of 2 of 4 partitions. Say who is gone (--gone NAME)');
  });

  it('is not said of nobody, nor of the node itself', () => {
    expect(() => outlookOf(known, ['e'])).toThrow(/e is no member that this node knows; those are a, b, c, d/);
    expect(() => outlookOf(known, ['a'])).toThrow(/a is this node itself/);
  });
});

describe('who can go first', () => {
  it('is a member that does not vote alone already', () => {
    expect(whyNotFirst(known, 'votes of a')).toBeUndefined();
    expect(whyNotFirst({ ...known, selfId: 'id-x' }, 'v')).toMatch(/no member of the cluster any more/);
    expect(whyNotFirst({ ...known, state: { ...state, lost: ['id-a'] } }, 'v')).toMatch(/removed by force/);
    const alone = { ...known, state: { ...state, stewards: [{ id: 'id-a', acceptor: 'votes of a' }] } };
    expect(whyNotFirst(alone, 'votes of a')).toMatch(/votes alone already/);
    // Its seat is of votes that it has no more.
    expect(whyNotFirst(alone, 'other votes')).toBeUndefined();
  });
});

describe('the state with which a lineage begins', () => {
  it('keeps members and holders, gives one seat, and counts as decided anew', () => {
    const next = loneVoterState(state, { id: 'id-c', acceptor: 'new votes of c' });
    expect([next.epoch, next.ringEpoch, next.ring.epoch]).toEqual([2 ** 20, 2 ** 20, 2 ** 20]);
    expect(next.stewards).toEqual([{ id: 'id-c', acceptor: 'new votes of c' }]);
    expect(next.members.map(({ acceptor }) => acceptor)).toEqual(['', '', 'new votes of c', '']);
    expect(next.ring.replicas).toEqual(state.ring.replicas);
    const rules = rulesUpTo(newestLevel);
    expect(rules.decodeState(rules.encodeState(next))).toEqual(next);
  });

  it('has a name of its own at the door, and the first lineage the name of the cluster', () => {
    const named = (lineage: string): string =>
      doorName({ state, digest: () => ({ cluster: state.clusterId, lineage, epoch: 1, hash: '' }) });
    expect([named(state.clusterId), named('l2')]).toEqual([state.clusterId, `${state.clusterId}.l2`]);
  });
});
