/** One node that decides alone, on a simulated disk: for what files do. */
import type { Decision, RingLogOptions } from '../src/index.ts';
import { RingLog } from '../src/index.ts';
import { createSimulation, type SimulatedDisk, type Simulation } from '@coterie/simulator';
import { act, type Team, teamRules } from './team.ts';

/** Where its log lies. */
export const directory = '/data/ring';
/** The file of decisions. */
export const ringPath = `${directory}/ring.log`;
/** The file of votes. */
export const votesPath = `${directory}/votes.log`;

/** Opens the log of `n1`. */
export function openLone(simulation: Simulation, options: Partial<RingLogOptions<Team>> = {}): Promise<RingLog<Team>> {
  const { environment } = simulation;
  const transport = { ask: () => Promise.reject(new Error('nobody is there')) };
  return simulation.run(() =>
    RingLog.open({ directory, rules: teamRules, node: 'n1', transport, environment, attemptsMax: 3, ...options }),
  );
}

/** A decision that adds a word. */
export function add(word: string): Decision {
  return act(word, { word });
}

/** A log with one steward and these words, open. */
export async function loneLog(seed: number, words: readonly string[]): Promise<{ simulation: Simulation; log: RingLog<Team> }> {
  const simulation = createSimulation({ seed });
  const log = await openLone(simulation);
  await simulation.run(log.create({ cluster: 'lone', state: { stewards: [log.self], words: [] } }));
  for (const word of words) await simulation.run(log.propose(add(word)));
  return { simulation, log };
}

/** A new life on a copy of a disk that nothing is lost of. */
export function lifeOn(disk: SimulatedDisk, seed = 1): Simulation {
  return createSimulation({ seed, disk: disk.clone() });
}

/** Puts a file in place of one, as a program that copies does: it is another file. */
export async function putFile(simulation: Simulation, path: string, bytes: Uint8Array): Promise<void> {
  const { files } = simulation.environment;
  await simulation.run(async () => {
    if (await files.exists(path)) await files.remove(path);
    const file = await files.open(path, 'create');
    await file.write(bytes, 0, bytes.length, 0);
    await file.sync();
    await file.close();
    await files.syncDirectory(directory);
  });
}
