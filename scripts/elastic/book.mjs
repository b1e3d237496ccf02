/**
 * What was acknowledged, key by key: one thing at a time is done with a key, so it is plain what a read of it may show.
 *
 * ```
 *   put #7 acknowledged     a read shows 7
 *   put #9 failed           it may have happened: a read shows 7, or 9 in its place
 *   put #12 acknowledged    made over what #7 left: a read shows 12
 * ```
 */

/** @typedef {{ bucket: string, key: string, acknowledged: number | undefined, context: string | undefined, unsure: number[], isBusy: boolean }} Page */

/** All keys of a load. */
export class Book {
  /** @type {Page[]} */
  pages;
  #next = 0;

  /** @param {string} bucket @param {number} keys */
  constructor(bucket, keys) {
    this.pages = Array.from({ length: keys }, (_, at) => ({
      bucket,
      key: `key-${at}`,
      acknowledged: undefined,
      context: undefined,
      unsure: [],
      isBusy: false,
    }));
  }

  /** @returns {number} the number of the next write */
  mint() {
    return this.#next++;
  }

  /** @returns {number} writes begun so far */
  get writes() {
    return this.#next;
  }

  /**
   * A key with which nothing is being done, near the one that was drawn; undefined when all are busy.
   * @param {number} drawn
   * @returns {Page | undefined}
   */
  free(drawn) {
    for (let step = 0; step < this.pages.length; step++) {
      const page = this.pages[(drawn + step) % this.pages.length];
      if (page !== undefined && !page.isBusy) return page;
    }
    return undefined;
  }
}

/** @param {Page} page @param {{ id: number, context: string | undefined }} write */
export function noteAcknowledged(page, { id, context }) {
  page.acknowledged = id;
  page.context = context;
  page.unsure = [];
}

/** Whether a read shows what it has to. @param {Page} page @param {readonly number[]} shown */
export function isRight({ acknowledged, unsure }, shown) {
  return acknowledged === undefined || shown.includes(acknowledged) || unsure.some((id) => shown.includes(id));
}
