/**
 * One node of `coterie dev`: a process of its own, in a process group of its own, so that Ctrl-C reaches only the
 * program that watches over it.
 *
 * ```
 *   starting ──says ready──▶ ready ◀─resume─┐
 *      ▲                       │ pause ─────▶ paused
 *      │                       │ it ends
 *      └─── after 2 s ───── ended ◀── kill: stays so until start()
 * ```
 *
 * A node that ends three times without having been ready is not started again by itself.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { DevNodePlan } from './layout.ts';

/** What a node is doing. */
export type DevNodeState = 'starting' | 'ready' | 'paused' | 'ended';

/** What somebody who watches a node is told. */
export interface DevNodeEvents {
  /** It says that it takes requests. */
  ready(node: DevNode): void;
  /** It ended without being asked to; `again`: it starts again by itself. */
  ended(node: DevNode, how: { readonly with: string; readonly again: 'soon' | 'never' }): void;
}

/** Whether a node that ended by itself is started again. */
export type Restarting = 'restart' | 'leave';

const restartAfterMs = 2000;
const failuresMax = 3;
const main = fileURLToPath(new URL('../main.js', import.meta.url));
/** Settings that are the node's own here; as variables they would be everybody's. */
const ownSettings = ['CONFIG', 'HTTP_ADVERTISE', 'PEER_ADVERTISE', 'SEED', 'NAME', 'LOG_FORMAT'];

/**
 * They share a machine: four threads that help each of them to compile and to collect garbage, V8's default, only keep the
 * main threads of the others waiting. With one, p99 while three of six nodes start and join was half as long.
 */
const nodeFlags: readonly string[] = ['--v8-pool-size=1'];

/** A node and its process. */
export class DevNode {
  readonly plan: DevNodePlan;
  state: DevNodeState = 'ended';
  readonly #events: DevNodeEvents;
  readonly #restarting: Restarting;
  #child: ChildProcess | undefined;
  #restart: NodeJS.Timeout | undefined;
  #asked: 'run' | 'end' = 'run';
  #failures = 0;

  constructor(plan: DevNodePlan, options: { readonly events: DevNodeEvents; readonly restarting: Restarting }) {
    this.plan = plan;
    this.#events = options.events;
    this.#restarting = options.restarting;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts it, or lets it go on when it was paused. */
  start(): void {
    this.#asked = 'run';
    clearTimeout(this.#restart);
    if (this.state === 'paused') {
      this.#child?.kill('SIGCONT');
      this.state = 'ready';
    }
    if (this.#child === undefined) this.#spawn();
  }

  /** Stops its process where it stands, as a long garbage collection or a suspended machine would. */
  pause(): void {
    if (this.state !== 'ready') return;
    this.#child?.kill('SIGSTOP');
    this.state = 'paused';
  }

  /** Ends it as a power cut would; it stays down until `start`. */
  kill(): void {
    this.#asked = 'end';
    clearTimeout(this.#restart);
    this.#child?.kill('SIGKILL');
  }

  /** Asks it to end well (or, asked again, sooner); resolves when it has. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    this.#asked = 'end';
    clearTimeout(this.#restart);
    const child = this.#child;
    if (child === undefined) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill(signal);
    if (this.state === 'paused') child.kill('SIGCONT');
    await ended;
  }

  #spawn(): void {
    const log = openSync(this.plan.logFile, 'a');
    const child = spawn(process.execPath, [...nodeFlags, main, ...argumentsOf(this.plan)], {
      stdio: ['ignore', log, log, 'ipc'],
      detached: true,
      env: environmentOf(process.env),
    });
    closeSync(log);
    this.#child = child;
    this.state = 'starting';
    child.on('error', () => {});
    child.on('message', (message) => {
      if (message !== 'ready' || this.state !== 'starting') return;
      this.state = 'ready';
      this.#failures = 0;
      this.#events.ready(this);
    });
    child.once('exit', (code, signal) => this.#ended(signal ?? `code ${code}`));
  }

  #ended(how: string): void {
    this.#failures += this.state === 'starting' ? 1 : 0;
    this.#child = undefined;
    this.state = 'ended';
    if (this.#asked === 'end') return;
    const again = this.#restarting === 'restart' && this.#failures < failuresMax ? 'soon' : 'never';
    if (again === 'soon') this.#restart = setTimeout(() => this.start(), restartAfterMs);
    this.#events.ended(this, { with: how, again });
  }
}

function argumentsOf({ name, directory, http, peer, seeds, flags = [] }: DevNodePlan): string[] {
  const seeding = seeds.flatMap((seed) => ['--seed', seed]);
  return ['start', '--name', name, '--data-dir', directory, '--http', http, '--peer', peer, ...seeding, ...flags];
}

function environmentOf(variables: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const own = new Set(ownSettings.map((name) => `COTERIE_${name}`));
  return Object.fromEntries(Object.entries(variables).filter(([name]) => !own.has(name)));
}
