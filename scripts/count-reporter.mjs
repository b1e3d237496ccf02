/**
 * A vitest reporter that ends the output with one line, `N passed, N failed`. A test file that cannot be loaded and an
 * error outside any test count as failures; a skipped test counts as neither.
 */

import { countLine } from './count.mjs';

/**
 * @typedef {{ state(): string }} State
 * @typedef {{ children: { allTests(): Iterable<{ result(): { state: string } }> } } & State} TestModule
 */

/** Counts a run and prints the closing line. */
export default class CountReporter {
  /**
   * @param {readonly TestModule[]} modules
   * @param {readonly unknown[]} strayErrors
   */
  onTestRunEnd(modules, strayErrors) {
    let passed = 0;
    let failed = strayErrors.length;
    for (const module of modules) {
      const states = Array.from(module.children.allTests(), (test) => test.result().state);
      passed += states.filter((state) => state === 'passed').length;
      const failedHere = states.filter((state) => state === 'failed').length;
      failed += failedHere === 0 && module.state() === 'failed' ? 1 : failedHere;
    }
    if (passed + failed === 0) failed = 1;
    console.log(countLine({ passed, failed }));
  }
}
