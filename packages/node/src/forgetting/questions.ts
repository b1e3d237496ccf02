/**
 * What members ask each other in a round of forgetting (`round.ts`), as messages. Every question names the ring it is
 * about; whoever is at another one refuses.
 *
 * ```
 *  method           body                                                       values  answer: body │ values
 *  forget-report    [ringEpoch, [[partition, bucket, generation]…]]                    [incarnation, counter, wall clock, recovering,
 *                                                                                       condition, [[round, state]…]]
 *  forget-deliver   [ringEpoch]                                                        []
 *  forget-agree     [ringEpoch, member, [partition…]]                                  []
 *  forget-raise     [ringEpoch, condition, [base…], floors as rows]            floor…  []
 *  forget-floors    [[digest…], turn]                                                  floors as rows │ floor…
 *
 *  row = [partition, bucket, generation, expired]
 * ```
 *
 * For each *base* there is a floor at the head of those to be raised, of a stretch that the member has compared as an owner:
 * the round of the floor that it said it held there, 0 for none. A *condition* is said in a report and told
 * back when a floor is to be raised: if anything happened to the store that a round must not survive, it is another one by
 * then. *Digests* are sums over what floors a member knows, group by group; who knows too many others tells some at each *turn*.
 */
import type { RpcAnswer } from '@coterie/rpc';
import { arrayOf, bytesAt, malformed, numberOf, textOf } from '../peers/wire.ts';
import { decodeFloor, encodeFloor } from './floor.ts';
import { digestGroups, type FloorState, type Stretch, type ToldFloor } from './floors.ts';
import type { Report } from './round.ts';

/** Stretches in one message, at most. */
export const stretchesMax = 1000;
/** Partitions in one message, at most. */
const partitionsMax = 65_536;
const timeEnd = 2 ** 48;
const wordEnd = 2 ** 32;
const states: readonly FloorState[] = ['heard', 'to be dropped', 'settled'];

/** How a member keeps the floor of a stretch; round 0 where it has none. */
export interface Standing {
  readonly round: number;
  readonly state: FloorState;
}

/** What a member says of itself, and of the stretches that it was asked about. */
export interface MemberReport extends Report {
  /** It has something to take back there, and cannot say what it knows. */
  readonly isRecovering: boolean;
  readonly condition: string;
  readonly standings: readonly Standing[];
}

/** The answer to `forget-report`. */
export function packReport({ incarnation, counter, wallMs, isRecovering, condition, standings }: MemberReport): unknown[] {
  return [incarnation, counter, wallMs, isRecovering, condition, standings.map(({ round, state }) => [round, states.indexOf(state)])];
}

/** What `packReport` packed. @throws `PROTOCOL` */
export function openReport({ body }: Pick<RpcAnswer, 'body'>): MemberReport {
  const [incarnation, counter, wallMs, isRecovering, condition, standings] = arrayOf(body, 'report');
  const life = textOf(incarnation, 'incarnation');
  if (!/^[0-9a-f]{16}$/.test(life)) throw malformed('incarnation');
  return {
    incarnation: life,
    counter: numberOf(counter, 'counter', timeEnd),
    wallMs: numberOf(wallMs, 'clock', timeEnd),
    isRecovering: isRecovering !== false,
    condition: textOf(condition, 'condition'),
    standings: arrayOf(standings, 'standings', stretchesMax).map(openStanding),
  };
}

function openStanding(value: unknown): Standing {
  const [round, state] = arrayOf(value, 'standing');
  return { round: numberOf(round, 'round', timeEnd), state: states[numberOf(state, 'state', states.length)] ?? 'heard' };
}

/** Stretches as they travel. */
export function packStretches(stretches: readonly Stretch[]): unknown[] {
  return stretches.map(({ partition, bucket, generation }) => [partition, bucket, generation]);
}

/** What `packStretches` packed. @throws `PROTOCOL` */
export function openStretches(value: unknown): Stretch[] {
  return arrayOf(value, 'stretches', stretchesMax).map((stretch) => openStretch(arrayOf(stretch, 'stretch')));
}

/** Partitions. @throws `PROTOCOL` */
export function openPartitions(value: unknown): number[] {
  return arrayOf(value, 'partitions', partitionsMax).map((partition) => numberOf(partition, 'partition', partitionsMax));
}

/** Numbers of rounds. @throws `PROTOCOL` */
export function openRounds(value: unknown): number[] {
  return arrayOf(value, 'rounds', stretchesMax).map((round) => numberOf(round, 'round'));
}

/** Floors, as rows beside values. */
export function packFloors(floors: readonly ToldFloor[]): { readonly rows: unknown[]; readonly values: Uint8Array[] } {
  const rows = floors.map(({ partition, bucket, generation, before }) => [partition, bucket, generation, before.expiredMs]);
  return { rows, values: floors.map(({ floor }) => encodeFloor(floor)) };
}

/** What `packFloors` packed. @throws `PROTOCOL`, `CORRUPTION`, `UNSUPPORTED_FORMAT` */
export function openFloors(rows: unknown, values: readonly Uint8Array[]): ToldFloor[] {
  return arrayOf(rows, 'floors', stretchesMax).map((row, at) => {
    const [partition, bucket, generation, expired] = arrayOf(row, 'floor');
    const before = { expiredMs: numberOf(expired, 'expired', timeEnd) };
    return { ...openStretch([partition, bucket, generation]), before, floor: decodeFloor(bytesAt(values, at)) };
  });
}

/** Digests. @throws `PROTOCOL` */
export function openDigests(value: unknown): number[] {
  const digests = arrayOf(value, 'digests', digestGroups).map((digest) => numberOf(digest, 'digest', wordEnd));
  if (digests.length !== digestGroups) throw malformed('digests');
  return digests;
}

function openStretch([partition, bucket, generation]: readonly unknown[]): Stretch {
  return {
    partition: numberOf(partition, 'partition', partitionsMax),
    bucket: textOf(bucket, 'bucket'),
    generation: numberOf(generation, 'generation', wordEnd),
  };
}
