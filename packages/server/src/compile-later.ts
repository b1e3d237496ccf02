/**
 * When V8 optimises a function: after four times as much of it has run as V8 waits for by itself.
 *
 * V8 11, that of Node 20, compiles a function for good after some 200 KB of its bytecode have run, by what it has learned so far.
 * When a ring changes, every node runs code that it has not run before, on threads that are short anyway: what was optimised is thrown
 * away where it meets something new, and made again a moment later. With more patience functions are compiled
 * once, when what they meet is known, and until then run as baseline code, which takes next to nothing to make. Later versions
 * have a step between the two, count differently, and were not found wanting.
 */
import { setFlagsFromString } from 'node:v8';

/** As V8 11 knows it: bytes of bytecode between two looks at a function; 67,584 by itself. */
export const budgetFlag = '--interrupt-budget=300000';

/** Whether this V8 is one whose optimising waits for that budget. */
export const hasBudget: boolean = process.versions.v8.startsWith('11.');

/** Lets this process optimise later from now on. */
export function compileLater(): void {
  if (hasBudget) setFlagsFromString(budgetFlag);
}
