/** A cluster in words: what an operator reads, from documents alone. */
import type { ChangeReport, ClusterReport, MemberReport, PlanReport, NodeStatus, RingReport } from '@coterie/node';
import { describe, expect, test } from 'vitest';
import { headLine, hintLines, memberLines, ringLines, stateInWords, whereLines } from '../src/command/cluster-lines.ts';
import { begunLines, changeLines, planLines, underWayLines } from '../src/command/plan-lines.ts';
import type { ClusterDocument, WhereDocument } from '../src/http/cluster.ts';
import { clusterWarnings, warningsOf, withNames } from '../src/http/cluster-warnings.ts';

function member(name: string, given: Partial<MemberReport> = {}): MemberReport {
  const places = { zone: '', weight: 1, peer: `${name}:7072`, http: `${name}:7070` };
  const stays = { isJoining: false, isLeaving: false, isLost: false };
  const load = { replicas: 1024, primaries: 341, ideal: 1024, hints: 0, level: 2, isSteward: true };
  return { id: `id-${name}`, name, ...places, isSelf: false, state: 'alive', sinceMs: 5000, ...stays, ...load, ...given };
}

function report(given: Partial<ClusterReport> = {}): ClusterReport {
  const members = [member('a', { isSelf: true }), member('b'), member('c')];
  const counts = { level: 2, partitions: 1024, effectiveN: 3, largestOverIdeal: 1, hints: 0, hintsDelivered: 0 };
  return { clusterId: 'c1', epoch: 7, members, changes: [], leavingWaitsFor: '', isRecovering: false, ...counts, ...given };
}

function documentOf(of: ClusterReport): ClusterDocument {
  const answeredBy = { id: 'id-a', name: 'a', state: 'ready' };
  return { ...of, balance: { largestOverIdeal: 1 }, warnings: clusterWarnings(of), answeredBy };
}

const join: ChangeReport = {
  id: 'change-1',
  kind: 'join',
  member: 'c',
  aims: 'join of c',
  phase: 'dual-write',
  partitions: 700,
  drivenBy: 'c',
  waitingFor: 'id-b, which does not answer (no connection)',
  takingOver: [],
};

/** The warnings of a node that says this of itself. */
function toldBy(said: object): readonly string[] {
  const status = { warnings: [], gossip: {}, forgetting: { waitingFor: [] }, ...said } as unknown as NodeStatus;
  return warningsOf({ status: () => status, cluster: () => report() });
}

describe('warnings', () => {
  test('who holds the level of the cluster back is named', () => {
    const half = { level: 1, members: [member('a'), member('b', { level: 1 }), member('c', { level: 1, isLost: true })] };
    expect(clusterWarnings(report(half))).toContain('The cluster stays at level 1 of its formats until b goes up to more.');
    expect(clusterWarnings(report({ level: 1, members: [member('a', { level: 1 }), member('b', { level: 1 })], effectiveN: 3 }))).toEqual(
      [],
    );
  });

  test('there are none when all is well', () => expect(clusterWarnings(report())).toEqual([]));

  test('name who is down, for how long, and what is kept for it', () => {
    const members = [member('a', { isSelf: true }), member('b', { state: 'dead', sinceMs: 12_000, hints: 4 }), member('c')];
    expect(clusterWarnings(report({ members }))).toEqual([
      'b is down for 12 s. The others take its reads and writes; this node keeps 4 of its writes for it.',
    ]);
  });

  test('say what holds a change up, by names', () => {
    const told = clusterWarnings(withNames(report({ changes: [join] })));
    expect(told).toEqual([expect.stringMatching(/^The join of c does not go on: it waits for b, which does not answer/)]);
    for (const waitingFor of ['', 'id-b to take over what it is to hold']) {
      expect(clusterWarnings(report({ changes: [{ ...join, waitingFor }] }))).toEqual([]);
    }
  });

  test('say that the ring cannot change when most of its stewards are away, and only then', () => {
    const dead = { state: 'dead' } as const;
    const members = [member('a', { isSelf: true }), member('b', dead), member('c', dead)];
    expect(clusterWarnings(report({ members })).at(-1)).toBe(
      'Only 1 of 3 stewards can be reached from here; the ring cannot change until most of them can. If they never will: coterie recover.',
    );
    const [a, ...others] = members;
    const alone = [a, ...others.map((other) => ({ ...other, isSteward: false }))];
    expect(clusterWarnings(report({ members: alone })).join('\n')).not.toContain('stewards');
  });

  test('tell of a store that may lack something, unless it is only joining', () => {
    expect(clusterWarnings(report({ isRecovering: true }))).toHaveLength(1);
    expect(clusterWarnings(report({ isRecovering: true, members: [member('a', { isSelf: true, isJoining: true }), member('b')] }))).toEqual(
      [],
    );
  });

  test('a node that hardly anybody answers says that it may be cut off itself', () => {
    const told = (doubt: number): readonly string[] => toldBy({ gossip: { doubt } });
    expect(told(3)).toEqual([]);
    expect(told(4)).toEqual([expect.stringContaining('may be cut off')]);
  });

  test('name whom forgetting waits for', () => {
    const waitingFor = [{ member: 'n3', reason: 'it is down' }];
    expect(toldBy({ forgetting: { waitingFor } })).toEqual(['Forgetting waits for n3: it is down. Until then tombstones stay.']);
  });

  test('tell of few copies, and of a minority', () => {
    const two = [member('a', { isSelf: true }), member('b', { state: 'dead' })];
    expect(clusterWarnings(report({ members: two, effectiveN: 2 }))).toEqual([
      expect.stringContaining('b is down'),
      expect.stringContaining('Every key has 2 copies'),
      expect.stringContaining('Only 1 of 2 stewards'),
    ]);
  });
});

