/** A promise with its ends in reach, so that all records of a group can share one. */

/** A promise that somebody else settles. Settling twice is harmless. */
export class Deferred {
  readonly promise: Promise<void>;
  resolve!: () => void;
  reject!: (error: Error) => void;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }
}
