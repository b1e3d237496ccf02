/**
 * Changes of the ring as operators ask for them: names become ids, wishes go to the topology, and plans come back in words.
 * A node that takes no part in its cluster any more changes nothing, and says nothing of what others may lose: what it holds
 * is merged by nobody.
 */
import type { PlannedRing } from '@coterie/ring';
import type { BegunReport, LossReport, PlannedLoad, PlanReport, RingChanges, RingWish, WishOrigin } from '../api-topology.ts';
import { type ClusterState, type Member, type StagedWish, type Wish } from '../cluster/state.ts';
import { checkTakesPart, checkWish, memberName, refuse, wishInWords } from '../cluster/wishes.ts';
import { type Reported, reportChanges } from '../report.ts';
import { nameOfPlan, showPlanName } from './plan-name.ts';

/** Operators' changes at one node. */
export class OperatorChanges implements RingChanges {
  readonly #parts: Reported;

  constructor(parts: Reported) {
    this.#parts = parts;
  }

  async plan(): Promise<PlanReport> {
    const { state } = this.#parts.core.cluster;
    const { staged } = state;
    const found = staged.length === 0 ? {} : await this.#preview(state, staged);
    const names = (ids: readonly string[]): string[] => ids.map((id) => nameOf(state, id));
    const words = staged.map((wish) => wishInWords(state, wish));
    const lists = { leaving: names(state.leaving), lost: names(state.lost) };
    const origins = staged.map((wish) => this.#originOf(state, wish));
    return { epoch: state.epoch, staged: words, origins, ...found, changes: reportChanges(this.#parts), ...lists };
  }

  async stage(wish: RingWish): Promise<void> {
    this.#checkTakesPart();
    await this.#parts.topology.stage(this.#resolve(wish), this.#parts.core.selfId);
  }

  async commit(plan?: string): Promise<BegunReport> {
    this.#checkTakesPart();
    const begun = await this.#parts.topology.commit(plan);
    const { state } = this.#parts.core.cluster;
    return { plan: begun.plan, wishes: begun.wishes.map((wish) => wishInWords(state, wish)) };
  }

  async abort(change?: string): Promise<'change' | 'staged'> {
    this.#checkTakesPart();
    return this.#parts.topology.abort(change);
  }

  async begin(wish: RingWish): Promise<void> {
    this.#checkTakesPart();
    await this.#parts.topology.begin([this.#resolve(wish)]);
  }

  async losses(member: string): Promise<LossReport> {
    const { core, whoIsUp } = this.#parts;
    this.#checkTakesPart();
    const { state } = core.cluster;
    const { id, name } = memberNamed(state, member);
    const at = state.ring.members.findIndex((one) => one.id === id);
    const held = state.ring.replicas.filter((holders) => holders.includes(at));
    const isUp = (position: number): boolean => core.cluster.standing(state.ring.members[position].id) === 'up';
    const alone = held.filter((holders) => !holders.some((position) => position !== at && isUp(position))).length;
    const { state: health } = whoIsUp.describe(id);
    const unsureIds = await this.#unsureAmong(held.flat().filter((position) => position !== at));
    const unsure = unsureIds.map((one) => unmistakably(state, one));
    const report = { member: name, state: health, partitions: held.length, heldByNobodyElse: alone, unsure, unsureIds };
    return { ...report, sentences: lossSentences(report) };
  }

  async remove(member: string): Promise<void> {
    this.#checkTakesPart();
    const { core, topology, whoIsUp } = this.#parts;
    const { id, name } = memberNamed(core.cluster.state, member);
    if (id === core.selfId) throw refuse(`${name} cannot remove itself by force; let it leave, or ask another member`);
    if (whoIsUp.describe(id).state === 'alive') throw refuse(`${name} is up: let it leave (coterie leave ${name}), and nothing is lost`);
    await topology.lose(id);
  }

  #originOf(state: ClusterState, { stagedBy, stagedAtMs }: StagedWish): WishOrigin {
    const now = this.#parts.core.environment.clock.now();
    return {
      ...(stagedBy === undefined ? {} : { by: memberName(state, stagedBy) }),
      ...(stagedAtMs === undefined ? {} : { agoMs: Math.max(0, now - stagedAtMs) }),
    };
  }

  #checkTakesPart(): void {
    const { cluster, selfId } = this.#parts.core;
    checkTakesPart(cluster.state, selfId);
  }

  /** Ids of those of these members that are down, or do not vouch for what they have. */
  async #unsureAmong(positions: readonly number[]): Promise<string[]> {
    const { core, recovery } = this.#parts;
    const { cluster, selfId } = core;
    const { members } = cluster.state.ring;
    const asked = [...new Set(positions)].map(async (position) => {
      const { id } = members[position];
      const vouches = id === selfId ? !recovery.isRecovering : cluster.standing(id) !== 'down' && (await vouchesNow(core, id));
      return vouches ? [] : [id];
    });
    return (await Promise.all(asked)).flat();
  }

