/**
 * Three etcd members on this machine with etcd's own defaults: every put is synced (fdatasync of its log) by a majority
 * before it is acknowledged, reads are linearizable unless they say otherwise.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts, startProcess, stopProcesses, waitFor } from './processes.mjs';

const members = 3;

/** The installed version; `undefined` when there is none. */
export function etcdVersion() {
  try {
    return /etcd Version: (\S+)/.exec(execFileSync('etcd', ['--version'], { encoding: 'utf8' }))?.[1];
  } catch {
    return undefined;
  }
}

/** Starts a cluster in `directory`; resolves when it has a leader. Its target comes first. */
export async function startEtcd(directory) {
  const ports = await freePorts(2 * members);
  const url = (port) => `http://127.0.0.1:${port}`;
  const cluster = Array.from({ length: members }, (_, i) => `e${i}=${url(ports[2 * i + 1])}`).join(',');
  const children = [];
  for (let i = 0; i < members; i++) {
    const home = join(directory, `etcd-${i}`);
    mkdirSync(home, { recursive: true });
    const [client, peer] = [url(ports[2 * i]), url(ports[2 * i + 1])];
    const own = ['--name', `e${i}`, '--data-dir', join(home, 'data'), '--log-level', 'error'];
    const listen = ['--listen-client-urls', client, '--advertise-client-urls', client, '--listen-peer-urls', peer];
    const initial = ['--initial-advertise-peer-urls', peer, '--initial-cluster', cluster, '--initial-cluster-state', 'new'];
    children.push(startProcess('etcd', [...own, ...listen, ...initial], { logFile: join(home, 'log') }));
  }
  const targets = children.map((_, i) => ({ host: '127.0.0.1', port: ports[2 * i] }));
  try {
    const states = await waitFor('etcd electing a leader', () => statesOf(targets));
    targets.sort((a, b) => Number(states.get(b)) - Number(states.get(a)));
  } catch (error) {
    await stopProcesses(children);
    throw error;
  }
  return { children, targets, stop: () => stopProcesses(children) };
}

/** Which target leads; `undefined` while nobody does. */
async function statesOf(targets) {
  const states = new Map();
  for (const target of targets) {
    const answer = await fetch(`http://${target.host}:${target.port}/v3/maintenance/status`, { method: 'POST', body: '{}' });
    const { header, leader } = await answer.json();
    states.set(target, leader === header.member_id);
  }
  return [...states.values()].includes(true) ? states : undefined;
}