describe('lines', () => {
  test('states are words', () => {
    expect(
      (['alive', 'suspect', 'dead', 'left'] as const).map((state) => stateInWords({ state, sinceMs: 61_000, isJoining: false })),
    ).toEqual(['up', 'doubtful, 1 min 1 s', 'DOWN, 1 min 1 s', 'left']);
    expect(stateInWords({ state: 'alive', sinceMs: 0, isJoining: true })).toBe('up, joining');
  });

  test('a head says which cluster, and whether to read on', () => {
    expect(headLine(documentOf(report()))).toBe('cluster c1  epoch 7, 3 members, 1024 partitions, 3 copies of every key: all well');
    expect(headLine(documentOf(report({ effectiveN: 1, members: [member('a')] })))).toMatch(/1 member, .* one copy of every key: all well/);
  });

  test('members: the one that was asked is marked, and who was not heard has a dash for its hints', () => {
    const cluster = documentOf(report());
    const heard = [{ member: cluster.members[1] as MemberReport, answer: { node: 'b', epoch: 7, total: 12, delivered: 3, owners: [] } }];
    expect(memberLines(cluster, heard)).toEqual([
      'member  state  weight  copies  ideal  first  hints  steward  HTTP    peer',
      'a *     up          1   1 024  1 024    341      -  yes      a:7070  a:7072',
      'b       up          1   1 024  1 024    341     12  yes      b:7070  b:7072',
      'c       up          1   1 024  1 024    341      -  yes      c:7070  c:7072',
    ]);
  });

  test('a change says its step and what it waits for', () => {
    const of = (changes: ChangeReport[]): ClusterReport => report({ changes });
    expect(changeLines(of([]))).toEqual(['change  none']);
    expect(changeLines(withNames(of([join])))).toEqual([
      'change  join of c, 700 partitions: step 1 of 2, writes go to old and new holders while data is copied',
      '        waits for b, which does not answer (no connection)',
    ]);
    expect(changeLines(of([{ ...join, waitingFor: '' }]))[1]).toBe('        c carries it on; nothing holds it up here');
  });

  test('hints: by whom, for whom, and who was not heard', () => {
    const owners = [{ id: 'id-c', name: 'c', state: 'dead' as const, hints: 5 }];
    const heard = [
      { member: member('a'), answer: { node: 'a', epoch: 7, total: 5, delivered: 2, owners } },
      { member: member('b'), answer: undefined },
    ];
    expect(hintLines(heard)).toEqual([
      'kept by  for  which is  objects',
      'a        c    DOWN            5',
      '2 handed over since the nodes started',
      'not heard: b',
    ]);
  });

  test('a ring is counted by member and place', () => {
    const ring: RingReport = {
      epoch: 7,
      partitions: 2,
      members: [
        { id: '1', name: 'a', http: 'a:1' },
        { id: '2', name: 'b', http: '' },
      ],
      replicas: [[0, 1], [0]],
    };
    expect(ringLines(ring)).toEqual([
      'ring of epoch 7, 2 partitions',
      'member  holder 1  holder 2  copies   share  HTTP',
      'a              2         0       2  66.7 %  a:1',
      'b              0         1       1  33.3 %  -',
    ]);
  });

  test('where: copies that differ are told', () => {
    const preferenceList = ['a', 'b'].map((node) => ({ node, role: 'primary' as const, healthy: true }));
    const at = (node: string, etag?: string): WhereDocument => {
      const here = { node, siblings: 1, isOwner: true, hintFor: [], ...(etag === undefined ? { siblings: 0 } : { etag }) };
      return { bucket: 'cart', key: 'k', token: '00', partition: 1, partitions: 2, preferenceList, here };
    };
    const lines = (b: WhereDocument): string[] =>
      whereLines('cart/k', at('a', '"0123456789"'), [
        { member: member('a'), answer: at('a', '"0123456789"') },
        { member: member('b'), answer: b },
      ]);
    expect(lines(at('b', '"0123456789"'))).toEqual([
      'cart/k has token 00, partition 1 of 2',
      '#  node  role     health   holds',
      '1  a     primary  healthy  1 version 01234567',
      '2  b     primary  healthy  1 version 01234567',
      'all copies are equal',
    ]);
    expect(lines(at('b')).at(-2)).toBe('2  b     primary  healthy  nothing');
    expect(lines(at('b')).at(-1)).toMatch(/^the copies differ/);
  });
});

