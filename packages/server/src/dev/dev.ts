/**
 * `coterie dev`: a whole cluster on this machine, each node a process of its own, with a console.
 *
 * ```
 *  plans ──▶ node-1 ready ──▶ the others join ──▶ table ──▶ console … ──Ctrl-C, quit──▶ all drain ──▶ exit 0
 * ```
 *
 * A node that ends by itself, or is killed from outside, is started again after two seconds. Once more Ctrl-C while they
 * drain, and they end at once.
 */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Interface, createInterface } from 'node:readline';
import { CommandFailure, UsageFailure } from '../command/failure.ts';
import { print, tableLines } from '../command/table.ts';
import { addressExample, isLoopback, parseAddress } from '../settings/address.ts';
import { type ConsoleOrder, consoleHelp, parseConsoleLine } from './console-line.ts';
import { DevNode, type DevNodeEvents } from './dev-node.ts';
import { findFreePorts } from './free-ports.ts';
import { lastPort, layOut } from './layout.ts';

/** Flags of `coterie dev`. */
export interface DevFlags {
  readonly nodes: string;
  readonly dataDir: string;
  readonly http: string;
  readonly restart: boolean;
}

const nodesMax = 32;

/** `coterie dev`; resolves when all nodes have ended. */
export async function dev(flags: DevFlags): Promise<void> {
  const cluster = new DevCluster(await planned(flags), flags);
  await cluster.run();
}

async function planned({ nodes, dataDir: directory, http }: DevFlags): Promise<ReturnType<typeof layOut>> {
  const count = /^\d{1,3}$/.test(nodes) ? Number(nodes) : 0;
  if (count < 1 || count > nodesMax) throw new UsageFailure(`--nodes ${nodes} is not right; it takes a whole number from 1 to ${nodesMax}`);
  const address = parseAddress(http);
  if (address === undefined) throw new UsageFailure(`--http ${JSON.stringify(http)} is not right; it takes ${addressExample}`);
  if (!isLoopback(address))
    throw new UsageFailure('coterie dev is for this machine alone: --http takes a loopback address, such as 127.0.0.1:7070');
  if (lastPort({ nodes: count, http: address }) > 65_535)
    throw new UsageFailure(`--http ${http} leaves no room for the ports of ${count} nodes`);
  mkdirSync(directory, { recursive: true });
  const numbers = Array.from({ length: nodesMax }, (_, at) => at + 1);
  const existing = new Set(numbers.filter((number) => existsSync(join(directory, `node-${number}`))));
  const left = [...existing].filter((number) => number > count).map((number) => `node-${number}`);
  if (left.length > 0) print(`not started: ${left.join(', ')}, members since an earlier run (--nodes ${Math.max(...existing)} starts all)`);
  const freePorts = address.port === 0 ? await findFreePorts(address.host, 2 * count) : [];
  return layOut({ nodes: count, directory, http: address, freePorts, existing });
}

/** The last line of a log that says something went wrong, or just the last. */
function lastLine(path: string): string {
  const lines = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  return lines.findLast((line) => line.startsWith('coterie: ')) ?? lines.at(-1) ?? '';
}

/** Nobody waits for these nodes but who has just started them. */
const devFlags: readonly string[] = ['--rehearsal', '0ms'];

/** All nodes, and the console over them. */
class DevCluster {
  readonly #nodes: readonly DevNode[];
  readonly #directory: string;
  #console: Interface | undefined;
  #isIntroduced = false;
  #ending: 'no' | 'draining' | 'now' = 'no';
  #finish: (() => void) | undefined;
  readonly #finished = new Promise<void>((resolve) => (this.#finish = resolve));
  #failure: CommandFailure | undefined;

