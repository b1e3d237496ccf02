/** What a member does in a round of forgetting that somebody drives: answers, and what it makes sure of before it does. */
import { CoterieError } from '@coterie/env';
import type { Handler } from '@coterie/rpc';
import type { AntiEntropy } from '../anti-entropy/anti-entropy.ts';
import { sharedPartitions } from '../anti-entropy/pair.ts';
import type { Core } from '../core.ts';
import type { Evacuation } from '../transfer/evacuation.ts';
import type { Handoff } from '../transfer/handoff.ts';
import type { Life } from '../store/life.ts';
import { arrayOf, memberIdOf, numberOf, textOf } from '../peers/wire.ts';
import { digestGroups, type Stretch, type ToldFloor } from './floors.ts';
import {
  type MemberReport,
  openDigests,
  openFloors,
  openPartitions,
  openRounds,
  openStretches,
  packFloors,
  packReport,
  stretchesMax,
} from './questions.ts';

/** What answers work with. */
export interface AnswerParts {
  readonly core: Core;
  readonly life: Pick<Life, 'incarnation' | 'counter' | 'end' | 'renew'>;
  readonly handoff: Pick<Handoff, 'deliverAll'>;
  readonly evacuation: Pick<Evacuation, 'isClearAt'>;
  readonly antiEntropy: Pick<AntiEntropy, 'agree'>;
}

/** Answers for this member. */
export class ForgettingAnswers {
  readonly #parts: AnswerParts;

  constructor(parts: AnswerParts) {
    this.#parts = parts;
  }

  /** What others ask, and this node itself. */
  readonly handlers: Readonly<Record<string, Handler>> = {
    'forget-report': async ({ body }) => {
      const [ring, stretches] = arrayOf(body, 'body');
      this.#checkRing(ring);
      return { body: packReport(this.#report(openStretches(stretches))) };
    },
    'forget-deliver': async ({ body }) => {
      await this.#deliver(arrayOf(body, 'body')[0]);
      return { body: [] };
    },
    'forget-agree': async ({ body }) => {
      const [ring, member, partitions] = arrayOf(body, 'body');
      await this.#agree(ring, memberIdOf(member), openPartitions(partitions));
      return { body: [] };
    },
    'forget-raise': async ({ body, values }) => {
      const [ring, condition, bases, rows] = arrayOf(body, 'body');
      this.#checkRing(ring);
      await this.#raise(textOf(condition, 'condition'), openFloors(rows, values), openRounds(bases));
      return { body: [] };
    },
    'forget-floors': async ({ body }) => {
      const [digests, turn] = arrayOf(body, 'body');
      const { rows, values } = packFloors(this.#floorsBeside(openDigests(digests), numberOf(turn, 'turn')));
      return { body: rows, values };
    },
  };

  /** Whether this store is one of the owners of a stretch, by the ring of now. */
  owns({ partition, bucket }: Pick<Stretch, 'partition' | 'bucket'>): boolean {
    const { core } = this.#parts;
    const { members, replicas } = core.cluster.state.ring;
    const holders = (replicas[partition] ?? []).slice(0, core.buckets.get(bucket).properties.n);
    return holders.some((position) => members[position].id === core.selfId);
  }

  /** Floors from a round or from an owner that holds them: this store has all that they promise. */
  async takeUp(floors: readonly ToldFloor[]): Promise<void> {
    const { core, life } = this.#parts;
    await core.floors.raise(floors);
    // A life goes on above its floors; one that finds itself below went back in time.
    if (floors.every(({ floor }) => (floor.upTo.get(life.incarnation) ?? 0) <= life.counter)) return;
    life.end('a floor names dots of this life that it has not made');
    await life.renew();
  }

  /** @throws `STALE_RING` when this node is at another ring, or the ring is changing */
  #checkRing(ring: unknown): void {
    const { state } = this.#parts.core.cluster;
    if (numberOf(ring, 'ring') === state.ringEpoch && state.changes.length === 0) return;
    const message = `a round of forgetting is for one ring; here it is ${state.ringEpoch}${state.changes.length > 0 ? ', and changing' : ''}`;
    throw new CoterieError('STALE_RING', message, { details: { epoch: state.epoch, mayHaveTakenEffect: false } });
  }

  #report(stretches: readonly Stretch[]): MemberReport {
    const { life, core } = this.#parts;
    const owned = stretches.filter((one) => this.owns(one));
    return {
      incarnation: life.incarnation,
      counter: life.counter,
      wallMs: core.environment.clock.now(),
      isRecovering: owned.some(({ partition }) => core.cluster.isRecovering(partition)),
      condition: this.#condition,
      standings: stretches.map((one) => {
        const kept = core.floors.of(one);
        return { round: kept?.floor.round ?? 0, state: kept?.state ?? 'heard' };
      }),
    };
  }

  /** Another one when a life has ended or a batch has failed. */
  get #condition(): string {
    const { life, core } = this.#parts;
    return `${life.incarnation} ${core.trees.failures}`;
  }

  async #deliver(ring: unknown): Promise<void> {
    this.#checkRing(ring);
    const { handoff, evacuation, core } = this.#parts;
    if (!evacuation.isClearAt(core.cluster.state.ringEpoch)) throw notReady('something may lie out of place still');
    if (!(await handoff.deliverAll())) throw notReady('it keeps for others what they could not be given yet');
    this.#checkRing(ring);
  }

  async #agree(ring: unknown, member: string, partitions: readonly number[]): Promise<void> {
    this.#checkRing(ring);
    const { core, antiEntropy } = this.#parts;
    const shared = new Set(sharedPartitions(core.cluster.state, core.selfId, member));
    if (!partitions.every((partition) => shared.has(partition))) throw notReady('a partition is not shared');
    await antiEntropy.agree(member, partitions);
    this.#checkRing(ring);
  }

  /** Floors with a base are of stretches that this store has compared as an owner; of the others it only hears. */
  async #raise(condition: string, floors: readonly ToldFloor[], bases: readonly number[]): Promise<void> {
    const { core } = this.#parts;
    if (condition !== this.#condition) throw notReady('something has happened to its store since the round began');
    const stands = (one: ToldFloor, base: number | undefined): boolean => {
      const kept = core.floors.of(one);
      const held = kept === undefined || kept.state === 'heard' ? 0 : kept.floor.round;
      return held === base && held < one.floor.round && kept?.state !== 'to be dropped';
    };
    const agreed = floors.slice(0, bases.length);
    const owned = agreed.filter((one) => this.owns(one));
    if (!agreed.every((one, at) => !this.owns(one) || stands(one, bases[at])))
      throw notReady('it has taken up another floor since the round began');
    if (owned.some(({ partition }) => core.cluster.isRecovering(partition))) throw notReady('its store has something to take back');
    await core.floors.hear(floors.filter((one) => !owned.includes(one)));
    if (owned.length > 0) await this.takeUp(owned);
  }

  /** Floors in the groups of which the asker knows something else; of too many other ones at every turn. */
  #floorsBeside(theirs: readonly number[], turn: number): ToldFloor[] {
    const { floors } = this.#parts.core;
    const own = floors.digests;
    const apart = [...floors.all].filter(({ partition }) => own[partition % digestGroups] !== theirs[partition % digestGroups]);
    const first = (turn % Math.max(1, Math.ceil(apart.length / stretchesMax))) * stretchesMax;
    return apart.slice(first, first + stretchesMax);
  }
}

function notReady(message: string): CoterieError {
  return new CoterieError('NOT_READY', message);
}
