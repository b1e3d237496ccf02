import { createSimulation } from '../src/index.ts';
import { filesTwin } from './conformance/files-twin.ts';
import { filesConformance } from './conformance/files.ts';
import { jobsConformance } from './conformance/jobs.ts';
import { networkConformance } from './conformance/network.ts';
import { timeConformance } from './conformance/time.ts';
import type { JobStrikes, JobWorld } from './conformance/world.ts';

async function makeWorld({ dieAtSlice, hangs }: JobStrikes = {}): Promise<JobWorld> {
  const simulation = createSimulation({ seed: 1 });
  const { environment } = simulation;
  environment.files.makeDirectorySync('/data');
  if (dieAtSlice !== undefined)
    simulation.jobs.setFault(({ kind, index }) => (kind === 'slice' && index === dieAtSlice ? 'worker-death' : undefined));
  if (hangs === true) simulation.jobs.setFault(({ kind, index }) => (kind === 'slice' && index === 1 ? 'no-progress' : undefined));
  return { environment, jobs: environment.jobs, directory: '/data', run: (work) => simulation.run(work), close: async () => {} };
}

filesConformance('the simulation', makeWorld);
filesTwin('the simulation', makeWorld, 200);
jobsConformance('the simulation', makeWorld);
timeConformance('the simulation', makeWorld);
networkConformance('the simulation', makeWorld);
