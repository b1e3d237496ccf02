/**
 * Everything about one run of a cluster, as plain data drawn from its seed: how the stores are cut, what goes wrong and
 * when, what the clients do. Two runs of one scenario are the same run.
 *
 * A swarm: each seed leaves some kinds of faults out and has others often, so that rare meetings happen somewhere.
 */
import type { BucketProperties, NodeLimits } from '@coterie/node';
import { drawActions, drawEverything, type PlannedAction } from './actions.ts';
import type { LinkConditions } from '../network/links.ts';
import { SeededRandom } from '../random.ts';
import { drawFaults, type PlannedFault, type WorldFaultKind } from '../world/faults.ts';

/** How small the stores are cut, so that flushes and compactions happen within minutes. */
export interface StoreCut {
  readonly writeBufferBytes: number;
  readonly cacheBytes: number;
  readonly blockBytes: number;
  readonly tableBytes: number;
  readonly level0Tables: number;
  readonly level1Bytes: number;
  readonly logSegmentBytes: number;
  readonly reserveBytes: number;
}

/** A bucket and what its writes and reads always ask for. */
export interface BucketPlan {
  readonly name: string;
  readonly properties: Partial<BucketProperties>;
  /** `strict`: every write asks pw=2 and every read pr=2. `any`: each request as it likes. */
  readonly asks: 'strict' | 'any';
}

/** How often clients do what: relative weights. */
export interface WorkloadMix {
  readonly read: number;
  /** A write with the context of the last answer about the key. */
  readonly update: number;
  /** A write without a context. */
  readonly blindPut: number;
  readonly delete: number;
  /** A delete without a context. */
  readonly blindDelete: number;
  /** `If-None-Match: *` or `If-Match`. */
  readonly conditional: number;
}

/** What the clients do. */
export interface WorkloadPlan {
  readonly clients: number;
  readonly buckets: readonly BucketPlan[];
  /** Keys in each bucket. */
  readonly keys: number;
  /** Between two operations of a client: at least, at most. */
  readonly thinkMs: readonly [number, number];
  readonly valueBytesMax: number;
  readonly mix: WorkloadMix;
  /** Of a hundred writes and reads, so many are content with one answer. */
  readonly sloppyPercent: number;
  /** Tries after the first, each at another node. */
  readonly retriesMax: number;
  readonly timeoutMs: number;
}

/** One run. */
export interface Scenario {
  readonly seed: number;
  readonly nodes: number;
  /** How long faults and clients go on, in virtual milliseconds. */
  readonly activeMs: number;
  readonly store: StoreCut;
  readonly link: Partial<LinkConditions>;
  readonly faults: readonly PlannedFault[];
  readonly workload: WorkloadPlan;
  /** What operators do to the ring meanwhile, and what befalls stores. */
  readonly actions: readonly PlannedAction[];
  /** The zone of each machine, in the order of `machineNames`; absent where there are none. */
  readonly zones?: readonly string[];
  /** Limits of the nodes, so small that they are reached. */
  readonly limits?: Partial<NodeLimits>;
}

/** What is asked of a scenario. */
export interface ScenarioWish {
  readonly seed: number;
  /** Virtual minutes under faults. */
  readonly minutes: number;
  /**
   * Whether operators change the ring meanwhile; with `everything`, stores meet with accidents as well, and there are zones.
   * All else is drawn the same. Default `still`.
   */
  readonly ring?: 'still' | 'changing' | 'everything';
  /** Whether the nodes have limits so small that they are reached; everything else is drawn the same. Default `usual`. */
  readonly limits?: 'usual' | 'tight';
}

const kinds: readonly WorldFaultKind[] = [
  'crash',
  'kill',
  'pause',
  'cut',
  'partition',
  'link',
  'reset',
  'jump',
  'drift',
  'slow disk',
  'failing disk',
  'read-only disk',
  'full disk',
];

/** The scenario of a seed. */
export function drawScenario({ seed, minutes, ring = 'still', limits = 'usual' }: ScenarioWish): Scenario {
  const random = new SeededRandom(seed, 0x5ce7a710);
  const nodes = 5;
  const activeMs = Math.round(minutes * 60_000);
  return {
    seed,
    nodes,
    activeMs,
    store: drawStore(random),
    link: random.chance(0.5) ? {} : { latencyMs: [0.1, 1 + random.below(20)], loss: random.chance(0.3) ? 0.02 * random.fraction() : 0 },
    faults: drawSwarm(random, nodes, activeMs),
    workload: drawWorkload(random),
    ...drawRing(seed, { ring, machines: machineNames(nodes), untilMs: activeMs }),
    ...(limits === 'usual' ? {} : { limits: drawLimits(new SeededRandom(seed, 0x11317)) }),
  };
}

