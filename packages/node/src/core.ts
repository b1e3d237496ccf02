/**
 * What every operation of a node works with, and the first step that they share: from a bucket's name and a key to a
 * place on the ring.
 */
import { CoterieError, type Environment } from '@coterie/env';
import type { Context, ContextSealer } from '@coterie/vector-clock';
import type { DirtyRanges } from './anti-entropy/dirty-ranges.ts';
import type { Trees } from './anti-entropy/trees.ts';
import type { Buckets } from './buckets/buckets.ts';
import type { ClusterLink } from './cluster/link.ts';
import type { KeyPlacement } from './cluster/placement.ts';
import type { Admittance } from './forgetting/admittance.ts';
import type { Floors } from './forgetting/floors.ts';
import type { Hazards } from './hazards.ts';
import type { HybridClock } from './objects/hybrid-clock.ts';
import type { CausalObject } from './objects/object.ts';
import { namingOperations } from './objects/seen-operations.ts';
import { addressOf } from './store/layout.ts';
import { keyBytesMax, type NodeLimits } from './limits.ts';
import type { Patience } from './coordinator/patience.ts';
import type { ClockWatch } from './peers/peer-clocks.ts';
import type { MoveCounts } from './transfer/moved.ts';
import type { WriteWitness } from './options.ts';
import type { LocalReplica, Place } from './replica/replica.ts';
import type { Store } from './store/store.ts';

/** The parts of a running node. */
export interface Core {
  readonly environment: Environment;
  readonly store: Store;
  /** This node's id on the ring. */
  readonly selfId: string;
  /** What the node knows of the others, and how it reaches them. */
  readonly cluster: ClusterLink;
  readonly buckets: Buckets;
  readonly local: LocalReplica;
  /** Sums over everything that `local` holds, for comparing. */
  readonly trees: Trees;
  /** Up to where the primaries have agreed on everything. */
  readonly floors: Floors;
  /** What those mean for what arrives. */
  readonly admittance: Admittance;
  /** Where other owners missed writes that nobody keeps for them. */
  readonly dirty: DirtyRanges;
  readonly sealer: ContextSealer;
  readonly hybridClock: Pick<HybridClock, 'next'>;
  /** Whether the wall clock behind it can be trusted. */
  readonly clocks: Pick<ClockWatch, 'isFar' | 'step'>;
  readonly limits: NodeLimits;
  /** How long silent stores are waited for. */
  readonly patience: Patience;
  /** What changes of the ring have cost so far. */
  readonly moved: MoveCounts;
  /** Safeguards that this node does without: none, but in tests of the store itself. */
  readonly hazards: Hazards;
  /** Hears of acknowledged writes: nobody, but in tests of the store itself. */
  readonly witness?: WriteWitness | undefined;
  /** Whether an acknowledged write is a synced one. */
  readonly syncsEachWrite: boolean;
}

/** The place of a key. @throws `INVALID_ARGUMENT` for an impossible bucket name or key */
export function placeOf(core: Core, bucketName: string, key: Uint8Array): Place {
  const bucket = core.buckets.get(bucketName);
  if (key.length < 1 || key.length > keyBytesMax) throw invalid(`keys have 1 to ${keyBytesMax} bytes, not ${key.length}`);
  const { nameBytes, generation } = bucket;
  return { bucket, address: addressOf({ bucket: bucketName, bucketBytes: nameBytes, generation, key }) };
}

/** Who holds the key at this place, by the ring of now. */
export function placementAt(core: Core, place: Place): KeyPlacement {
  return core.cluster.placement(place.address.token, place.bucket.properties.n);
}

/** What the holder of a context token has seen; undefined without a token. @throws `INVALID_ARGUMENT` */
export function openContext(core: Core, place: Place, token: string | undefined): Context | undefined {
  return token === undefined ? undefined : core.sealer.open(token, place.address);
}

/** The token of what the holder of `context` has seen of a key, as `object` knows it. */
export function sealContext(core: Core, place: Place, of: { readonly context: Context; readonly object: CausalObject }): string {
  return core.sealer.seal(namingOperations(of.context, of.object, core.cluster.state), place.address);
}

/** A refusal of something that can never work; nothing was done. */
export function invalid(message: string): CoterieError {
  return new CoterieError('INVALID_ARGUMENT', message, { details: { mayHaveTakenEffect: false } });
}
