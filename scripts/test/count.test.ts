import { afterEach, describe, expect, it, vi } from 'vitest';
import { countLine, countOf } from '../count.mjs';
import CountReporter from '../count-reporter.mjs';

describe('what a check contributes', () => {
  it('is what its last line says', () => {
    expect(countOf({ code: 0, lastLine: '12 passed, 0 failed' })).toEqual({ passed: 12, failed: 0 });
    expect(countOf({ code: 1, lastLine: '12 passed, 3 failed' })).toEqual({ passed: 12, failed: 3 });
  });

  it('is one check by exit code when it says nothing', () => {
    expect(countOf({ code: 0, lastLine: 'all good: 3 passed, 1 failed before' })).toEqual({ passed: 1, failed: 0 });
    expect(countOf({ code: 2, lastLine: '' })).toEqual({ passed: 0, failed: 1 });
  });

  it('is never green when the exit code is not, whatever was said', () => {
    expect(countOf({ code: 1, lastLine: '12 passed, 0 failed' })).toEqual({ passed: 12, failed: 1 });
  });

  it('reads what countLine writes', () => {
    expect(countOf({ code: 0, lastLine: countLine({ passed: 7, failed: 0 }) })).toEqual({ passed: 7, failed: 0 });
  });
});

describe('the reporter', () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
  afterEach(() => log.mockClear());

  const module = (state: string, tests: readonly string[]) => ({
    state: () => state,
    children: { allTests: () => tests.map((test) => ({ result: () => ({ state: test }) })) },
  });

  function lineOf(modules: readonly ReturnType<typeof module>[], strayErrors: readonly unknown[] = []): unknown {
    new CountReporter().onTestRunEnd(modules, strayErrors);
    return log.mock.lastCall?.[0];
  }

  it('counts tests, not skipped ones', () => {
    const modules = [module('passed', ['passed', 'passed', 'skipped']), module('failed', ['passed', 'failed'])];
    expect(lineOf(modules)).toBe('3 passed, 1 failed');
  });

  it('counts a file that could not be loaded, and an error outside any test', () => {
    expect(lineOf([module('failed', []), module('passed', ['passed'])])).toBe('1 passed, 1 failed');
    expect(lineOf([module('passed', ['passed'])], [new Error('stray')])).toBe('1 passed, 1 failed');
  });

  it('counts a run without a test as a failure', () => {
    expect(lineOf([])).toBe('0 passed, 1 failed');
  });
});
