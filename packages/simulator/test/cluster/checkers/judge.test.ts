/** Every checker passes what is right, and rejects what it is there to reject. */
import { describe, expect, it } from 'vitest';
import { judge, type History, type Rule, type Terms } from '../../../src/cluster/index.ts';
import { acknowledged, history, read, refused, remove, silent, write } from './histories.ts';

const terms: Terms = { buckets: [{ name: 'b', properties: {}, asks: 'any' }], timeoutMs: 5000, wasWell: () => true };
const lastWriteWins: Terms = { ...terms, buckets: [{ name: 'b', properties: { conflict: 'lww' }, asks: 'any' }] };

function rules(of: History, by: Terms = terms): Rule[] {
  return judge(of, by).map(({ rule }) => rule);
}

describe('P1: what was acknowledged stays', () => {
  it('passes a value that is there, replaced by one who had seen it, or deleted by one who had', () => {
    expect(rules(history([write(0), write(1)], [0, 1]))).toEqual([]);
    expect(rules(history([write(0), write(1, { seen: [0] }), write(2, { seen: [1] })], [2]))).toEqual([]);
    expect(rules(history([write(0), remove(1, { seen: [0] })], []))).toEqual([]);
    expect(rules(history([write(0), remove(1, { replacesFound: true })], []))).toEqual([]);
    expect(rules(history([write(0), write(1, { seen: [0], attempts: [silent(10)] })], [1]))).toEqual([]);
  });

  it('rejects a value that is gone', () => {
    expect(rules(history([write(0), write(1)], [1]))).toEqual(['P1']);
  });

  it('rejects one whose only replacer is gone too, was refused for certain, or came before it', () => {
    expect(rules(history([write(0), write(1, { seen: [0] })], []))).toEqual(['P1', 'P1']);
    expect(rules(history([write(0), write(1, { seen: [0], attempts: [refused(10, false)] })], []))).toEqual(['P1']);
    expect(rules(history([remove(0, { replacesFound: true }), write(1)], []))).toEqual(['P1']);
  });

  it('asks nothing of a write that nobody acknowledged', () => {
    expect(rules(history([write(0, { attempts: [refused(0, true)] }), write(1, { attempts: [silent(10)] })], []))).toEqual([]);
  });
});

describe('P4 and P2: siblings are concurrent, once each, and what is replaced stays so', () => {
  it('rejects a value beside one whose author had seen it, however indirectly', () => {
    const writes = [write(0), write(1, { seen: [0] }), write(2, { seen: [1] })];
    expect(rules(history(writes, [2], [read(100, [0, 2])]))).toEqual(['P4']);
  });

  it('rejects a value that stands there twice', () => {
    expect(rules(history([write(0)], [0], [read(100, [0, 0])]))).toEqual(['P4']);
  });

  it('rejects a value that comes back after a delete, or after a write that is itself gone', () => {
    expect(rules(history([write(0), remove(1, { seen: [0] })], [0]))).toEqual(['P2']);
    expect(rules(history([write(0), write(1, { seen: [0] }), remove(2, { seen: [1] })], [0]))).toEqual(['P4', 'P2']);
  });

  it('bears a second copy of a write that two coordinators may have taken, until all have heard of it', () => {
    const twice = write(0, { attempts: [silent(0), acknowledged(5)] });
    const writes = [twice, write(1, { seen: [0] })];
    expect(rules(history(writes, [1], [read(100, [0, 1])]))).toEqual([]);
    expect(rules(history(writes, [0, 1]))).toEqual(['P4']);
    expect(rules(history([twice, remove(1, { seen: [0] })], [0]))).toEqual(['P2']);
  });
});

