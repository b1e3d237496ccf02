/** The real world in one piece. */
import { silentLog } from '@coterie/env';
import type { Environment, Log } from '@coterie/env';
import { nodeClock } from './clock.ts';
import { nodeFiles } from './files.ts';
import { nodeJobs } from './jobs.ts';
import { nodeNetwork } from './network.ts';
import { nodeRandom } from './random.ts';
import { nodeTimers } from './timers.ts';

/** Settings of `createNodeEnvironment`. */
export interface NodeEnvironmentOptions {
  /** Where log lines go; nowhere by default. */
  readonly log?: Log;
  /** File handles that may be open at once; no limit but the system's by default. */
  readonly maxOpen?: number;
}

/** The real world: system clock and timers, cryptographic randomness, the file system, TCP, the process's shared job workers. */
export function createNodeEnvironment(options: NodeEnvironmentOptions = {}): Environment {
  const log = options.log ?? silentLog;
  const files = nodeFiles(options.maxOpen === undefined ? {} : { maxOpen: options.maxOpen });
  return { clock: nodeClock, timers: nodeTimers, random: nodeRandom, files, network: nodeNetwork, jobs: nodeJobs(log), log };
}
