/**
 * One run of a scenario, from an empty world to a verdict.
 *
 * ```
 *   form the cluster ▶ make the buckets ▶ clients ∥ faults ▶ faults end ▶ rest ▶ last reads ▶ judge
 * ```
 */
import type { Log } from '@coterie/env';
import type { NodeOptions } from '@coterie/node';
import { SeededRandom } from '../random.ts';
import { strike } from '../world/strike.ts';
import { createWorld } from '../world/world.ts';
import { checkBounded, type Sighting } from './checkers/bounded.ts';
import { judge, lostWrites } from './checkers/index.ts';
import type { Violation } from './checkers/violation.ts';
import { Client, type ClientParts } from './client.ts';
import { Fleet } from './fleet.ts';
import { type YoungDisks, zonesOf } from './founding.ts';
import { Health } from './health.ts';
import { effectOf, type History, type Write } from './history.ts';
import { Operators } from './operators.ts';
import { Recorder } from './recorder.ts';
import { comeToRest } from './rest.ts';
import type { Scenario, WorkloadPlan } from './scenario.ts';
import { StoreLedger } from './store-ledger.ts';
import { Watch } from './watch.ts';

/** What came of a run. */
export interface RunResult {
  readonly seed: number;
  readonly violations: readonly Violation[];
  /** Everything that has a limit, on each node, when it was fullest. */
  readonly fullest: readonly Sighting[];
  readonly history: History;
  /** Hash of everything that happened: equal for equal scenarios. */
  readonly traceHash: string;
  /** Virtual milliseconds of the whole run. */
  readonly virtualMs: number;
  readonly events: number;
  readonly faults: number;
  /** Writes and reads that the checkers judged. */
  readonly operations: number;
  readonly acknowledged: number;
  /** Acknowledged writes that may be lost, since all stores that a reply counted have lost them, and those of them that are. */
  readonly mayBeLost: number;
  readonly lost: number;
  /** The last lines that the nodes logged. */
  readonly lines: readonly string[];
}

/** Settings of a run that are not part of its scenario. */
export interface RunOptions {
  readonly node?: Partial<NodeOptions>;
  /** A cluster that was formed before, by `formYoungDisks`; otherwise each run forms its own. Part of what a trace depends on. */
  readonly disks?: YoungDisks;
  /** Log lines that are kept. Default 200. */
  readonly linesMax?: number;
}

/** How often nodes look for what can be forgotten, so that rounds end within a run. */
export const forgetEveryMs = 2000;
/** Limits of nodes that forget within a minute: as long as an operation may take, and be asked for again. */
export const briefMemory: { readonly timeoutMsMax: number; readonly operationMemoryMs: number } = {
  timeoutMsMax: 10_000,
  operationMemoryMs: 30_000,
};

/** Runs a scenario. */
export async function runScenario(scenario: Scenario, options: RunOptions = {}): Promise<RunResult> {
  const lines = new LastLines(options.linesMax ?? 200);
  const world = createWorld({
    seed: scenario.seed,
    network: { usual: scenario.link },
    log: (machine) => lines.log(machine, () => world.nowMs),
  });
  const ledger = new StoreLedger(() => world.nowMs);
  const fleet = new Fleet({
    world,
    nodes: scenario.nodes,
    store: scenario.store,
    options: { forgetEveryMs, limits: { ...briefMemory, ...scenario.limits }, witness: ledger.witness, ...options.node },
    ...(scenario.zones === undefined ? {} : { zones: zonesOf(scenario.zones) }),
    ...(options.disks === undefined ? {} : { disks: options.disks }),
  });
  const recorder = new Recorder();
  const { violations, fullest, lost } = await world.run(() => live(scenario, fleet, { recorder, ledger }));
  const { history } = recorder;
  return {
    seed: scenario.seed,
    violations,
    fullest,
    history,
    traceHash: world.traceHash,
    virtualMs: world.nowMs,
    events: world.eventCount,
    faults: scenario.faults.length,
    operations: history.writes.length + history.reads.length + history.last.length,
    acknowledged: history.writes.filter((write) => effectOf(write) === 'certain').length,
    mayBeLost: history.writes.filter((write) => effectOf(write) === 'certain' && ledger.mayBeLostFrom(write) < Infinity).length,
    lost,
    lines: lines.all,
  };
}

/** What is written down of a run. */
interface Books {
  readonly recorder: Recorder;
  readonly ledger: StoreLedger;
}

