/**
 * Three Coterie nodes on this machine as their users start them: `coterie start`, every write synced before it is
 * acknowledged (the default), three copies of each key.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePorts, startProcess, stopProcesses, waitFor } from './processes.mjs';

const main = fileURLToPath(new URL('../../packages/server/dist/main.js', import.meta.url));
const members = 3;

/**
 * Starts a cluster in `directory`; resolves when all are members, no key moves, and each knows so. `nodeOptions` are given
 * to Node for the first node alone, `everyNodeOptions` for each.
 */
export async function startCoterie(directory, { nodeOptions = [], everyNodeOptions = [] } = {}) {
  const ports = await freePorts(2 * members);
  const children = [];
  const targets = Array.from({ length: members }, (_, i) => ({ host: '127.0.0.1', port: ports[2 * i] }));
  const homeOf = (i) => join(directory, `coterie-${i}`);
  const start = (i) => {
    mkdirSync(homeOf(i), { recursive: true });
    const seed = i === 0 ? [] : ['--seed', `127.0.0.1:${ports[1]}`];
    const addresses = ['--http', `127.0.0.1:${ports[2 * i]}`, '--peer', `127.0.0.1:${ports[2 * i + 1]}`, ...seed];
    const args = [main, 'start', '--name', `n${i}`, '--data-dir', join(homeOf(i), 'data'), '--log-level', 'warn', ...addresses];
    const options = [...(i === 0 ? nodeOptions : []), ...everyNodeOptions];
    children[i] = startProcess(process.execPath, [...options, ...args], { logFile: join(homeOf(i), 'log') });
  };
  try {
    for (let i = 0; i < members; i++) {
      start(i);
      // One joins at a time: the next waits until this one owns its share everywhere.
      for (const target of targets.slice(0, i + 1)) await waitFor(`node ${i} joining`, () => isSettled(target, i + 1));
    }
  } catch (error) {
    await stopProcesses(children);
    throw error;
  }
  return {
    children,
    targets,
    dataOf: (i) => join(homeOf(i), 'data'),
    /** Starts a node that has ended again; resolves when it sees all others. */
    startAgain: async (i) => {
      start(i);
      await waitFor(`node ${i} up again`, () => isSettled(targets[i], members));
    },
    stop: () => stopProcesses(children),
  };
}

async function isSettled({ host, port }, count) {
  const answer = await fetch(`http://${host}:${port}/v1/cluster`);
  if (!answer.ok) return false;
  const cluster = await answer.json();
  const isUp = cluster.members.every(({ state, isJoining }) => state === 'alive' && !isJoining);
  return cluster.members.length === count && cluster.effectiveN === count && cluster.change === undefined && isUp;
}

/** Makes the bucket in which later writes replace earlier ones without a context, as etcd's puts do. */
export async function makeOverwritingBucket({ targets }, name) {
  const [{ host, port }] = targets;
  const request = { method: 'PUT', headers: { 'content-type': 'application/json' }, body: '{"conflict":"lww"}' };
  const answer = await fetch(`http://${host}:${port}/v1/buckets/${name}`, request);
  if (!answer.ok) throw new Error(`cannot set bucket properties: ${answer.status} ${await answer.text()}`);
  for (const target of targets) await waitFor('the bucket everywhere', () => isOverwriting(target, name));
}

async function isOverwriting({ host, port }, name) {
  const answer = await fetch(`http://${host}:${port}/v1/buckets/${name}`);
  return (await answer.json()).properties?.conflict === 'lww';
}
