/** What a checker finds. */

/** The promises of the design, by number, and what a run must do besides. */
export type Rule = 'P1' | 'P2' | 'P3' | 'P4' | 'P6' | 'P7' | 'P8' | 'convergence' | 'placement' | 'lww';

/** A promise that was broken, in one sentence with the operations that show it. */
export interface Violation {
  readonly rule: Rule;
  readonly sentence: string;
}