async function live(
  scenario: Scenario,
  fleet: Fleet,
  { recorder, ledger }: Books,
): Promise<Pick<RunResult, 'violations' | 'fullest' | 'lost'>> {
  const { world } = fleet;
  const { workload } = scenario;
  await fleet.form();
  await makeBuckets(fleet, workload);
  const places = await placesOf(fleet, workload);
  ledger.place((bucket, key) => places.get(`${bucket}/${key}`)?.partition ?? 0);
  const startMs = world.nowMs;
  const health = new Health(scenario, startMs);
  const isStill = scenario.actions.length === 0;
  const madeHere: ClientParts['madeHere'] = (node, { bucket, key, startMs: sentMs }) =>
    isStill && places.get(`${bucket}/${key}`)?.owners.includes(node) === true && health.wasWell(node, sentMs, world.nowMs);
  const clients = Array.from({ length: workload.clients }, (_, index) => {
    const random = new SeededRandom(scenario.seed, 0xc11e0000 + index);
    return new Client({ fleet, plan: workload, random, recorder, madeHere });
  });
  const operators = new Operators(fleet, ledger);
  const watch = new Watch(fleet);
  watch.begin();
  const watched = isStill ? undefined : operators.watch();
  const work = clients.map((client) => client.work(startMs + scenario.activeMs));
  await Promise.all([strike(world, scenario.faults), operators.act(scenario.actions), ...work]);
  const unrest = await comeToRest({ fleet, plan: workload, recorder, forgets: 'soon' });
  operators.stopWatching();
  watch.end();
  await watched;
  const terms = {
    buckets: workload.buckets,
    timeoutMs: workload.timeoutMs,
    lostFrom: (write: Write) => ledger.mayBeLostFrom(write),
    missedFrom: (write: Write) => ledger.mayBeMissedFrom(write),
    wasWell: (node: string, fromMs: number, untilMs: number) => health.wasWell(node, fromMs, untilMs),
  };
  const lost = lostWrites(recorder.history, workload.buckets);
  const unannounced = ledger.unannounced(lost).map((sentence): Violation => ({ rule: 'P1', sentence }));
  const found = [...judge(recorder.history, terms), ...unannounced, ...unrest, ...operators.violations];
  const violations = [...found, ...checkBounded(watch.fullest)];
  return { violations, fullest: watch.fullest, lost: lost.length };
}

async function makeBuckets(fleet: Fleet, { buckets }: WorkloadPlan): Promise<void> {
  for (const { name, properties } of buckets) {
    if (Object.keys(properties).length > 0) await insist(fleet, () => fleet.ask('n1', (node) => node.setBucket(name, properties), 10_000));
  }
  const epochs = (): ReadonlySet<number> => new Set(fleet.nodes.map((node) => node.cluster().epoch));
  await fleet.until(() => epochs().size === 1, 'every node knows the buckets');
}

/** Tries until it succeeds: a member that has just joined may not be reached by all yet. */
async function insist<T>(fleet: Fleet, work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (tries === 20) throw error;
      await fleet.pause(200);
    }
  }
}

/** Where a key lies, in a ring that stays as it is. */
interface KeyPlace {
  readonly partition: number;
  /** Names of its holders. */
  readonly owners: readonly string[];
}

async function placesOf(fleet: Fleet, { buckets, keys }: WorkloadPlan): Promise<ReadonlyMap<string, KeyPlace>> {
  const places = new Map<string, KeyPlace>();
  for (const { name } of buckets) {
    for (let number = 0; number < keys; number++) {
      const key = `k${number}`;
      const { partition, preferenceList } = await fleet.ask('n1', (node) => node.where(name, new TextEncoder().encode(key)), 10_000);
      const owners = preferenceList.filter(({ role }) => role === 'primary').map(({ node }) => node);
      places.set(`${name}/${key}`, { partition, owners });
    }
  }
  return places;
}

/** The last so many lines of a log. */
class LastLines {
  readonly all: string[] = [];
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  log(machine: string, nowMs: () => number): Log {
    const write =
      (level: string) =>
      (event: string, fields?: object): void => {
        this.all.push(`${(nowMs() / 1000).toFixed(3)} ${machine} ${level} ${event} ${JSON.stringify(fields ?? {})}`);
        if (this.all.length > this.#max) this.all.shift();
      };
    return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
  }
}
