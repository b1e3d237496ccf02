/** Where a rehearsal is played: members of a cluster that have everything in memory, each with a door. */
import { type Clock, type Environment, type Random, silentLog, sleep } from '@coterie/env';
import { openStore } from '@coterie/lsm';
import { type CoterieNode, startNode } from '@coterie/node';
import { HostRule } from '../http/hosts.ts';
import type { ListenerLimits } from '../http/listener.ts';
import { Service, type ServiceLimits } from '../http/service.ts';
import { type StageAnswer, StageDoor, type StageRequest } from './stage-door.ts';
import { StageFiles } from './stage-files.ts';
import { StageJobs } from './stage-jobs.ts';
import { StageNetwork } from './stage-network.ts';
import { StageTime } from './stage-time.ts';

/** Limits of the members' doors. */
export interface DoorLimits {
  readonly service: ServiceLimits;
  readonly listener: ListenerLimits;
}

/** A member. */
interface Player {
  readonly node: CoterieNode;
  readonly door: StageDoor;
}

const mebibyte = 2 ** 20;
const storeOptions = { cacheBytes: 2 * mebibyte, writeBufferBytes: mebibyte, logSegmentBytes: mebibyte / 4, reserveBytes: 0 };
const lookMs = 20;

/** The members, and the world that they share. */
export class Stage {
  readonly time: StageTime;
  /** Requests that were answered. */
  requests = 0;
  readonly #network: StageNetwork;
  readonly #random: Random;
  readonly #limits: DoorLimits;
  readonly #players: Player[] = [];

  constructor({ clock, random }: { readonly clock: Clock; readonly random: Random }, limits: DoorLimits) {
    this.time = new StageTime(clock.now());
    this.#network = new StageNetwork(this.time);
    this.#random = random;
    this.#limits = limits;
  }

  /** How many have entered. */
  get size(): number {
    return this.#players.length;
  }

  /** One more member comes: the first begins a cluster, the others join it. Resolves when it is one. */
  async enter(): Promise<void> {
    const number = this.size + 1;
    const environment = this.#environment();
    const node = await startNode({
      environment,
      dataDirectory: '/data',
      name: `player-${number}`,
      partitions: 64,
      peer: { listen: addressOf(number), seeds: number === 1 ? [] : [addressOf(1)], http: addressOf(number) },
      openStore: (directory, opening) => openStore(directory, { ...opening, ...storeOptions }),
      forgetEveryMs: 'never',
    });
    const service = new Service({ world: environment, limits: this.#limits.service, hosts: new HostRule({ loopback: true, names: [] }) });
    service.begin(node);
    this.#players.push({ node, door: new StageDoor(service, this.#limits.listener) });
  }

  /** Resolves when all agree on who is a member, and nothing moves any more. */
  async settled(): Promise<void> {
    const isSettled = ({ node }: Player): boolean => {
      const { members, change } = node.cluster();
      return members.length === this.size && change === undefined;
    };
    while (!this.#players.every(isSettled)) await sleep(this.time, lookMs);
  }

  /** Asks the member of this place in the order of entering. @throws Error for an answer that is none of success */
  async ask(place: number, request: StageRequest): Promise<StageAnswer> {
    const answer = await this.#players[place].door.ask(request);
    if (answer.status >= 300) throw new Error(`${request.method} ${request.path} was answered with ${answer.status}`);
    this.requests += 1;
    return answer;
  }

  #environment(): Environment {
    const { time } = this;
    const world = { clock: time, files: new StageFiles(), random: this.#random, log: silentLog };
    return { ...world, timers: time, network: this.#network, jobs: new StageJobs(world) };
  }
}

function addressOf(number: number): string {
  return `10.0.0.${number}:7072`;
}
