/**
 * The closing line `N passed, N failed`: how every check of this repository says how it went, and how a program that runs
 * several of them adds up what they said.
 */

/** @typedef {{ passed: number, failed: number }} Count */

/**
 * The line itself.
 * @param {Count} count
 */
export function countLine({ passed, failed }) {
  return `${passed} passed, ${failed} failed`;
}

/**
 * What a finished child contributes. A last line that is a closing line counts as said; anything else is one check, passed
 * when the exit code is 0. A failing exit code always counts at least one failure.
 * @param {{ code: number, lastLine: string }} outcome
 * @returns {Count}
 */
export function countOf({ code, lastLine }) {
  const said = /^(\d+) passed, (\d+) failed$/.exec(lastLine);
  const passed = said ? Number(said[1]) : code === 0 ? 1 : 0;
  const failed = said ? Number(said[2]) : 0;
  return { passed, failed: code === 0 ? failed : Math.max(failed, 1) };
}
