/**
 * Power fails at every disk operation of three nodes that decide together, for all of them at once. After reopening no
 * promise that was given is forgotten, no decision that was told of is lost, and they decide on.
 */
import { CrashError, createSimulation, type SimulatedDisk, type Simulation } from '@coterie/simulator';
import { describe, expect, it } from 'vitest';
import { compareBallots } from '../src/ballot.ts';
import { type Digest, RingLog, type Transport } from '../src/index.ts';
import { decodeReply, decodeRequest, encodeRequest, type LogReply } from '../src/messages.ts';
import type { RegisterReply } from '../src/register.ts';
import { act, type Team, teamRules } from './team.ts';

const long = process.env['COTERIE_LONG'] !== undefined;
const outcomes = long ? 6 : 1;
const decisions = long ? 16 : 8;
const names = ['n1', 'n2', 'n3'];
const identity = { cluster: 'test', lineage: 'test' };

/** A vote that somebody was told of. */
interface Vote {
  readonly epoch: number;
  readonly previous: string;
  readonly reply: RegisterReply;
}

/** What the world knew of each node when the power failed. */
interface Moment {
  readonly disk: SimulatedDisk;
  readonly digests: ReadonlyMap<string, Digest>;
  readonly votes: ReadonlyMap<string, readonly Vote[]>;
}

/** Three nodes on one disk, each in a directory of its own. */
class Trio {
  readonly simulation: Simulation;
  readonly logs = new Map<string, RingLog<Team>>();
  readonly votes = new Map<string, readonly Vote[]>();

  constructor(simulation: Simulation) {
    this.simulation = simulation;
  }

  async open(): Promise<void> {
    for (const name of names) this.logs.set(name, await this.#openOne(name));
  }

  log(name: string): RingLog<Team> {
    const log = this.logs.get(name);
    if (log === undefined) throw new Error(`${name} is not open`);
    return log;
  }

  /** Founds the cluster and decides, whoever's turn it is. */
  async work(count: number): Promise<void> {
    const state = { stewards: names.map((name) => this.log(name).self), words: [] };
    await this.log('n1').create({ cluster: 'test', state });
    for (const name of ['n2', 'n3']) await this.log(name).catchUp(['n1']);
    for (let i = 0; i < count; i++) {
      const several = [i, i + 1].map((turn) => names[turn % 3]);
      await Promise.all(several.map((name) => this.log(name).propose(act(`${name}-${i}`, { padding: 'x'.repeat(60 * (i % 4)) }))));
    }
    for (const name of names) await this.log(name).catchUp(names.filter((other) => other !== name));
  }

  async close(): Promise<void> {
    for (const log of this.logs.values()) await log.close();
  }

  digests(): Map<string, Digest> {
    const known = [...this.logs].map(([name, log]) => [name, log.digest()] as const);
    return new Map(known.flatMap(([name, digest]) => (digest === undefined ? [] : [[name, digest] as const])));
  }

  /** What a node answers to one request, past the transport. */
  async ask(name: string, vote: Vote, round: number): Promise<LogReply> {
    const request = { kind: 'prepare', ballot: { round, proposer: '!' } } as const;
    const body = { kind: 'vote', epoch: vote.epoch, previous: vote.previous, request } as const;
    return decodeReply(await this.log(name).handle(encodeRequest({ identity, body }))).body;
  }

  #openOne(node: string): Promise<RingLog<Team>> {
    const transport: Transport = { ask: (to, message) => this.#pass(to, message) };
    const limits = { recordsMax: 4, votesBytesMax: 400, backoffMs: 2 };
    return RingLog.open({
      directory: `/data/${node}`,
      node,
      rules: teamRules,
      transport,
      environment: this.simulation.environment,
      ...limits,
    });
  }

  async #pass(to: string, message: Uint8Array): Promise<Uint8Array> {
    const answer = await this.log(to).handle(message);
    const { body: request } = decodeRequest(message);
    const { body: reply } = decodeReply(answer);
    if (request.kind === 'vote' && reply.kind === 'vote') {
      const { epoch, previous } = request;
      this.votes.set(to, [...(this.votes.get(to) ?? []), { epoch, previous, reply: reply.reply }]);
    }
    return answer;
  }
}

