/** A repair that is asked for: the request, and the table for people. */
import type { RepairReport } from '@coterie/node';
import { describe, expect, test } from 'vitest';
import { repairLines } from '../src/command/repair.ts';
import type { Exchange } from '../src/http/exchange.ts';
import { type RepairDocument, runRepair } from '../src/http/repair.ts';

const report: RepairReport = {
  member: 'b2',
  partitions: 64,
  differing: 1200,
  sent: 1000,
  fetched: 200,
  mended: 0,
  trips: 9,
  bytes: 12_345,
  unequal: 0,
  proven: true,
};

async function ask(query: string): Promise<{ readonly asked: unknown; readonly document: unknown }> {
  let [asked, document]: unknown[] = [];
  const node = {
    repair: (request: unknown) => {
      asked = request;
      return Promise.resolve([report]);
    },
    cluster: () => ({ members: [{ id: 'b2', name: 'n2' }] }),
    status: () => ({ name: 'n1' }),
  };
  const exchange = {
    query,
    service: { node },
    answerJson: (_status: number, value: unknown) => {
      document = value;
    },
  };
  await runRepair(exchange as unknown as Exchange);
  return { asked, document };
}

describe('POST /v1/repair', () => {
  test('names the members, and proves and hurries only when told', async () => {
    expect(await ask('')).toEqual({
      asked: { prove: false, hurry: false },
      document: { node: 'n1', repairs: [{ ...report, name: 'n2' }] },
    });
    expect((await ask('prove')).asked).toEqual({ prove: true, hurry: false });
    expect((await ask('hurry')).asked).toEqual({ prove: false, hurry: true });
    expect((await ask('prove&hurry')).asked).toEqual({ prove: true, hurry: true });
    await expect(ask('prove=no')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(ask('hurry=1')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(ask('proof')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});

describe('coterie repair', () => {
  test('shows a row for each pair, and what is proven', () => {
    const documents: RepairDocument[] = [
      { node: 'n1', repairs: [{ ...report, name: 'n2' }] },
      { node: 'n2', repairs: [{ ...report, name: 'n1', differing: 0, sent: 0, fetched: 0, proven: false, unequal: 2 }] },
    ];
    expect(repairLines(documents)).toEqual([
      'member  with  partitions  differed   sent  fetched  equal',
      'n1      n2            64     1 200  1 000      200  proven',
      'n2      n1            64         0      0        0  no',
    ]);
    expect(repairLines([{ node: 'alone', repairs: [] }])).toEqual(['no two members hold the same keys']);
  });
});