  constructor(plans: ReturnType<typeof layOut>, flags: DevFlags) {
    this.#directory = flags.dataDir;
    const events: DevNodeEvents = {
      ready: (node) => this.#onReady(node),
      ended: (node, how) => this.#onEnded(node, how),
    };
    this.#nodes = plans.map(
      (plan) => new DevNode({ ...plan, flags: devFlags }, { events, restarting: flags.restart ? 'restart' : 'leave' }),
    );
  }

  async run(): Promise<void> {
    const { length } = this.#nodes;
    print(`starting ${length === 1 ? 'one node' : `${length} nodes`} in ${this.#directory}; node-1.log and so on there say what each does`);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => this.#end());
    const [first, ...others] = this.#nodes;
    first.start();
    // Without company yet, the others wait until there is a cluster to join.
    if (first.plan.seeds.length > 0) for (const node of others) node.start();
    await this.#finished;
    this.#console?.close();
    // Standard input that is a file, or /dev/null, holds no process up, and has nothing to let go of.
    (process.stdin as Partial<NodeJS.ReadStream>).unref?.();
    if (this.#failure !== undefined) throw this.#failure;
  }

  #onReady(node: DevNode): void {
    const { name, http } = node.plan;
    this.#say(`${name} is ready at http://${http}`);
    if (node.plan.number === 1 && !this.#isIntroduced) for (const other of this.#nodes.slice(1)) other.start();
    if (this.#isIntroduced || this.#nodes.some(({ state }) => state !== 'ready')) return;
    this.#isIntroduced = true;
    print(...this.#introduction());
    this.#openConsole();
  }

  #onEnded({ plan }: DevNode, how: { readonly with: string; readonly again: 'soon' | 'never' }): void {
    const isOver = how.again === 'never' && !this.#isIntroduced;
    const next =
      how.again === 'soon'
        ? 'it starts again in 2 s'
        : isOver
          ? 'it was tried three times'
          : `it stays down; start ${plan.number} starts it`;
    this.#say(`${plan.name} ended with ${how.with}; ${next} (${plan.logFile} has more)`);
    if (how.with.startsWith('code')) this.#say(`  ${lastLine(plan.logFile)}`);
    if (!isOver) return;
    this.#failure = new CommandFailure(`${plan.name} did not start`, `tail ${plan.logFile}`);
    this.#end();
  }

  #introduction(): string[] {
    const [first] = this.#nodes;
    const other = this.#nodes[1] ?? first;
    return [
      '',
      ...this.#table(),
      '',
      'try',
      `  curl -X PUT -H 'Content-Type: text/plain' -d milk http://${first.plan.http}/v1/kv/cart/alice`,
      `  curl http://${other.plan.http}/v1/kv/cart/alice`,
      `  kill ${Math.min(3, this.#nodes.length)}      here, then both again; start ${Math.min(3, this.#nodes.length)} brings it back`,
      '',
      ...consoleHelp,
      'A node that ends by itself, or is killed from outside, starts again after 2 s (--no-restart: it does not).',
      '',
    ];
  }

  #table(): string[] {
    const rows = this.#nodes.map(({ plan, state, pid }) => [
      plan.name,
      state === 'ended' ? 'down' : state,
      `http://${plan.http}`,
      plan.peer,
      pid === undefined ? '-' : String(pid),
      plan.directory,
    ]);
    return tableLines([['node', 'state', 'HTTP', 'peer', 'pid', 'data'], ...rows]);
  }

  #openConsole(): void {
    const terminal = process.stdin.isTTY && process.stdout.isTTY;
    const console = createInterface({ input: process.stdin, ...(terminal ? { output: process.stdout, prompt: 'coterie> ' } : {}) });
    this.#console = console;
    console.on('line', (line) => {
      void this.#obey(parseConsoleLine(line, this.#nodes.length)).finally(() => this.#prompt());
    });
    // On a terminal readline takes Ctrl-C for itself; the end of other input is no order.
    console.on('SIGINT', () => this.#end());
    if (terminal) console.on('close', () => this.#ending === 'no' && this.#end());
    this.#prompt();
  }

  async #obey(order: ConsoleOrder): Promise<void> {
    switch (order.order) {
      case 'nothing':
        return;
      case 'wrong':
        return print(order.why);
      case 'help':
        return print(...consoleHelp);
      case 'nodes':
        return print(...this.#table());
      case 'quit':
        return this.#end();
      case 'status':
      case 'hints':
      case 'ring':
        return this.#look(order.order);
      default:
        return this.#handle(order.order, this.#nodes[order.node - 1]);
    }
  }

  #handle(order: 'kill' | 'stop' | 'start', node: DevNode): void {
    const { name } = node.plan;
    const { state } = node;
    if (order === 'start') {
      node.start();
      print(state === 'paused' ? `${name} goes on` : state === 'ended' ? `${name} starts` : `${name} runs already`);
    } else if (order === 'kill') {
      node.kill();
      print(state === 'ended' ? `${name} is down already` : `${name} is killed; start ${node.plan.number} brings it back`);
    } else {
      node.pause();
      print(state === 'ready' ? `${name} is paused; start ${node.plan.number} lets it go on` : `${name} is ${state}, not running`);
    }
  }

  async #look(what: 'status' | 'hints' | 'ring'): Promise<void> {
    const node = this.#nodes.find(({ state }) => state === 'ready');
    if (node === undefined) return print('no node runs; start 1 starts the first');
    const flags = { url: `http://${node.plan.http}` };
    try {
      if (what === 'status') await (await import('../command/status.ts')).status(flags);
      else await (await import('../command/cluster.ts'))[what](flags);
    } catch (error) {
      if (!(error instanceof CommandFailure)) throw error;
      print(error.message);
    }
  }

  #end(): void {
    if (this.#ending === 'now') return;
    this.#ending = this.#ending === 'no' ? 'draining' : 'now';
    this.#say(this.#ending === 'draining' ? 'stopping: every node drains (once more Ctrl-C ends them at once)' : 'ending at once');
    const signal = this.#ending === 'draining' ? 'SIGTERM' : 'SIGKILL';
    void Promise.all(this.#nodes.map((node) => node.end(signal))).then(() => {
      print('all nodes have stopped');
      this.#finish?.();
    });
  }

  /** Writes a line without tearing what is being typed. */
  #say(line: string): void {
    const isTyping = this.#console !== undefined && process.stdout.isTTY;
    print(`${isTyping ? '\r\u001b[K' : ''}${line}`);
    this.#prompt();
  }

  #prompt(): void {
    if (this.#ending === 'no' && process.stdout.isTTY && process.stdin.isTTY) this.#console?.prompt(true);
  }
}
