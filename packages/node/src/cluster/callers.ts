/**
 * Who calls at the door of a node that waits to be let in. Members do so as soon as it was decided that it is one of them, and
 * until it knows that too they ask it in vain: so a call is a reason to ask again at once.
 */
import type { Timers } from '@coterie/env';
import type { PeerIdentity } from '@coterie/rpc';

/** Hears of calls. */
export class Callers {
  #isCalled = false;
  #wake: (() => void) | undefined;

  /** Somebody has connected and said who it is. Who belongs to no cluster, as other newcomers, knows nothing. */
  called({ clusterId }: Pick<PeerIdentity, 'clusterId'>): void {
    if (clusterId === '') return;
    this.#isCalled = true;
    this.#wake?.();
  }

  /** Resolves after `ms` with false, or with true as soon as a member calls or if one has called since the last time. */
  async within(timers: Timers, ms: number): Promise<boolean> {
    if (!this.#isCalled) {
      await new Promise<void>((resolve) => {
        const timer = timers.after(ms, resolve);
        this.#wake = () => {
          timer.cancel();
          resolve();
        };
      });
      this.#wake = undefined;
    }
    const isCalled = this.#isCalled;
    this.#isCalled = false;
    return isCalled;
  }
}
