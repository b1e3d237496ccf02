/** The decisions, as values: health, budget, route, retry, pages. */
import { errorCodes, type ErrorCode } from '@coterie/env';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { afterChoice, afterFailure, afterSuccess, type Health, isUsable, penaltyAt, trusted } from '../src/endpoint-health.ts';
import type { Failure } from '../src/failure.ts';
import { pagesOf } from '../src/pages.ts';
import { decideRetry, type Situation, weightOf } from '../src/retry.ts';
import { RetryBudget } from '../src/retry-budget.ts';
import { chooseEndpoint } from '../src/route.ts';

const failed = (health: Health, now: number, weight = 2): Health => afterFailure(health, weight, { startedAt: now, now });

describe('health', () => {
  it('shuns after a failure for five seconds, then lets one probe through', () => {
    const health = failed(trusted, 1000);
    expect([isUsable(health, 1000), isUsable(health, 5999), isUsable(health, 6001)]).toEqual([false, false, true]);
    const probed = afterChoice(health, 6001);
    expect([isUsable(probed, 6002), isUsable(probed, 9001)]).toEqual([false, true]);
    expect(isUsable(afterSuccess(probed, { startedAt: 6001, now: 6010 }), 6010)).toBe(true);
  });

  it('shuns longer with each failure in a row, up to twenty seconds', () => {
    let health: Health = trusted;
    let now = 0;
    const shunnedMs: number[] = [];
    for (let i = 0; i < 8; i++) {
      health = failed(health, now);
      const from = now;
      while (!isUsable(health, now)) now += 100;
      shunnedMs.push(now - from);
    }
    expect(shunnedMs[1]).toBeGreaterThan(shunnedMs[0]);
    for (const ms of shunnedMs) expect(ms).toBeLessThanOrEqual(20_100);
    expect(failed({ penalty: 16, at: 0, probedUntil: 0 }, 0).penalty).toBe(16);
  });

  it('is usable after an answer, however bad it was, and worse off than one that never failed', () => {
    const answered = afterSuccess({ penalty: 16, at: 0, probedUntil: 0 }, { startedAt: 0, now: 1 });
    expect(isUsable(answered, 1)).toBe(true);
    expect(failed(answered, 1).penalty).toBeGreaterThan(failed(trusted, 1).penalty);
  });

  it('takes many requests that fail together for one failure, and old news for none', () => {
    const once = failed(trusted, 100);
    expect(afterFailure(once, 2, { startedAt: 50, now: 110 })).toBe(once);
    expect(afterSuccess(once, { startedAt: 50, now: 110 })).toBe(once);
  });

  it('stays in its range and loses its penalty with time, whatever happens', () => {
    const event = fc.record({
      kind: fc.constantFrom('fail', 'succeed', 'choose'),
      afterMs: fc.nat(20_000),
      weight: fc.double({ min: 0, max: 4, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (events) => {
        let health: Health = trusted;
        let now = 0;
        for (const { kind, afterMs, weight } of events) {
          now += afterMs;
          if (kind === 'fail') health = failed(health, now, weight);
          else if (kind === 'succeed') health = afterSuccess(health, { startedAt: now, now });
          else health = afterChoice(health, now);
          expect(penaltyAt(health, now)).toBeGreaterThanOrEqual(0);
          expect(penaltyAt(health, now)).toBeLessThanOrEqual(16);
          expect(penaltyAt(health, now + 1)).toBeLessThanOrEqual(penaltyAt(health, now));
          if (kind === 'succeed') expect(isUsable(health, now)).toBe(true);
        }
        expect(isUsable(health, now + 25_000)).toBe(true);
      }),
    );
  });
});

describe('the retry budget', () => {
  const options = { retryRatio: 0.1, retriesPerSecond: 10, retryBurst: 50 };

  it('never grants more than burst, ratio and reserve together', () => {
    const event = fc.record({ requests: fc.nat(50), retries: fc.nat(50), afterMs: fc.nat(1000) });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 50 }), (events) => {
        const budget = new RetryBudget(options, 0);
        let [now, requests, granted] = [0, 0, 0];
        for (const one of events) {
          now += one.afterMs;
          requests += one.requests;
          for (let i = 0; i < one.requests; i++) budget.deposit();
          for (let i = 0; i < one.retries; i++) granted += budget.withdraw(now) ? 1 : 0;
          expect(granted).toBeLessThanOrEqual(
            options.retryBurst + options.retryRatio * requests + (options.retriesPerSecond * now) / 1000 + 1e-6,
          );
        }
      }),
    );
  });

  it('grants again after time has passed, or requests were made', () => {
    const budget = new RetryBudget({ ...options, retryBurst: 1 }, 0);
    expect([budget.withdraw(0), budget.withdraw(0), budget.withdraw(100), budget.withdraw(100)]).toEqual([true, false, true, false]);
    for (let i = 0; i < 11; i++) budget.deposit();
    expect([budget.withdraw(100), budget.withdraw(100)]).toEqual([true, false]);
  });

  it('gives nothing back when time runs backwards', () => {
    const budget = new RetryBudget({ ...options, retryBurst: 1 }, 1000);
    expect([budget.withdraw(1000), budget.withdraw(0)]).toEqual([true, false]);
  });
});

