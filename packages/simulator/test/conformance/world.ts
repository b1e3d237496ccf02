/** What a conformance suite needs to know of a world: the real one and the simulated one are made to look alike. */
import type { Environment, Jobs } from '@coterie/env';

/** A world under test. */
export interface World {
  readonly environment: Environment;
  /** An existing, empty directory. */
  readonly directory: string;
  /** Lets work settle: the simulation is driven, the real world goes by itself. */
  run<T>(work: () => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** Jobs whose worker can be struck. */
export interface JobWorld extends World {
  readonly jobs: Jobs;
}

/** How the worker of a `JobWorld` is struck. */
export interface JobStrikes {
  /** It dies before this slice, counted from 0. */
  readonly dieAtSlice?: number;
  /** A job that gets nothing done is given up soon: the job `spin` spins for ever where that is possible. */
  readonly hangs?: boolean;
}
