/**
 * The engine's log writes with sync calls inside microtasks; one in which the power fails has nobody to throw to.
 */
import { CrashError } from '@coterie/simulator';
import { afterAll, beforeAll } from 'vitest';

/** While the tests of this file run, an unheard failure of power is none; any other goes to whoever listened before. */
export function bearUnheardPowerFailures(): void {
  const listeners = process.listeners('unhandledRejection');
  beforeAll(() => {
    process.removeAllListeners('unhandledRejection');
    process.on('unhandledRejection', (reason: unknown, promise: Promise<unknown>) => {
      if (reason instanceof CrashError) return;
      for (const listener of listeners) listener(reason, promise);
    });
  });
  afterAll(() => {
    process.removeAllListeners('unhandledRejection');
    for (const listener of listeners) process.on('unhandledRejection', listener);
  });
}
