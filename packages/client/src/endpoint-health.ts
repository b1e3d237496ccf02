/**
 * How much an endpoint is to be trusted, as a value: failures add a penalty, time halves it, success forgives most of it.
 * Above 1 the endpoint is shunned. Once the penalty has worn off, a single try finds out whether it is back, so that a
 * host which swallows packets holds up one request each time and not all of them.
 *
 * ```
 *             failure                 worn off             one try claims it
 *  trusted ────────────▶ shunned ────────────────▶ due ───────────────────────▶ probed
 *     ▲                     ▲                       ▲  nothing heard in time      │  │
 *     │                     └───────── failure ─────┼─────────────────────────────┘  │
 *     └───────────────────────────── success ───────┴────────────────────────────────┘
 * ```
 *
 * With a penalty of 2 and a half-life of 5 s a first failure costs 5 s, the second in a row about 8, the most 20. What
 * tells of a try that began before the last verdict is no news: a hundred requests that fail together count once.
 *
 * Shunned never means forbidden: when nothing better is left, shunned endpoints are asked in their order.
 */

/** How an endpoint stands. `penalty` is as of `at`; both times are monotonic milliseconds. */
export interface Health {
  readonly penalty: number;
  readonly at: number;
  /** While it is being probed: until when others leave it alone. */
  readonly probedUntil: number;
}

/** When a try began, and when it is being judged. */
export interface TryTimes {
  readonly startedAt: number;
  readonly now: number;
}

/** Of an endpoint nothing bad is known of. */
export const trusted: Health = { penalty: 0, at: Number.NEGATIVE_INFINITY, probedUntil: 0 };

const halfLifeMs = 5000;
const penaltyMax = 16;
const probeMs = 3000;
/** What a success leaves of the penalty, so that one that fails every second time is shunned longer. */
const forgiveness = 0.25;

/** The penalty that is left at `now`. */
export function penaltyAt(health: Health, now: number): number {
  return health.penalty === 0 ? 0 : health.penalty * 2 ** ((health.at - now) / halfLifeMs);
}

/** Whether requests go there by themselves. */
export function isUsable(health: Health, now: number): boolean {
  return health.penalty === 0 || (penaltyAt(health, now) < 1 && health.probedUntil <= now);
}

/** After a request has chosen it: if it was due, that request is its probe. */
export function afterChoice(health: Health, now: number): Health {
  return health.penalty < 1 ? health : { ...health, probedUntil: now + probeMs };
}

/** After a failure that weighs `weight`. */
export function afterFailure(health: Health, weight: number, { startedAt, now }: TryTimes): Health {
  if (weight === 0 || startedAt < health.at) return health;
  return { penalty: Math.min(penaltyMax, penaltyAt(health, now) + weight), at: now, probedUntil: 0 };
}

/** After an answer. */
export function afterSuccess(health: Health, { startedAt, now }: TryTimes): Health {
  if (health.penalty === 0 || startedAt < health.at) return health;
  const left = penaltyAt(health, now) * forgiveness;
  return left < 0.01 ? trusted : { penalty: Math.min(left, 0.9), at: now, probedUntil: 0 };
}
