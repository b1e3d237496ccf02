/** One thing at a time, in the order of asking, with a bounded queue. */
import { CoterieError } from '@coterie/env';

/** Runs pieces of async work one after the other. */
export class Serial {
  readonly #name: string;
  readonly #waitingMax: number;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  /** `name` says in errors what is overloaded. */
  constructor(name: string, waitingMax: number) {
    this.#name = name;
    this.#waitingMax = waitingMax;
  }

  /** Runs `work` when all asked for before is done; settles as it does. @throws CoterieError `OVERLOADED` */
  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#waiting >= this.#waitingMax) {
      throw new CoterieError('OVERLOADED', `${this.#waiting} ${this.#name} wait already`, { details: { mayHaveTakenEffect: false } });
    }
    this.#waiting++;
    const result = this.#last.then(work);
    this.#last = result.then(ignore, ignore);
    try {
      return await result;
    } finally {
      this.#waiting--;
    }
  }

  /** Resolves when everything asked for so far is done. */
  async idle(): Promise<void> {
    await this.#last;
  }
}

function ignore(): void {}
