/** Changes of the ring over HTTP: shapes are checked at the door, and what is wished reaches the node as it was said. */
import { CoterieError } from '@coterie/env';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Door, ask, openDoor } from './double/door.ts';

let door: Door;
beforeEach(async () => {
  door = await openDoor();
});
afterEach(() => door.server.destroy());

const headers = { 'content-type': 'application/json' };
const post = (path: string, body: unknown): ReturnType<typeof ask> => ask(door, `POST ${path}`, { headers, body: JSON.stringify(body) });

function outdated(message: string): CoterieError {
  return new CoterieError('PRECONDITION_FAILED', message, { details: { mayHaveTakenEffect: false } });
}

describe('wishes', () => {
  test.each([
    { kind: 'leave', member: 'n3' },
    { kind: 'join', member: 'n6' },
    { kind: 'weight', member: 'n3', weight: 4 },
    { kind: 'replace', member: 'n3', by: 'n6' },
    { kind: 'replace', member: 'n3', by: 'n6', force: true },
  ])('are staged and begun as they were said: %j', async (wish) => {
    const staged = await post('/v1/plan', wish);
    expect([staged.status, staged.json()]).toEqual([200, { epoch: 1, staged: [], changes: [], leaving: [], lost: [] }]);
    expect((await post('/v1/change', wish)).status).toBe(200);
    expect(door.node.wished).toEqual([
      ['stage', wish],
      ['begin', wish],
    ]);
  });

  test.each([
    [{ kind: 'leave' }, /member/],
    [{ kind: 'leave', member: 'n3', weight: 2 }, /weight/],
    [{ kind: 'weight', member: 'n3', weight: 0 }, /weight/],
    [{ kind: 'vanish', member: 'n3' }, /kind/],
    [[], /body|kind/],
  ])('of no known shape are refused by name, and reach nobody: %j', async (wish, told) => {
    const refused = await post('/v1/plan', wish);
    expect([refused.status, refused.json()['code']]).toEqual([400, 'INVALID_ARGUMENT']);
    expect(String(refused.json()['detail'])).toMatch(told);
    expect(door.node.wished).toEqual([]);
  });

  test('come as JSON, and not as anything else', async () => {
    expect((await ask(door, 'POST /v1/plan', { body: '{}' })).status).toBe(415);
    expect((await ask(door, 'POST /v1/plan', { headers, body: '{' })).json()['detail']).toMatch(/not JSON/);
    expect((await ask(door, 'DELETE /v1/plan')).status).toBe(405);
    expect((await ask(door, 'GET /v1/change')).status).toBe(405);
  });
});

describe('a plan', () => {
  test('is shown, committed and taken back', async () => {
    expect((await ask(door, 'GET /v1/plan')).json()).toMatchObject({ staged: [], changes: [] });
    const begun = await post('/v1/plan/commit', { plan: 'plan-7c01f3aa-52d0e9b4' });
    expect([begun.status, begun.json()]).toMatchObject([
      200,
      { epoch: 1, staged: [], begun: { plan: 'plan-7c01f3aa-52d0e9b4', wishes: ['leave of n3'] } },
    ]);
    expect((await post('/v1/plan/commit', {})).status).toBe(200);
    expect((await ask(door, 'POST /v1/plan/commit')).status).toBe(200);
    expect((await post('/v1/plan/abort', {})).status).toBe(200);
    expect((await post('/v1/plan/abort', { change: 'change-7' })).status).toBe(200);
    expect(door.node.wished).toEqual([
      ['commit', 'plan-7c01f3aa-52d0e9b4'],
      ['commit', undefined],
      ['commit', undefined],
      ['abort', undefined],
      ['abort', 'change-7'],
    ]);
  });

  test('is not begun when it is another by now, and the answer says which', async () => {
    const detail = 'plan-1 is not begun: what is staged has changed, and is now: leave of n3';
    const topology = { ...door.node.topology, commit: () => Promise.reject(outdated(detail)) };
    Object.defineProperty(door.node, 'topology', { value: topology });
    const refused = await post('/v1/plan/commit', { plan: 'plan-1' });
    expect([refused.status, refused.json()]).toMatchObject([
      412,
      { code: 'PRECONDITION_FAILED', detail, retryable: false, mayHaveTakenEffect: false },
    ]);
  });

  test.each([[{ plan: '' }], [{ plan: 7 }], [{ name: 'plan-1' }], ['plan-1']])(
    'is named as it should be, or nothing is begun: %j',
    async (body) => {
      const refused = await post('/v1/plan/commit', body);
      expect([refused.status, refused.json()['code']]).toEqual([400, 'INVALID_ARGUMENT']);
      expect(door.node.wished).toEqual([]);
    },
  );
});

describe('a removal', () => {
  test('says what is lost, and needs force', async () => {
    expect((await ask(door, 'GET /v1/losses?member=n3')).json()).toMatchObject({ member: 'n3', sentences: ['Everything is lost.'] });
    expect((await ask(door, 'GET /v1/losses')).json()['detail']).toMatch(/name the member/);
    expect((await post('/v1/remove', { member: 'n3' })).status).toBe(400);
    expect(door.node.wished).toEqual([]);
    expect((await post('/v1/remove', { member: 'n3', force: true })).json()).toMatchObject({ heldByNobodyElse: 1 });
    expect(door.node.wished).toEqual([['remove', 'n3']]);
  });
});
