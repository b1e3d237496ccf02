/**
 * Local health: how much this node doubts itself before it doubts others. A node whose probes fail without anybody else
 * being able to say so, that had to refute a suspicion, or that woke late, is probably the one that is slow; so it probes
 * more slowly and waits longer for answers. Lifeguard (Dadgar, Phillips, Currey, 2018), section "Local Health Multiplier".
 *
 * ```
 *   score 0 (well) … 7     answered probe −1 · silent proxy of a failed probe +1 each · failed probe without proxies +1
 *                          own suspicion refuted +1 · late wake-up +1
 *   every probe timeout, and the period between probes, is multiplied by score + 1
 * ```
 */

const scoreMax = 7;

/** A node's doubt in itself. */
export class Awareness {
  #score = 0;

  /** 0 when all is well. */
  get score(): number {
    return this.#score;
  }

  /** What the probe times are multiplied by. */
  get factor(): number {
    return this.#score + 1;
  }

  /** Something happened that speaks for (negative) or against this node's health. */
  change(by: number): void {
    this.#score = Math.max(0, Math.min(scoreMax, this.#score + by));
  }
}
