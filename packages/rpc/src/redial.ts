/**
 * When to dial again after a failure: after 50 ms, then twice as long each time up to two seconds, give or take a quarter,
 * so that those who lost one peer at the same moment do not all come back in the same moment. Pure but for the draw.
 */
import type { Random } from '@coterie/env';
import type { EndpointLimits } from './options.ts';

/** How the last attempts went. */
export interface DialHistory {
  readonly failures: number;
  /** Monotonic time before which nobody dials. */
  readonly notBeforeMs: number;
}

/** No failures. */
export const freshDial: DialHistory = { failures: 0, notBeforeMs: -Infinity };

/** One failure more. */
export function afterFailure(history: DialHistory, nowMs: number, world: { limits: EndpointLimits; random: Random }): DialHistory {
  const { redialMs, redialMaxMs } = world.limits;
  const pauseMs = Math.min(redialMaxMs, redialMs * 2 ** Math.min(history.failures, 20));
  const jitter = 0.75 + (world.random.u32() / 2 ** 32) * 0.5;
  return { failures: history.failures + 1, notBeforeMs: nowMs + pauseMs * jitter };
}
