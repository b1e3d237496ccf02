/**
 * When V8 optimises a function: while the ring changes, after four times as much of it has run as V8 waits for by itself.
 *
 * V8 11, that of Node 20, compiles a function for good after some 200 KB of its bytecode have run, by what it has learned so far.
 * When a ring changes, every node runs code that it has not run before, on threads that are short anyway: what was optimised is thrown
 * away where it meets something new, and made again a moment later. With more patience functions are compiled
 * once, when what they meet is known, and until then run as baseline code, which takes next to nothing to make. For a node that is only
 * busy that would be too much: it takes several times as many requests until its code is what it could be.
 *
 * ```
 *   patient ──no change expected for ten seconds──▶ as V8 is ──a change staged or begun──▶ patient
 * ```
 *
 * A process begins patient. Later versions of V8 have a step between the two, count differently, and were not found wanting.
 */
import { setFlagsFromString } from 'node:v8';
import type { Timers } from '@coterie/env';

/** Bytes of bytecode between two looks at a function: V8's own, and that of a patient process. */
const usualBudget = 67_584;
const patientBudget = 300_000;

/** Whether this V8 is one whose optimising waits for that budget. */
export const hasBudget: boolean = process.versions.v8.startsWith('11.');

/** Between two looks at what is expected. A change is staged before it begins, or asked for by a node that rehearses meanwhile. */
const lookEveryMs = 50;
const calmLooks = 200;

/** Lets this process optimise later from now on. */
export function compileLater(): void {
  setBudget(patientBudget);
}

/** Has this process go on optimising later while `expectsChange` says so, and a little longer, and as V8 does by itself at other times. */
export function compileLaterWhile(expectsChange: () => boolean, timers: Timers): void {
  let calm = 0;
  const look = (): void => {
    const wasPatient = calm < calmLooks;
    calm = expectsChange() ? 0 : Math.min(calm + 1, calmLooks);
    const isPatient = calm < calmLooks;
    if (isPatient !== wasPatient) setBudget(isPatient ? patientBudget : usualBudget);
    timers.after(lookEveryMs, look);
  };
  if (hasBudget) look();
}

function setBudget(bytes: number): void {
  if (hasBudget) setFlagsFromString(`--interrupt-budget=${bytes}`);
}
