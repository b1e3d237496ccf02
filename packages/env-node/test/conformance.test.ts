import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { filesTwin } from '../../simulator/test/conformance/files-twin.ts';
import { filesConformance } from '../../simulator/test/conformance/files.ts';
import { jobsConformance } from '../../simulator/test/conformance/jobs.ts';
import { networkConformance } from '../../simulator/test/conformance/network.ts';
import { timeConformance } from '../../simulator/test/conformance/time.ts';
import type { JobStrikes, JobWorld } from '../../simulator/test/conformance/world.ts';
import { createNodeEnvironment, createNodeJobs } from '../src/index.ts';

async function makeWorld({ dieAtSlice, hangs }: JobStrikes = {}): Promise<JobWorld> {
  const directory = await mkdtemp(`${tmpdir()}/coterie-env-node-`);
  const jobs = createNodeJobs({
    workers: 1,
    dieAtSlices: dieAtSlice === undefined ? [] : [dieAtSlice],
    ...(hangs === true && { noProgressMs: 300 }),
  });
  const close = async (): Promise<void> => {
    await jobs.close();
    await rm(directory, { recursive: true });
  };
  return { environment: { ...createNodeEnvironment(), jobs }, jobs, directory, run: (work) => work(), close };
}

filesConformance('the real world', makeWorld);
filesTwin('the real world', makeWorld, 40);
jobsConformance('the real world', makeWorld);
timeConformance('the real world', makeWorld);
networkConformance('the real world', makeWorld);