describe('a plan', () => {
  const nothing: PlanReport = { epoch: 7, staged: [], changes: [], leaving: [], lost: [] };

  test('says what it would move, and to whom', () => {
    const loads = [
      { name: 'a', before: 1024, after: 768, ideal: 768 },
      { name: 'c', before: 1024 },
      { name: 'd', after: 768, ideal: 768 },
    ];
    const preview = { moves: 800, fewestMoves: 768, partitionsChanged: 700, bytesAbout: 5_000_000, loads, advice: ['too few zones'] };
    const plan = 'plan-7c01f3aa-52d0e9b4';
    expect(planLines({ ...nothing, staged: ['join of d', 'leave of c'], plan, preview })).toEqual([
      'staged  join of d',
      '        leave of c',
      '        800 copies move (at the fewest 768), about 4.77 MiB; the lists of 700 partitions change',
      'member  copies now  after  ideal',
      'a            1 024    768    768',
      'c            1 024      -      -',
      'd                -    768    768',
      '  ! too few zones',
      'coterie plan commit plan-7c01f3aa-52d0e9b4   begins it        coterie plan abort   forgets it',
    ]);
    // A node of an older version names none.
    expect(planLines({ ...nothing, staged: ['leave of c'], preview }).at(-1)).toMatch(/^coterie plan commit {3}begins it/);
    expect(planLines(nothing)).toEqual(['staged  nothing']);
    expect(planLines({ ...nothing, staged: ['leave of c'], problem: 'c is not a member' })[1]).toMatch(
      /cannot be committed: c is not a member/,
    );
  });

  test('says where a wish comes from that has waited for long', () => {
    const origins = [{ by: 'b', agoMs: 59_999 }, { by: 'b', agoMs: 10_920_000 }, { agoMs: 61_000 }, {}];
    const staged = ['leave of a', 'leave of c', 'join of d', 'weight 2 of b'];
    expect(planLines({ ...nothing, staged, origins, problem: 'too many' })).toEqual([
      'staged  leave of a',
      '        leave of c   (staged 3 h 2 min ago at b)',
      '        join of d   (staged 1 min 1 s ago)',
      '        weight 2 of b',
      '        cannot be committed: too many',
    ]);
  });

  test('that was begun is told, where the node says it', () => {
    expect(begunLines({ plan: 'plan-7c01f3aa-52d0e9b4', wishes: ['join of d', 'leave of c'] })).toEqual([
      'begun   plan-7c01f3aa-52d0e9b4: join of d and leave of c',
    ]);
    expect(begunLines(undefined)).toEqual([]);
  });

  test('under way is told by every member for itself', () => {
    const intake = { source: 'a', stage: 'streaming', share: 0.5, objects: 1200, bytes: 3_000_000, etaMs: 90_000, trouble: '' } as const;
    const driving = documentOf(report({ changes: [withNames(report({ changes: [join] })).changes[0] as ChangeReport], epoch: 8 }));
    const taking = documentOf(
      report({ changes: [{ ...join, waitingFor: '', takingOver: [intake, { ...intake, source: 'b', trouble: 'b refuses' }] }] }),
    );
    const heard = [
      { member: member('a'), answer: driving },
      { member: member('c'), answer: { ...taking, answeredBy: { id: 'id-c', name: 'c', state: 'ready' } } },
      { member: member('b'), answer: undefined },
    ];
    expect(underWayLines(heard)).toEqual([
      'change  join of c, 700 partitions: step 1 of 2, writes go to old and new holders while data is copied',
      '        waits for b, which does not answer (no connection)',
      '        c from a: 50 %, 1 200 objects, 2.86 MiB, about 1 min 30 s to go',
      '        c from b: 50 %, 1 200 objects, 2.86 MiB, about 1 min 30 s to go; does not go on: b refuses',
      '        coterie plan abort change-1   takes it back',
      'not heard: b',
    ]);
    expect(underWayLines([])).toEqual(['change  nobody could be asked']);
  });

  test('members that go are told with what they wait for', () => {
    const going = [
      member('a'),
      member('b', { isLeaving: true, replicas: 0 }),
      member('c', { isLost: true, state: 'dead', replicas: 12 }),
      member('d', { isLeaving: true, replicas: 0, state: 'dead' }),
    ];
    const one = documentOf(report({ members: going, leavingWaitsFor: '3 objects that it keeps for others to be handed over' }));
    const heard = [{ member: member('b'), answer: { ...one, answeredBy: { id: 'id-b', name: 'b', state: 'ready' } } }];
    expect(underWayLines(heard)).toEqual([
      'leaving b holds no partition any more, waits for 3 objects that it keeps for others to be handed over',
      'lost    c was removed by force; 12 copies are still to be given to others',
      'leaving d holds no partition any more, is down; coterie remove d --force   if it is gone for good',
    ]);
  });
});
