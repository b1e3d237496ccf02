export { CoterieError, assert, errorCodes, isCoterieError } from './errors.ts';
export type { ErrorCode, ErrorDetails, ErrorOptions } from './errors.ts';
export { silentLog, sleep } from './environment.ts';
export type { Clock, Environment, Log, LogFields, Random, Timer, Timers } from './environment.ts';
export { joinPath } from './files.ts';
export type { DirectoryLock, FileHandle, FileIdentity, Files, OpenMode } from './files.ts';
export type { HttpAnswer, HttpRequest, HttpTransport } from './http.ts';
export type { Job, JobEnvironment, JobFunction, JobOutcome, Jobs, JobSpec } from './jobs.ts';
