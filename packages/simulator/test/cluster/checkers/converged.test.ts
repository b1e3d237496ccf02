import type { ChangeReport, ClusterReport, ForgettingReport, MemberReport, NodeStatus } from '@coterie/node';
import { describe, expect, it } from 'vitest';
import { apartnessOf, hasForgotten, type NamedCopy, type NodeView, restConditions } from '../../../src/cluster/checkers/converged.ts';

interface Parts {
  readonly epoch?: number;
  readonly state?: NodeStatus['state'];
  readonly member?: Partial<MemberReport>;
  readonly cluster?: Partial<ClusterReport>;
  readonly forgetting?: Partial<ForgettingReport>;
}

/** A node that is well but for these. */
function node({ epoch = 7, state = 'ready', member = {}, cluster = {}, forgetting = {} }: Parts = {}): NodeView {
  const members = [{ name: 'n1', state: 'alive', isLeaving: false, isLost: false, ...member }];
  return {
    epoch,
    status: () => ({ state, forgetting: { tombstones: 0, expired: 0, ...forgetting } }) as unknown as NodeStatus,
    cluster: () => ({ members, changes: [], isRecovering: false, hints: 0, ...cluster }) as unknown as ClusterReport,
  };
}

/** What has not come about. */
function missing(members: readonly (NodeView | undefined)[]): string[] {
  return restConditions.filter(({ holds }) => !holds(members)).map(({ what }) => what);
}

describe('P5: the cluster comes to rest', () => {
  it('passes when every node runs, sees all, is whole and keeps nothing for others', () => {
    expect(missing([node(), node()])).toEqual([]);
  });

  it.each<[string, Parts]>([
    ['every node runs', { state: 'read-only' }],
    ['every node sees every other alive', { member: { state: 'suspect' } }],
    ['every change of the ring comes to its end', { cluster: { changes: [{} as ChangeReport] } }],
    ['every change of the ring comes to its end', { member: { isLeaving: true } }],
    ['every change of the ring comes to its end', { member: { isLost: true } }],
    ['every change of the ring comes to its end', { epoch: 6 }],
    ['no node recovers any more', { cluster: { isRecovering: true } }],
    ['all hints are handed over', { cluster: { hints: 1 } }],
  ])('rejects it when it does not come about that %s', (what, odd) => {
    expect(missing([node(), node(odd)])).toEqual([what]);
  });

  it('rejects a member that does not run', () => {
    expect(missing([node(), undefined])).toContain('every node runs');
  });
});

describe('P2: what is deleted is forgotten', () => {
  it('passes when nobody holds a tombstone or an expired value any more', () => {
    expect(hasForgotten([node(), node({ forgetting: { expiring: 3 } })])).toBe(true);
  });

  it.each([{ tombstones: 1 }, { expired: 1 }])('rejects a member with %o', (forgetting) => {
    expect(hasForgotten([node(), node({ forgetting })])).toBe(false);
  });
});

describe('P5: copies become equal', () => {
  const copy = (name: string, etag: string | undefined, parts: Partial<NamedCopy['copy']> = {}): NamedCopy => ({
    name,
    copy: { isOwner: true, hintFor: [], ...(etag === undefined ? {} : { etag }), ...parts },
  });

  it('passes equal copies, whatever those hold who own none', () => {
    expect(apartnessOf([copy('n1', 'a'), copy('n2', 'a'), copy('n3', 'b', { isOwner: false })])).toBeUndefined();
    expect(apartnessOf([copy('n1', undefined), copy('n2', undefined)])).toBeUndefined();
  });

  it('rejects copies that differ or are missing, and what is kept for others', () => {
    expect(apartnessOf([copy('n1', 'a'), copy('n2', 'b')])).toBe('n1 a hints for [], n2 b hints for []');
    expect(apartnessOf([copy('n1', 'a'), copy('n2', undefined)])).toContain('n2 nothing');
    expect(apartnessOf([copy('n1', 'a'), copy('n2', 'a', { hintFor: ['n3'] })])).toContain('hints for [n3]');
  });
});
