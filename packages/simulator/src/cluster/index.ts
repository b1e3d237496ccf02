/** Whole clusters of production nodes under faults: scenarios drawn from seeds, their runs, and the judgement of what happened. */
export { judge } from './checkers/index.ts';
export type { Terms } from './checkers/index.ts';
export type { Sighting } from './checkers/bounded.ts';
export type { Rule, Violation } from './checkers/violation.ts';
export { Fleet } from './fleet.ts';
export type { FleetParts } from './fleet.ts';
export { formYoungDisks, youngStore } from './founding.ts';
export type { YoungDisks } from './founding.ts';
export type { Attempt, History, Outcome, Read, Write } from './history.ts';
export { runScenario } from './run.ts';
export type { RunOptions, RunResult } from './run.ts';
export { drawScenario } from './scenario.ts';
export type { BucketPlan, Scenario, ScenarioWish, StoreCut, WorkloadPlan } from './scenario.ts';