describe('P6: replies and refusals are true', () => {
  it('rejects an acknowledgement that reached less than was asked', () => {
    const few = (reached: { primaries: number; fallbacks: number; synced: number }): History =>
      history([write(0, { ask: { w: 2, pw: 1 }, attempts: [acknowledged(0, 1, reached)] })], [0]);
    expect(rules(few({ primaries: 1, fallbacks: 1, synced: 2 }))).toEqual([]);
    expect(rules(few({ primaries: 1, fallbacks: 0, synced: 2 }))).toEqual(['P6']);
    expect(rules(few({ primaries: 0, fallbacks: 2, synced: 2 }))).toEqual(['P6']);
    expect(rules(few({ primaries: 2, fallbacks: 0, synced: 1 }))).toEqual(['P6']);
  });

  it('rejects a value that was refused for certain, that nobody wrote, or that is yet to be written', () => {
    expect(rules(history([write(0, { attempts: [refused(0, false)] })], [], [read(100, [0])]))).toEqual(['P6']);
    expect(rules(history([], [7]))).toEqual(['P6']);
    expect(rules(history([write(50)], [50], [read(100, [50])]))).toEqual(['P6']);
    expect(rules(history([write(0, { attempts: [refused(0, true)] })], [0], [read(100, [0])]))).toEqual([]);
  });
});

describe('P7: strict reads meet strict writes', () => {
  const strict = { w: 2, pw: 2 };

  it('rejects one that misses an acknowledged write, or shows what it had replaced', () => {
    const writes = [write(0, { ask: strict }), write(1, { ask: strict, seen: [0] })];
    expect(rules(history(writes, [1], [read(100, [1], 2)]))).toEqual([]);
    expect(rules(history(writes, [1], [read(5, [0], 2)]))).toEqual([]);
    expect(rules(history(writes, [1], [read(100, [], 2)]))).toEqual(['P7', 'P7']);
    expect(rules(history(writes, [1], [read(100, [0], 2)]))).toEqual(['P7', 'P7']);
    expect(rules(history([writes[0], remove(1, { ask: strict, seen: [0] })], [], [read(100, [0], 2)]))).toEqual(['P7']);
  });

  it('bears it from when on no owner that acknowledged may hold the write', () => {
    const missable = (missedMs: number): Terms => ({ ...terms, missedFrom: () => missedMs });
    const writes = [write(0, { ask: strict })];
    expect(rules(history(writes, [0], [read(100, [], 2)]), missable(100))).toEqual([]);
    expect(rules(history(writes, [0], [read(100, [], 2)]), missable(102))).toEqual(['P7']);
  });

  it('asks nothing where the numbers do not add up', () => {
    expect(rules(history([write(0, { ask: strict })], [0], [read(100, [], 1)]))).toEqual([]);
    expect(rules(history([write(0, { ask: { w: 2, pw: 1 } })], [0], [read(100, [], 2)]))).toEqual([]);
  });
});

describe('P3: a write that asks little is taken', () => {
  const little = (attempt: ReturnType<typeof refused>): History => history([write(0, { ask: { w: 1, pw: 0 }, attempts: [attempt] })], []);

  it('rejects a refusal or silence of a node that was well', () => {
    expect(rules(little(refused(0, true, 'QUORUM_NOT_MET')))).toEqual(['P3']);
    expect(rules(little(silent(0)))).toEqual(['P3']);
  });

  it('bears it of one that was not, at a limit, or in too little time', () => {
    expect(rules(little(silent(0)), { ...terms, wasWell: () => false })).toEqual([]);
    expect(rules(little(refused(0, false, 'OVERLOADED')))).toEqual([]);
    expect(rules(little(silent(0)), { ...terms, timeoutMs: 500 })).toEqual([]);
  });
});

describe('lww: the causally last value stays', () => {
  it('rejects several values, a value that was replaced, and nothing where nobody deleted', () => {
    const writes = [write(0), write(1, { seen: [0] })];
    expect(rules(history(writes, [1]), lastWriteWins)).toEqual([]);
    expect(rules(history([write(0), write(1)], [0]), lastWriteWins)).toEqual([]);
    expect(rules(history(writes, [0]), lastWriteWins)).toEqual(['lww']);
    expect(rules(history(writes, []), lastWriteWins)).toEqual(['lww']);
    expect(rules(history(writes, [1], [read(100, [0, 1])]), lastWriteWins)).toEqual(['lww']);
  });
});
