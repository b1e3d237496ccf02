/** A history against a dumb twin that applies everything from the beginning: shortening changes nothing that shows. */
import { SeededRandom } from '@coterie/simulator';
import { describe, expect, it } from 'vitest';
import { type DecidedRecord, foundationHash, idsMax, recordHash } from '../src/chain.ts';
import { History, type HistoryLimits } from '../src/history.ts';
import type { Decision } from '../src/index.ts';
import { act, type Team, teamRules } from './team.ts';

const identity = { cluster: 'c', lineage: 'c' };
const first: Team = { stewards: [{ node: 'n1', incarnation: 'i' }], words: [] };

function begin(limits: HistoryLimits): History<Team> {
  const state = teamRules.encodeState(first);
  return History.from({ rules: teamRules, limits, identity, base: { epoch: 1, hash: foundationHash(identity, 1, state), ids: [], state } });
}

/** Decides one more epoch. */
function extend(history: History<Team>, decision: Decision): DecidedRecord {
  const record = { epoch: history.epoch + 1, previous: history.hash, decision };
  const verdict = history.judge(record);
  if (verdict.kind !== 'next') throw new Error(`it is ${verdict.kind}`);
  history.append(record, verdict);
  return record;
}

describe('a history', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])('that is shortened again and again stays the same (seed %i)', (seed) => {
    const random = new SeededRandom(seed);
    const limits = { recordsMax: 2 + random.below(20), bytesMax: 50 + random.below(1500) };
    const twin = begin({ recordsMax: 1e9, bytesMax: 1e9 });
    let history = begin(limits);
    for (let i = 0; i < 150; i++) {
      const decision = act(`d${i}`, { word: `w${i}`, padding: 'x'.repeat(random.below(60)) });
      expect(extend(history, decision)).toEqual(extend(twin, decision));
      if (history.isLong && random.chance(0.8)) history = history.shortened();
      expect(history.end).toEqual(twin.end);
      expect(history.state).toEqual(twin.state);
      const past = 1 + random.below(history.epoch);
      expect([undefined, twin.hashAt(past)]).toContain(history.hashAt(past));
      expect(history.epochOf(`d${past}`)).toBe(twin.epochOf(`d${past}`));
      if (random.chance(0.1)) expectSame(reread(history, limits), twin);
    }
    expect(history.base.epoch).toBeGreaterThan(50);
    expect(history.records.length).toBeLessThan(2 * limits.recordsMax + 10);
  });

  it('pages from anywhere to its end', () => {
    const history = begin({ recordsMax: 1000, bytesMax: 1e9 });
    for (let i = 0; i < 700; i++) extend(history, act(`d${i}`, { padding: 'x'.repeat(i % 3 === 0 ? 5000 : 0) }));
    for (const from of [0, 1, 2, 350, 700, 701, 900]) {
      let epoch = from;
      for (let page = history.pageAfter(epoch); page.snapshot !== undefined || page.records.length > 0; page = history.pageAfter(epoch)) {
        expect(page.records.at(0)?.epoch ?? epoch + 1).toBe((page.snapshot?.epoch ?? epoch) + 1);
        epoch = page.records.at(-1)?.epoch ?? page.snapshot?.epoch ?? epoch;
        expect(page.end).toEqual(history.end);
      }
      expect(epoch).toBe(Math.max(from, history.epoch));
    }
  });

  it('judges what comes: known, next, missing something, or of another history', () => {
    const history = begin({ recordsMax: 100, bytesMax: 1e9 });
    const old = extend(history, act('a', { word: 'a' }));
    const record = { epoch: 3, previous: history.hash, decision: act('b', { word: 'b' }) };
    expect(history.judge(old).kind).toBe('known');
    expect(history.judge(record)).toMatchObject({ kind: 'next', hash: recordHash(record), state: { words: ['a', 'b'] } });
    expect(history.judge({ ...record, epoch: 4 }).kind).toBe('gap');
    expect(history.judge({ ...record, previous: old.previous }).kind).toBe('split');
    expect(history.judge({ ...old, decision: record.decision }).kind).toBe('split');
    expect(() => history.judge({ ...record, decision: act('c', { word: 'a' }) })).toThrow(expect.objectContaining({ code: 'CORRUPTION' }));
    expect(history.state.words).toEqual(['a']);
  });

  it('applies an id once, and remembers the last 1024', () => {
    const history = begin({ recordsMax: 1e9, bytesMax: 1e9 });
    extend(history, act('once', { word: 'once' }));
    extend(history, act('once', { word: 'twice' }));
    expect(history.state.words).toEqual(['once']);
    expect(history.epochOf('once')).toBe(2);
    for (let i = 0; i < idsMax; i++) extend(history, act(`d${i}`, {}));
    expect(history.epochOf('once')).toBeUndefined();
    expect(history.epochOf('d0')).toBe(4);
  });
});

/** The same history as a file would give it back. */
function reread(history: History<Team>, limits: HistoryLimits): History<Team> {
  const copy = History.from({ rules: teamRules, limits, identity, base: history.base });
  for (const { decision } of history.records) extend(copy, decision);
  return copy;
}

function expectSame(history: History<Team>, twin: History<Team>): void {
  expect(history.end).toEqual(twin.end);
  expect(history.state).toEqual(twin.state);
}
