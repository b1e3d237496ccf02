/**
 * How a node comes to belong to a cluster when its ring log knows none yet.
 *
 * ```
 *   no seeds ──▶ a cluster of its own: epoch 1, all partitions here
 *   seeds    ──▶ asks one: "decide that I join" ──▶ pulls the ring log ──▶ member, holding nothing yet
 * ```
 *
 * Until it is decided it asks every half second, and at once when a member calls: then it was decided elsewhere.
 *
 * Only a first start without seeds begins a cluster. A node that was one before is the same member again, seeds or not.
 * Asking twice to join is harmless: the member's id says that it is the same.
 */
import { CoterieError, type Environment, isCoterieError } from '@coterie/env';
import type { RingLog } from '@coterie/consensus';
import { createRing } from '@coterie/ring';
import type { DecidedBuckets } from '../buckets/buckets.ts';
import type { Callers } from './callers.ts';
import { seatStewards } from './electorate.ts';
import { levelKnownBy } from './level.ts';
import type { ClusterState, Member } from './state.ts';
import { ringMemberOf } from './wishes.ts';

/** What a first state is made of. */
export interface Founding {
  readonly clusterId: string;
  /** 64 hex digits. */
  readonly clusterKey: string;
  readonly partitions: number;
  readonly founder: Member;
  readonly buckets: DecidedBuckets;
}

/** The first state of a cluster of one. @throws `INVALID_ARGUMENT` for an impossible number of partitions */
export function foundCluster({ clusterId, clusterKey, partitions, founder, buckets }: Founding): ClusterState {
  return {
    epoch: 1,
    clusterId,
    clusterKey,
    level: levelKnownBy(founder),
    ring: createRing({ partitions, members: [ringMemberOf(founder)] }),
    ringEpoch: 1,
    members: [founder],
    stewards: seatStewards([founder]),
    changes: [],
    staged: [],
    leaving: [],
    lost: [],
    former: [],
    buckets,
  };
}

/** What joining needs. */
export interface Joining {
  readonly environment: Environment;
  readonly ringLog: RingLog<ClusterState>;
  readonly seeds: readonly string[];
  readonly member: Member;
  /** Whether it gives up after a while, or waits until an operator lets it in. */
  readonly waits: 'a while' | 'for ever';
  /** Members that call at this node's door. */
  readonly callers: Pick<Callers, 'within'>;
  /** Asks the node at `seed` to have it decided that `member` joins. */
  askToJoin(seed: string, member: Member): Promise<unknown>;
}

/** Between two rounds of asking. */
const pauseMs = 500;
/** The same after a member has called, for so many rounds: the seeds may not have heard yet what it knows. */
const pauseWhenCalledMs = 50;
const roundsWhenCalled = 10;
/** Rounds before it gives up: ten minutes, since members join one after the other. */
const roundsMax = 1200;
/** Rounds between two lines of the log that say that it still asks. */
const roundsPerLine = 20;

/** Refusals of a seed that may be different later: a node that is still starting, or joining, does not know how to take others in. */
const mayPass: ReadonlySet<string> = new Set(['REMOTE', 'UNSUPPORTED_FORMAT']);

/** Joins the cluster of the first seed that takes this member. @throws what a seed refuses for good, or the last failure */
export async function joinThrough(joining: Joining): Promise<void> {
  const { environment, ringLog, seeds, member } = joining;
  const { log } = environment;
  log.info('asking to join', { seeds: seeds.join(' '), member: member.id, name: member.name });
  let last: unknown;
  let hurriedRounds = 0;
  for (let round = 0; round < roundsMax || joining.waits === 'for ever'; round++) {
    for (const seed of seeds) {
      try {
        await joining.askToJoin(seed, member);
        await ringLog.catchUp([seed]);
        log.info('joined', { seed, cluster: ringLog.state.clusterId, epoch: ringLog.epoch, members: ringLog.state.members.length });
        return;
      } catch (error) {
        if (isCoterieError(error) && !error.retryable && !mayPass.has(error.code)) throw error;
        if (round % roundsPerLine === 0) log.info('could not join yet; trying again', { seed, round: round + 1, reason: String(error) });
        last = error;
      }
    }
    const isCalled = await joining.callers.within(environment.timers, hurriedRounds > 0 ? pauseWhenCalledMs : pauseMs);
    hurriedRounds = isCalled ? roundsWhenCalled : Math.max(0, hurriedRounds - 1);
  }
  throw new CoterieError('TIMEOUT', `no seed of ${seeds.join(', ')} took this node in: ${String(last)}`, { cause: last });
}
