/**
 * Learns floors from others. Every member hears of all of them, so that it can tell what is old; an owner that does not
 * vouch for one yet takes it up from another owner that does.
 *
 * ```
 *   every few seconds, one member: digests ─ equal? done ─▶ floors that are news ─▶ heard
 *   heard, and this store is an owner ─▶ an exchange with one that holds it ─▶ held here
 *                                         └── what that one has forgotten and this store had, goes
 * ```
 *
 * The exchange has to begin when the other holds the floor: then this store knows everything that the floor promises,
 * whether it joined later, was given more buckets, or lost its store and took it back.
 */
import { sharersOf } from '../anti-entropy/pair.ts';
import type { Core } from '../core.ts';
import type { AnswerParts, ForgettingAnswers } from './answers.ts';
import type { KeptFloor, ToldFloor } from './floors.ts';
import { type MemberReport, openFloors, openReport, packStretches, stretchesMax } from './questions.ts';

/** What a taker works with. */
export interface TakerParts extends Pick<AnswerParts, 'core' | 'antiEntropy'> {
  readonly answers: Pick<ForgettingAnswers, 'owns' | 'takeUp'>;
}

/** Between two questions for news. */
const everyMs = 3000;

/** Takes floors over. */
export class FloorTaker {
  readonly #parts: TakerParts;
  #nextMs = 0;
  #turn = 0;
  /** Higher than what is held here. */
  #ahead: ToldFloor[] = [];

  constructor(parts: TakerParts) {
    this.#parts = parts;
  }

  /** Asks one member for news, and takes up what this store is an owner of. */
  async step(): Promise<void> {
    const { core, answers } = this.#parts;
    const { clock } = core.environment;
    const others = core.cluster.state.members.map(({ id }) => id).filter((id) => id !== core.selfId && core.cluster.standing(id) === 'up');
    if (others.length === 0 || core.cluster.state.changes.length > 0 || clock.monotonic() < this.#nextMs) return;
    this.#nextMs = clock.monotonic() + everyMs;
    this.#turn += 1;
    await this.#hear(others[this.#turn % others.length]);
    const wanted = [...this.#ahead, ...[...core.floors.all].filter(({ state }) => state === 'heard')].filter(
      (one) => answers.owns(one) && !core.cluster.isRecovering(one.partition) && isCurrent(core, one),
    );
    const sharers = sharersOf(core.cluster.state, core.selfId).filter((id) => others.includes(id));
    if (wanted.length > 0 && sharers.length > 0) await this.#takeFrom(sharers[this.#turn % sharers.length], wanted.slice(0, stretchesMax));
  }

  async #hear(member: string): Promise<void> {
    const { core } = this.#parts;
    const news = (await this.#toldBy(member)).filter((one) => core.floors.isNews(one));
    await core.floors.hear(news);
    this.#ahead = [...this.#ahead, ...news].filter((one) => core.floors.isNews(one)).slice(-stretchesMax);
  }

  /** Floors of a member that may differ from those here. */
  async #toldBy(member: string): Promise<ToldFloor[]> {
    const { core } = this.#parts;
    const pages = Math.floor(this.#turn / core.cluster.state.members.length);
    const body = [core.floors.digests, pages];
    const answer = await core.cluster.peers.ask(member, { method: 'forget-floors', body, values: [] });
    return openFloors(answer.body, answer.values).filter((one) => isCurrent(core, one));
  }

  async #takeFrom(member: string, heard: readonly ToldFloor[]): Promise<void> {
    const { core, antiEntropy, answers } = this.#parts;
    // Of a round that failed half way this store may have heard what nobody holds: what counts is what the other does.
    const theirs = new Map((await this.#toldBy(member)).map((one) => [nameOf(one), one]));
    const wanted = heard.map((one) => theirs.get(nameOf(one)) ?? one);
    const before = await this.#reportOf(member, wanted);
    if (before.isRecovering) return;
    const taken = wanted.filter((one, at) => {
      const { state, round } = before.standings[at];
      return state === 'settled' && round === one.floor.round && (core.floors.of(one)?.state === 'heard' || core.floors.isNews(one));
    });
    if (taken.length === 0) return;
    const floors = new Map(taken.map((one) => [nameOf(one), one.floor]));
    const ring = core.cluster.state.ringEpoch;
    await antiEntropy.agree(
      member,
      [...new Set(taken.map(({ partition }) => partition))].sort((a, b) => a - b),
      (place) => {
        const partition = Math.floor(place.address.token.high / (2 ** 32 / core.cluster.state.ring.partitions));
        return floors.get(nameOf({ partition, bucket: place.bucket.name })) ?? core.admittance.heldAt(place);
      },
    );
    const after = await this.#reportOf(member, wanted);
    if (after.condition !== before.condition || core.cluster.state.ringEpoch !== ring || after.isRecovering) return;
    // One that raised it meanwhile may have left the partition out of the comparison.
    const isSame = (at: number): boolean => String(Object.values(after.standings[at])) === String(Object.values(before.standings[at]));
    const held = taken.filter((one) => isSame(wanted.indexOf(one)));
    await answers.takeUp(held.filter((one) => answers.owns(one) && !core.cluster.isRecovering(one.partition)));
  }

  async #reportOf(member: string, wanted: readonly ToldFloor[]): Promise<MemberReport> {
    const { core } = this.#parts;
    const body = [core.cluster.state.ringEpoch, packStretches(wanted)];
    return openReport(await core.cluster.peers.ask(member, { method: 'forget-report', body, values: [] }));
  }
}

/** Whether the bucket's generation is the one of now. */
function isCurrent(core: Core, { bucket, generation }: Pick<KeptFloor, 'bucket' | 'generation'>): boolean {
  return core.buckets.get(bucket).generation === generation;
}

function nameOf({ partition, bucket }: { readonly partition: number; readonly bucket: string }): string {
  return `${partition} ${bucket}`;
}
