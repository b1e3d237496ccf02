/** P3: a write that asks for one copy anywhere succeeds at a node that is well. */
import { describeWrite, type Write } from '../history.ts';
import type { Violation } from './violation.ts';

/** Refusals that are the client's own doing, or a limit. */
const allowed: ReadonlySet<string> = new Set(['PRECONDITION_FAILED', 'TOO_MANY_SIBLINGS', 'OVERLOADED']);
/** A node gives each owner half of the time that is left before it takes a write itself: of so much, an eighth is left after three. */
const enoughMs = 2000;

/** How availability is judged. */
export interface AvailabilityTerms {
  /** How long clients let a node try. */
  readonly timeoutMs: number;
  /** Whether the machine's process and disk were well all the while. */
  wasWell(node: string, fromMs: number, untilMs: number): boolean;
}

/** Sloppy writes that a node in good health did not take. */
export function checkAvailable(writes: readonly Write[], { timeoutMs, wasWell }: AvailabilityTerms): Violation[] {
  if (timeoutMs < enoughMs) return [];
  const sloppy = writes.filter(
    ({ kind, ask, replacesFound }) => kind === 'put' && ask.w === 1 && ask.pw === 0 && ask.condition === undefined && !replacesFound,
  );
  return sloppy.flatMap((write) => {
    const bad = write.attempts.find(({ node, startMs, endMs, outcome }) => {
      if (outcome.kind === 'ok' || (outcome.kind === 'refused' && allowed.has(outcome.code))) return false;
      return wasWell(node, startMs, endMs === Infinity ? startMs + timeoutMs : endMs);
    });
    if (bad === undefined) return [];
    const why = bad.outcome.kind === 'refused' ? `: ${bad.outcome.message}` : '';
    return [{ rule: 'P3' as const, sentence: `${bad.node} was well and did not take ${describeWrite(write)}${why}` }];
  });
}
