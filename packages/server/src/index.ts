/** The server as a library: what `coterie start` is made of, for programs that bring their own process. */
export { createLog } from './logging/logger.ts';
export type { LogFormat, LogLevel, LogOptions } from './logging/logger.ts';
export { openNode } from './open-node.ts';
export { RunningServer, startServer } from './server.ts';
export type { ServerOptions } from './server.ts';
export type { Settings } from './settings/definitions.ts';
export { resolveSettings } from './settings/resolve.ts';
export type { Resolved, Sources } from './settings/resolve.ts';
