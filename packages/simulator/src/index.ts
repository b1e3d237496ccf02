export { SimulatedDisk } from './disk/disk.ts';
export { CrashError } from './disk/faults.ts';
export type { DiskFault, DiskFaultPlan, DiskOperation, DiskOperationKind } from './disk/faults.ts';
export { JobControl } from './jobs.ts';
export type { JobFault, JobFaultPlan, JobStep } from './jobs.ts';
export { SeededRandom } from './random.ts';
export { createSimulation, Simulation } from './simulation.ts';
export type { SimulatedClock, SimulationOptions } from './simulation.ts';
