/**
 * Loss scenario 22: stewards crash and are wiped in mid-decision, and still every epoch is decided once. With votes
 * answered before they are on disk, or with votes by a node whose votes were lost, a seed decides one epoch twice.
 */
import { isCoterieError } from '@coterie/env';
import { CrashError, SeededRandom } from '@coterie/simulator';
import { describe, expect, it } from 'vitest';
import type { Hazards, RingLog } from '../src/index.ts';
import { Cluster } from './cluster.ts';
import { act, type Team } from './team.ts';

const long = process.env['COTERIE_LONG'] !== undefined;
const seeds = long ? 400 : 40;
const names = ['n1', 'n2', 'n3'];

/** One run under faults; what it saw. */
interface Seen {
  /** Hashes of the chain at each epoch, on any node's disk at any time. */
  readonly hashes: Map<number, Set<string>>;
  readonly decided: number;
}

/** An outage takes all nodes at once. */
type Disaster = 'crash' | 'outage' | 'wipe';

/** Nodes propose against each other while one after the other is cut off, crashes or is wiped. */
class Storm {
  readonly #cluster: Cluster;
  readonly #random: SeededRandom;
  readonly #disasters: readonly Disaster[];
  readonly #hashes = new Map<number, Set<string>>();
  #decided = 0;
  #proposed = 0;

  constructor(seed: number, disasters: readonly Disaster[], hazards: Hazards) {
    this.#cluster = new Cluster({ seed, nodes: names, hazards, drop: 0.05, repeat: 0.1, delayMs: [0.2, 5], log: { attemptsMax: 6 } });
    this.#random = new SeededRandom(seed, 0x570);
    this.#disasters = disasters;
  }

  async run(rounds: number): Promise<Seen> {
    await this.#cluster.found();
    for (const name of names) this.#watch(this.#cluster.log(name));
    for (let i = 0; i < rounds; i++) await this.#round();
    this.#cluster.cuts.clear();
    for (const name of names) await this.#meet(name);
    return { hashes: this.#hashes, decided: this.#decided };
  }

  /** Two nodes propose; then something happens to somebody. */
  async #round(): Promise<void> {
    for (const name of names) if (this.#random.chance(0.6)) this.#propose(name);
    await this.#cluster.pass(this.#random.below(12));
    this.#cluster.cuts.clear();
    if (this.#random.chance(0.7)) this.#cluster.isolate(this.#random.pick(names));
    const victim = this.#random.pick(names);
    if (!this.#random.chance(0.7)) return;
    await this.#strike(victim, this.#random.pick(this.#disasters));
  }

  async #strike(victim: string, disaster: Disaster): Promise<void> {
    if (disaster === 'wipe') this.#cluster.wipe(victim);
    else for (const name of disaster === 'outage' ? names : [victim]) this.#cluster.crash(name);
    for (const name of names) if (this.#cluster.node(name).log === undefined) await this.#start(name);
  }

  async #start(victim: string): Promise<void> {
    const log = await this.#cluster.boot(victim);
    this.#watch(log);
    if (log.epoch > 0) return;
    await this.#meet(victim);
    if (log.epoch > 0) this.#settle(log.propose(act(log.self.incarnation, { seat: log.self }), { timeoutMs: 500 }));
  }

  async #meet(name: string): Promise<void> {
    const others = names.filter((other) => other !== name);
    for (let tries = 0; tries < 4; tries++) {
      await this.#cluster.until(this.#cluster.log(name).catchUp(others)).catch(expected);
    }
    this.#note(this.#cluster.log(name));
  }

  #propose(name: string): void {
    const log = this.#cluster.node(name).log;
    if (log === undefined || log.epoch === 0) return;
    const id = `d${this.#proposed++}`;
    this.#settle(log.propose(act(id, { word: id }), { timeoutMs: 200 }));
  }

  #settle(work: Promise<unknown>): void {
    work.then(() => this.#decided++, expected);
  }

  #watch(log: RingLog<Team>): void {
    this.#note(log);
    log.onChange(() => this.#note(log));
  }

  #note(log: RingLog<Team>): void {
    const digest = log.digest();
    if (digest === undefined) return;
    const known = this.#hashes.get(digest.epoch) ?? new Set<string>();
    this.#hashes.set(digest.epoch, known.add(digest.hash));
  }
}

/** Proposals may fail here; a bug may not. */
function expected(error: unknown): void {
  if (!isCoterieError(error) && !(error instanceof CrashError)) throw error;
}

async function storm(seed: number, disasters: readonly Disaster[], hazards: Hazards = {}): Promise<{ twice: number[]; decided: number }> {
  const { hashes, decided } = await new Storm(seed, disasters, hazards).run(30);
  return { decided, twice: [...hashes].filter(([, found]) => found.size > 1).map(([epoch]) => epoch) };
}

/** Finds a seed that decides an epoch twice with the hazard, and none without. */
async function checkHazard(disasters: readonly Disaster[], hazards: Hazards): Promise<void> {
  for (let seed = 0; seed < seeds * 4; seed++) {
    if ((await storm(seed, disasters, hazards)).twice.length === 0) continue;
    expect((await storm(seed, disasters)).twice, `seed ${seed} without the hazard`).toEqual([]);
    return;
  }
  expect.fail(`none of ${seeds * 4} seeds decides an epoch twice`);
}

describe('stewards that crash and are wiped in mid-decision', () => {
  it('decide every epoch once', async () => {
    let decided = 0;
    for (let seed = 0; seed < seeds; seed++) {
      const seen = await storm(seed, ['crash', 'outage', 'wipe']);
      expect(seen.twice, `seed ${seed}`).toEqual([]);
      decided += seen.decided;
    }
    expect(decided).toBeGreaterThan(seeds);
  }, 600_000);

  it('would decide one twice if votes were answered before they are on disk', async () => {
    await checkHazard(['crash', 'outage'], { answerBeforeSync: true });
  }, 600_000);

  it('would decide one twice if a node voted whose votes were lost', async () => {
    await checkHazard(['wipe'], { anyIncarnationVotes: true });
  }, 600_000);
});