  async #preview(state: ClusterState, staged: readonly Wish[]): Promise<Pick<PlanReport, 'plan' | 'problem' | 'preview'>> {
    try {
      staged.forEach((wish) => checkWish(state, wish));
      const target = await this.#parts.topology.preview(staged);
      return { plan: showPlanName(nameOfPlan(staged, target)), preview: previewOf(this.#parts, target) };
    } catch (error) {
      return { problem: error instanceof Error ? error.message : String(error) };
    }
  }

  #resolve(wish: RingWish): Wish {
    const { state } = this.#parts.core.cluster;
    if (wish.kind === 'join') return { kind: 'join', member: waitingNamed(state, wish.member) };
    const { id } = memberNamed(state, wish.member);
    if (wish.kind === 'leave') return { kind: 'leave', id };
    if (wish.kind === 'weight') return { kind: 'weight', id, weight: wish.weight };
    const isUp = this.#parts.core.cluster.standing(id) !== 'down';
    if (wish.force === true && isUp) throw refuse(`${wish.member} is up: replace it without force, and nothing is lost`);
    if (wish.force !== true && !isUp)
      throw refuse(`${wish.member} is down and has nothing to give; with --force its place is taken from the others' copies`);
    return { kind: 'replace', id, by: waitingNamed(state, wish.by), isLost: wish.force === true };
  }
}

/** Whether a member vouches for all that it holds; one that does not answer does not. */
async function vouchesNow({ cluster }: Reported['core'], member: string): Promise<boolean> {
  try {
    const { body } = await cluster.peers.ask(member, { method: 'recovering', body: [], values: [] });
    return Array.isArray(body) && body[0] === false;
  } catch {
    return false;
  }
}

function lossSentences({ member, partitions, heldByNobodyElse, unsure }: Omit<LossReport, 'sentences'>): string[] {
  return [
    `${member} holds a copy of ${partitions} partitions; they are given to others, from the other holders' copies.`,
    ...(heldByNobodyElse === 0
      ? []
      : [`Of ${heldByNobodyElse} of them no other holder is up: everything in them is lost, unless such a holder comes back.`]),
    ...(unsure.length === 0
      ? []
      : [
          `${unsure.join(', ')} hold copies with it and cannot vouch for theirs now: what only they and ${member} acknowledged may be lost too.`,
        ]),
    `Lost are writes that ${member} alone acknowledged (w=1 while it could not reach others), and what it kept for others and had not handed over.`,
    `${member} has no say from now on. If its disk turns up again, nothing on it is merged by itself.`,
  ];
}

/** What a committed plan would do, in numbers. */
function previewOf({ core }: Pick<Reported, 'core'>, plan: PlannedRing): NonNullable<PlanReport['preview']> {
  const { moves, fewestMoves, changed, advice } = plan;
  const bytesAbout = Math.round(moves * bytesPerCopy(core.store.statistics?.(), ownCopies(core)));
  return {
    moves,
    fewestMoves,
    partitionsChanged: changed.length,
    bytesAbout,
    loads: loadsOf(plan),
    advice: advice.map(({ message }) => message),
  };
}

function ownCopies({ cluster, selfId }: Reported['core']): number {
  const { ring } = cluster.state;
  const self = ring.members.findIndex(({ id }) => id === selfId);
  return ring.replicas.filter((holders) => holders.includes(self)).length;
}

function bytesPerCopy(statistics: Readonly<Record<string, number | string | boolean>> | undefined, copies: number): number {
  const bytes = Number(statistics?.['tableBytes'] ?? 0) + Number(statistics?.['activeMemtableBytes'] ?? 0);
  return copies === 0 ? 0 : bytes / copies;
}

function loadsOf({ before, after }: PlannedRing): PlannedLoad[] {
  const then = new Map(after.members.map((member) => [member.id, member]));
  const now = new Set(before.members.map(({ id }) => id));
  const stayed = before.members.map(({ id, name, replicas }): PlannedLoad => {
    const planned = then.get(id);
    return { name, before: replicas, ...(planned === undefined ? {} : { after: planned.replicas, ideal: planned.ideal }) };
  });
  const came = after.members.filter(({ id }) => !now.has(id)).map(({ name, replicas, ideal }) => ({ name, after: replicas, ideal }));
  return [...stayed, ...came];
}

function memberNamed(state: ClusterState, named: string): Member {
  const found = state.members.find(({ id, name }) => id === named || name === named);
  if (found !== undefined) return found;
  throw refuse(`${named} is not a member; there are ${state.members.map(({ name }) => name).join(', ')}`);
}

/** A node that waits to be let in. */
function waitingNamed({ staged }: ClusterState, named: string): Member {
  const waiting = staged.flatMap((wish) => (wish.kind === 'join' ? [wish.member] : wish.kind === 'replace' ? [wish.by] : []));
  const found = waiting.find(({ id, name }) => id === named || name === named);
  if (found !== undefined) return found;
  const who = waiting.length === 0 ? 'no node waits' : `there wait ${waiting.map(({ name }) => name).join(', ')}`;
  throw refuse(`${named} does not wait to be let in (coterie start --seed … --join staged); ${who}`);
}

/** A member's name, and its id where another one goes by that name: whoever takes its own former place. */
function unmistakably(state: ClusterState, id: string): string {
  const name = nameOf(state, id);
  return state.members.some((other) => other.name === name && other.id !== id) ? `${name} (${id})` : name;
}

function nameOf(state: ClusterState, id: string): string {
  return state.members.find((member) => member.id === id)?.name ?? id;
}
