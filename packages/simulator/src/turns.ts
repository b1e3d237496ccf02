/**
 * The one real thing in the simulator: a turn of the event loop between two virtual events.
 *
 * After an event the code under test goes on in microtasks, and the next event may happen only when they are all done.
 * JavaScript cannot ask whether any are left; counting rounds of `await` guesses. But a message to oneself arrives in a
 * later turn of the event loop, and every turn begins with the microtask queue empty. 2 µs each (32 rounds of `await`
 * take 2.7 and prove nothing). Nothing else real is pending, so it cannot bring any order but the virtual one.
 */

/** Turns of the real event loop. */
export class Turns {
  readonly #channel = new MessageChannel();
  #resolve: (() => void) | undefined;

  constructor() {
    this.#channel.port1.on('message', () => this.#resolve?.());
  }

  /** Resolves when no microtask is left. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#resolve = resolve;
      this.#channel.port2.postMessage(undefined);
    });
  }

  close(): void {
    this.#channel.port1.close();
  }
}