describe('the choice of an endpoint', () => {
  const letters = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];

  it('visits each endpoint once a round, usable ones first, each kind in its order', () => {
    const names = fc.uniqueArray(fc.constantFrom(...letters), { minLength: 1 });
    fc.assert(
      fc.property(names, fc.nat(), fc.subarray(letters), fc.nat(8), (all, start, usable, holderCount) => {
        const holders = all.slice(0, holderCount);
        const tried: string[] = [];
        for (;;) {
          const next = chooseEndpoint({ holders, all, start }, tried, (endpoint) => usable.includes(endpoint));
          if (next === undefined) break;
          tried.push(next);
        }
        expect([...tried].sort()).toEqual([...all].sort());
        const firstUnusable = tried.findIndex((endpoint) => !usable.includes(endpoint));
        if (firstUnusable >= 0) expect(tried.slice(firstUnusable).some((endpoint) => usable.includes(endpoint))).toBe(false);
        const usableHolders = holders.filter((endpoint) => usable.includes(endpoint));
        expect(tried.slice(0, usableHolders.length)).toEqual(usableHolders);
      }),
    );
  });
});

describe('the decision to retry', () => {
  const failure = fc.record({
    code: fc.constantFrom(...(Object.keys(errorCodes) as ErrorCode[])),
    detail: fc.constant(''),
    retryable: fc.boolean(),
    mayHaveTakenEffect: fc.boolean(),
    from: fc.constantFrom('answer' as const, 'transport' as const),
    retryAfterMs: fc.nat(5000),
    stale: fc.boolean(),
  }) satisfies fc.Arbitrary<Failure>;
  const situation: fc.Arbitrary<Situation> = fc.record({
    failure,
    repetition: fc.constantFrom('freely' as const, 'if-unsent' as const),
    tries: fc.integer({ min: 1, max: 10 }),
    triesMax: fc.constant(5),
    hasOther: fc.boolean(),
    rounds: fc.nat(10),
    remainingMs: fc.integer({ min: -10, max: 10_000 }),
    jitter: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  });

  it('never repeats what may not be repeated, never past tries or deadline, never before Retry-After', () => {
    fc.assert(
      fc.property(situation, (given) => {
        const decision = decideRetry(given);
        if (decision.do === 'stop') return;
        expect(given.repetition === 'freely' || !given.failure.mayHaveTakenEffect).toBe(true);
        expect(given.tries).toBeLessThan(given.triesMax);
        expect(given.remainingMs).toBeGreaterThan(decision.pauseMs);
        if (decision.at === 'other') expect(given.hasOther).toBe(true);
        const isNewRing = decision.refreshRing && given.rounds === 0;
        if (decision.at === 'front' && !isNewRing) expect(decision.pauseMs).toBeGreaterThanOrEqual(given.failure.retryAfterMs ?? 0);
      }),
      { numRuns: 2000 },
    );
  });

  it.each<[ErrorCode, string]>([
    ['INVALID_ARGUMENT', 'stop'],
    ['PRECONDITION_FAILED', 'stop'],
    ['UNAUTHORIZED', 'stop'],
    ['CORRUPTION', 'stop'],
    ['STALE_RING', 'front'],
    ['OVERLOADED', 'other'],
    ['CONNECTION_LOST', 'other'],
    ['CLOSED', 'other'],
    ['DISK_IO', 'other'],
  ])('%s: %s', (code, expected) => {
    const { retryable } = errorCodes[code];
    const decision = decideRetry({
      failure: { code, detail: '', retryable, mayHaveTakenEffect: true, from: 'answer' },
      repetition: 'freely',
      tries: 1,
      triesMax: 5,
      hasOther: true,
      rounds: 0,
      remainingMs: 1000,
      jitter: 0.5,
    });
    expect(decision.do === 'stop' ? 'stop' : decision.at).toBe(expected);
  });

  it('weighs what a node is to blame for, and nothing else', () => {
    const weigh = (code: ErrorCode, stale = false): number =>
      weightOf({ code, detail: '', retryable: true, mayHaveTakenEffect: false, from: 'answer', stale });
    expect(weigh('CONNECTION_LOST')).toBeGreaterThan(1);
    expect([weigh('CONNECTION_LOST', true), weigh('PRECONDITION_FAILED'), weigh('QUORUM_NOT_MET')]).toEqual([0, 0, 0]);
  });
});

describe('pages', () => {
  it('hold each line once, in order within an endpoint, none of them too long', () => {
    const line = fc.record({ endpoint: fc.constantFrom('a', 'b', 'c'), text: fc.string({ maxLength: 30 }) });
    fc.assert(
      fc.property(fc.array(line, { maxLength: 60 }), (given) => {
        const lines = given.map((one, index) => ({ ...one, index }));
        const pages = pagesOf(lines, { linesMax: 5, lengthMax: 40 });
        expect(
          pages
            .flat()
            .map(({ index }) => index)
            .sort((a, b) => a - b),
        ).toEqual(lines.map(({ index }) => index));
        for (const page of pages) {
          expect(page.length).toBeGreaterThan(0);
          expect(page.length).toBeLessThanOrEqual(5);
          if (page.length > 1) expect(page.reduce((sum, { text }) => sum + text.length, 0)).toBeLessThanOrEqual(40);
          expect(new Set(page.map(({ endpoint }) => endpoint)).size).toBe(1);
        }
        for (const endpoint of 'abc') {
          const inPages = pages.flat().filter((one) => one.endpoint === endpoint);
          expect(inPages).toEqual(lines.filter((one) => one.endpoint === endpoint));
        }
      }),
    );
  });
});