/** Lets a trio work and keeps a copy of the disk before every operation that can change what a crash leaves. */
async function momentsOf(seed: number): Promise<Moment[]> {
  const moments: Moment[] = [];
  const trio = new Trio(createSimulation({ seed }));
  trio.simulation.disk.setFault((operation) => {
    if (operation.mutation === undefined) return undefined;
    moments.push({ disk: trio.simulation.disk.clone(), digests: trio.digests(), votes: new Map(trio.votes) });
    return undefined;
  });
  await trio.simulation.run(() => trio.open());
  await trio.simulation.run(() => trio.work(decisions));
  await trio.simulation.run(() => trio.close());
  return moments;
}

function survivor(disk: SimulatedDisk, seed: number): Simulation {
  const copy = disk.clone();
  copy.restart(seed);
  return createSimulation({ seed, disk: copy });
}

async function checkOutcome(moment: Moment, simulation: Simulation): Promise<void> {
  const trio = new Trio(simulation);
  await simulation.run(() => trio.open());
  for (const [name, digest] of moment.digests) {
    expect(trio.log(name).epoch, `${name} lost a decision`).toBeGreaterThanOrEqual(digest.epoch);
    expect(trio.log(name).hear(digest)).toMatch(/equal|behind/);
  }
  for (const [name, votes] of moment.votes) await simulation.run(() => checkVotes(trio, name, votes));
  if (moment.digests.size < names.length) return;
  await simulation.run(trio.log('n2').propose(act('after', { word: 'after' })));
  for (const name of names) await simulation.run(trio.log(name).catchUp(names.filter((other) => other !== name)));
  expect(new Set([...trio.digests().values()].map(({ hash }) => hash)).size).toBe(1);
}

async function checkVotes(trio: Trio, name: string, votes: readonly Vote[]): Promise<void> {
  const current = votes.filter(({ epoch }) => epoch > trio.log(name).epoch);
  for (const vote of current) {
    const { reply } = vote;
    if (reply.kind === 'refused') continue;
    const low = await trio.ask(name, vote, 0);
    if (low.kind !== 'vote' || low.reply.kind !== 'refused' || low.reply.promised === undefined)
      return expect.fail(`${name} forgot a promise`);
    expect(compareBallots(low.reply.promised, reply.ballot), `${name} forgot a promise`).toBeGreaterThanOrEqual(0);
    if (reply.kind !== 'accepted') continue;
    const high = await trio.ask(name, vote, low.reply.promised.round + 1);
    if (high.kind !== 'vote' || high.reply.kind !== 'promise' || high.reply.accepted === undefined)
      return expect.fail(`${name} forgot a vote`);
    expect(compareBallots(high.reply.accepted.ballot, reply.ballot), `${name} forgot a vote`).toBeGreaterThanOrEqual(0);
  }
}

/** Loses power at each operation of the opening itself, too. */
async function checkOpening(moment: Moment, seed: number): Promise<void> {
  for (let at = 0; ; at++) {
    const simulation = survivor(moment.disk, seed);
    simulation.disk.crashAtMutation(at);
    const trio = new Trio(simulation);
    const crashed = await simulation
      .run(() => trio.open())
      .then(
        () => false,
        (error: unknown) => error instanceof CrashError || Promise.reject(error),
      );
    if (!crashed) return;
    await checkOutcome(moment, survivor(simulation.disk, seed + at));
  }
}

describe('a crash at every operation', () => {
  it('takes back no promise and no decision', async () => {
    const moments = await momentsOf(3);
    expect(moments.length).toBeGreaterThan(200);
    expect(moments.at(-1)?.digests.get('n1')?.epoch).toBeGreaterThan(decisions);
    for (const [at, moment] of moments.entries()) {
      for (let outcome = 0; outcome < outcomes; outcome++) await checkOutcome(moment, survivor(moment.disk, at * 10 + outcome));
    }
  }, 600_000);

  it('and another one while opening changes nothing', async () => {
    const moments = await momentsOf(4);
    const step = long ? 5 : 60;
    for (let at = 0; at < moments.length; at += step) await checkOpening(moments[at], at * 100);
  }, 600_000);

  it('would show a vote that was answered too early', async () => {
    const moments = await momentsOf(5);
    const ahead = moments.map((moment, at) => ({ ...moment, votes: moments[Math.min(at + 3, moments.length - 1)].votes }));
    let forgotten = 0;
    for (const [at, moment] of ahead.entries()) {
      const outcome = checkOutcome(moment, survivor(moment.disk, at));
      await outcome.catch((error: unknown) => {
        if (!/forgot a (promise|vote)/.test(String(error))) throw error;
        forgotten++;
      });
      if (forgotten > 3) return;
    }
    expect.fail('none was shown');
  }, 600_000);
});
