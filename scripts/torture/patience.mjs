/** Waiting. */

const stepMs = 50;

/** @param {number} ms @returns {Promise<void>} */
export function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * Looks again and again until something holds or time is up.
 * @param {() => boolean | Promise<boolean>} holds
 * @param {number} limitMs
 * @param {number} [everyMs] between two looks
 * @returns {Promise<boolean>} whether it came to hold
 */
export async function waitUntil(holds, limitMs, everyMs = stepMs) {
  const end = performance.now() + limitMs;
  for (;;) {
    if (await holds()) return true;
    if (performance.now() >= end) return false;
    await pause(everyMs);
  }
}
