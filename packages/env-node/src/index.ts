export { nodeClock } from './clock.ts';
export { createNodeEnvironment } from './environment.ts';
export type { NodeEnvironmentOptions } from './environment.ts';
export { nodeFiles } from './files.ts';
export type { NodeFilesOptions } from './files.ts';
export { createNodeJobs, nodeJobs } from './jobs.ts';
export type { NodeJobs, NodeJobsOptions } from './jobs.ts';
export { nodeRandom } from './random.ts';
export { nodeTimers } from './timers.ts';