/** Zones of five machines: how many there are of each. */
const zonings: readonly (readonly string[])[] = [
  [],
  [],
  ['a', 'b', 'c', 'a', 'b'],
  ['a', 'b', 'c', 'd', 'e'],
  ['a', 'a', 'b', 'b', 'c'],
  ['a', 'a', 'a', 'b', 'b'],
];

interface RingDraw {
  readonly ring: NonNullable<ScenarioWish['ring']>;
  readonly machines: readonly string[];
  readonly untilMs: number;
}

function drawRing(seed: number, { ring, machines, untilMs }: RingDraw): Pick<Scenario, 'actions' | 'zones'> {
  if (ring === 'still') return { actions: [] };
  if (ring === 'changing') return { actions: drawActions(new SeededRandom(seed, 0x7090_1097), { machines, untilMs }) };
  const random = new SeededRandom(seed, 0xe7e2_7417);
  const zones = random.pick(zonings);
  const actions = drawEverything(random, { machines, zones: [...new Set(zones)], untilMs });
  return zones.length === 0 ? { actions } : { actions, zones };
}

function drawLimits(random: SeededRandom): Partial<NodeLimits> {
  return {
    inFlightMax: 1 + random.below(4),
    inFlightBytesMax: random.pick([64, 1000, 10_000]),
    waitersPerKeyMax: 1 + random.below(3),
    hintsMax: 1 + random.below(6),
  };
}

/** Names of the machines: n1, n2, … */
export function machineNames(nodes: number): string[] {
  return Array.from({ length: nodes }, (_, index) => `n${index + 1}`);
}

function drawStore(random: SeededRandom): StoreCut {
  return {
    writeBufferBytes: random.pick([16, 64, 256]) * 1024,
    cacheBytes: 256 * 1024,
    blockBytes: random.pick([64, 512, 4096]),
    tableBytes: random.pick([8, 64]) * 1024,
    level0Tables: random.pick([2, 4, 12]),
    level1Bytes: random.pick([32, 256]) * 1024,
    logSegmentBytes: random.pick([64, 256]) * 1024,
    reserveBytes: 256 * 1024,
  };
}

function drawSwarm(random: SeededRandom, nodes: number, activeMs: number): PlannedFault[] {
  const chosen = kinds.flatMap((kind) => (random.chance(0.55) ? Array.from({ length: random.pick([1, 1, 3]) }, () => kind) : []));
  const longestMs = Math.min(random.pick([500, 3000, 10_000, 30_000]), Math.ceil(activeMs / 3));
  const perMinute = random.pick([4, 12, 30]);
  return drawFaults(random, {
    machines: machineNames(nodes),
    untilMs: activeMs - longestMs,
    longestMs,
    count: chosen.length === 0 ? 0 : Math.ceil((perMinute * activeMs) / 60_000),
    kinds: chosen,
  });
}

function drawWorkload(random: SeededRandom): WorkloadPlan {
  const slowest = random.pick([200, 800, 2000]);
  return {
    clients: 2 + random.below(5),
    buckets: [
      { name: 'plain', properties: {}, asks: 'any' },
      { name: 'strict', properties: { w: 2, pw: 2, r: 2, pr: 2 }, asks: 'strict' },
      { name: 'last', properties: { conflict: 'lww' }, asks: 'any' },
      { name: 'brief', properties: { ttlMs: 1000 + random.below(20_000) }, asks: 'any' },
    ],
    keys: 1 + random.below(12),
    thinkMs: [1, slowest],
    valueBytesMax: random.pick([16, 200, 4000]),
    mix: {
      read: 2 + random.below(6),
      update: 2 + random.below(6),
      blindPut: random.below(3),
      delete: random.below(3),
      blindDelete: random.below(2),
      conditional: random.below(3),
    },
    sloppyPercent: random.pick([0, 20, 60]),
    retriesMax: random.below(4),
    timeoutMs: random.pick([500, 2000, 5000]),
  };
}
