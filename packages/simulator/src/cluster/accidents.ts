/**
 * What befalls stores in a run, and what operators do about it: stores are wiped, rot, are saved and put back; machines
 * die and are removed by force, or begin anew in their own place. Everything goes into the ledger.
 *
 * ```
 *   ruined ──▶ the node starts (and has looked for damage) ──▶ it recovers ──▶ recovers no more: whole
 *   dead   ──▶ a member that calls it dead says what may be lost ──▶ removes it ──▶ removed, and its disk may turn up
 * ```
 *
 * One machine is dead for good at a time, and only while enough others are there: who loses a majority of the stewards
 * for good needs another tool.
 */
import { type Environment, isCoterieError } from '@coterie/env';
import { type CoterieNode, restoreBackup } from '@coterie/node';
import { CrashError } from '../disk/faults.ts';
import type { SimulatedDisk } from '../disk/disk.ts';
import type { Accident } from './actions.ts';
import type { Fleet } from './fleet.ts';
import { isDamage, Rescue } from './rescue.ts';
import { flipBits, isOfVotes, isTable, storeDirectory, takesMore } from './rot.ts';
import type { StoreLedger } from './store-ledger.ts';
import { Votes } from './votes.ts';

/** What accidents happen to. */
export interface AccidentParts {
  readonly fleet: Fleet;
  readonly ledger: StoreLedger;
  /** Something that has to come about does not. */
  complain(sentence: string): void;
}

/** A store that does not vouch yet. */
interface Doubt {
  readonly member: string;
  /** It cannot vouch in a life before this one. */
  readonly life: number;
  /** Somebody has to look for damage first. */
  mustLook: boolean;
  /** What it acknowledges before that life is lost as well, and is not in the ledger yet. */
  takesMore: boolean;
}

const dataDirectory = '/data';
const watchMs = 100;
const patienceMs = 10_000;
const pauseMs = 1000;
/** Rounds in which a removal or a replacement by force has to succeed, once faults are borne. */
const roundsMax = 300;
/** Members that are there besides the one that dies; and besides one that cannot start, which only a majority has to do without. */
const othersMin = 3;
const othersOfHopelessMin = 2;

/** Lets accidents happen. */
export class Accidents {
  readonly #parts: AccidentParts;
  readonly #doubts = new Map<string, Doubt>();
  readonly #backups = new Map<string, { readonly name: string; readonly member: string; readonly begunMs: number }>();
  readonly #votes: Votes;
  readonly #rescue: Rescue;
  /** Machines whose nodes are to begin anew, since nothing else helps. */
  readonly #hopeless = new Set<string>();
  #isWatching = true;
  #backupsTaken = 0;
  #death: Promise<void> | undefined;

  constructor(parts: AccidentParts) {
    this.#parts = parts;
    const { fleet } = parts;
    this.#votes = new Votes(fleet);
    this.#rescue = new Rescue({
      fleet,
      throwStoreAway: (machine) => {
        this.#ruin(machine, (disk) => disk.erase(storeDirectory));
        fleet.startAgain(machine);
      },
      beginAnew: (machine) => {
        this.#hopeless.add(machine);
        this.#votes.lose(machine, fleet.world.machine(machine).lives + 1);
        fleet.stopFor(machine, () => undefined);
        void this.#oneByOne({ kind: 'rebuild', machine });
      },
    });
  }

  /** Lets one happen; resolves when operators have done what they can about it. */
  async happen(accident: Accident): Promise<void> {
    switch (accident.kind) {
      case 'wipe':
        return this.#wipe(accident.machines, accident.ms);
      case 'rot':
        return this.#rot(accident);
      case 'back up':
        return this.#backUp(accident.machine);
      case 'restore':
        return this.#restore(accident.machine);
      default:
        return this.#oneByOne(accident);
    }
  }

  /** Watches for stores that vouch again, and for nodes that cannot start, until it is told to stop. */
  async watch(): Promise<void> {
    while (this.#isWatching) {
      this.#look();
      await this.#parts.fleet.pause(watchMs);
    }
  }

  stopWatching(): void {
    this.#isWatching = false;
  }

  async #wipe(machines: readonly string[], ms: number): Promise<void> {
    const { fleet } = this.#parts;
    const there = machines.filter((machine) => fleet.machines.includes(machine));
    for (const machine of there) this.#ruin(machine, (disk) => disk.erase(storeDirectory));
    await fleet.pause(ms);
    for (const machine of there) fleet.startAgain(machine);
  }

  /** A store has lost something, and what is left is started in a new life. */
  #ruin(machine: string, damage: (disk: SimulatedDisk) => void, savedMs?: number): void {
    const { fleet, ledger } = this.#parts;
    const member = fleet.idOf(machine);
    fleet.stopFor(machine, damage);
    if (member === undefined) return;
    ledger.ruined(member, savedMs === undefined ? {} : { savedMs });
    this.#doubts.set(machine, { member, life: fleet.world.machine(machine).lives + 1, mustLook: false, takesMore: false });
  }

  async #rot({ machine, seed, ms }: Extract<Accident, { kind: 'rot' }>): Promise<void> {
    const { fleet, ledger } = this.#parts;
    if (!fleet.machines.includes(machine)) return;
    const { disk } = fleet.world.machine(machine);
    const path = flipBits(disk, { seed, sparesVotes: !this.#votes.sufficeWithout(machine) });
    const member = fleet.idOf(machine);
    if (path === undefined || member === undefined) return;
    if (isOfVotes(path)) this.#votes.lose(machine, disk.life.number + 1);
    ledger.ruined(member, { isHidden: true });
    // A running node looks at its tables; what else it has it reads when it starts.
    const isSeen = isTable(path);
    this.#doubts.set(machine, { member, life: disk.life.number + (isSeen ? 0 : 1), mustLook: isSeen, takesMore: takesMore(path) });
    await fleet.pause(ms);
    if (isSeen || !fleet.machines.includes(machine)) return;
    fleet.stopFor(machine, () => undefined);
    fleet.startAgain(machine);
  }

  async #backUp(machine: string): Promise<void> {
    const { fleet } = this.#parts;
    const name = `b${++this.#backupsTaken}`;
    const begunMs = fleet.world.nowMs;
    await this.#attempt(machine, (node) =>
      node.backUp(name).then(({ member }) => void this.#backups.set(machine, { name, member, begunMs })),
    );
  }

  async #restore(machine: string): Promise<void> {
    const { fleet } = this.#parts;
    const backup = this.#backups.get(machine);
    if (backup === undefined || backup.member !== fleet.idOf(machine) || !fleet.machines.includes(machine)) return;
    this.#ruin(machine, () => undefined, backup.begunMs);
    fleet.stopFor(machine, () => undefined, { prepare: (environment) => this.#putInPlace(environment, machine, backup.name) });
    fleet.startAgain(machine);
    return Promise.resolve();
  }

  /** Puts a backup in the place of a store. One that is damaged is refused before anything is touched, and given up: the node goes on with what it has. */
  async #putInPlace(environment: Environment, machine: string, name: string): Promise<void> {
    try {
      await restoreBackup({ environment, backup: `${dataDirectory}/backups/${name}`, dataDirectory, as: 'member' });
    } catch (error) {
      if (!isDamage(error)) throw error;
      this.#backups.delete(machine);
      // Its tables are links to those of the store.
      const doubt = this.#doubts.get(machine);
      if (doubt !== undefined) doubt.mustLook = true;
    }
  }

  /** Deaths happen one after the other. */
  async #oneByOne(accident: Extract<Accident, { kind: 'remove' | 'rebuild' }>): Promise<void> {
    const before = this.#death ?? Promise.resolve();
    const mine = before.then(() => this.#die(accident));
    this.#death = mine;
    await mine;
  }

  async #die(accident: Extract<Accident, { kind: 'remove' | 'rebuild' }>): Promise<void> {
    const { machine } = accident;
    const { fleet } = this.#parts;
    const member = fleet.idOf(machine);
    // A node that does not start may never again.
    const staying = fleet.staying.filter((name) => name !== machine && fleet.failedStarts(name).times === 0);
    const most = this.#hopeless.delete(machine) ? othersOfHopelessMin : othersMin;
    const isBearable = staying.length >= most && this.#votes.sufficeWithout(machine);
    if (member === undefined || !fleet.members.includes(machine) || !isBearable) return fleet.startAgain(machine);
    this.#doubts.delete(machine);
    this.#votes.lose(machine, Infinity);
    if (accident.kind === 'remove') {
      fleet.scrap(machine);
      await this.#removeByForce(machine, member);
      // It may have died while it took its own former place.
      for (const one of this.#namesakesOf(machine, member)) await this.#removeByForce(machine, one);
      this.#votes.settle(machine);
      if (accident.returns) fleet.turnUp(machine);
      return;
    }
    const others = this.#namesakesOf(machine, member);
    this.#backups.delete(machine);
    fleet.stopFor(machine, (disk) => disk.erase(dataDirectory), { entry: { replace: member } });
    fleet.startAgain(machine);
    for (const one of [member, ...others]) await this.#removeByForce(machine, one);
    this.#votes.settle(machine);
    // Whoever is not in its place by now joins as anybody does.
    fleet.enter(machine, {});
  }

  /** Members under this machine's name besides this one, by the newest ring: what it was to become when it was lost once more. */
  #namesakesOf(machine: string, member: string): string[] {
    const [first, ...others] = this.#parts.fleet.nodes;
    const newest = others.reduce<CoterieNode | undefined>((best, node) => (best && best.epoch >= node.epoch ? best : node), first);
    const members = newest?.cluster().members ?? [];
    return members.filter(({ name, id, isLost }) => name === machine && id !== member && !isLost).map(({ id }) => id);
  }

  /** Has a member that is dead for good removed, or replaced if somebody waits to take its place. */
  async #removeByForce(machine: string, member: string): Promise<void> {
    const { fleet, ledger, complain } = this.#parts;
    let statement: readonly string[] = [];
    for (let round = 0; round < roundsMax; round++) {
      await fleet.pause(pauseMs);
      const at = this.#newestBut(machine);
      if (at === undefined) continue;
      await this.#attempt(at, async (node) => {
        if (isGone(node, member)) return;
        const { state, unsureIds } = await node.topology.losses(member);
        if (state !== 'dead') return;
        statement = unsureIds;
        await takeOut(node, machine, member);
      });
      const asked = fleet.nodeOn(at);
      if (asked === undefined || !isGone(asked, member)) continue;
      return ledger.removed(member, { beside: statement });
    }
    complain(`the removal of ${machine} by force does not come about in ${roundsMax} s`);
  }

  /** The machine whose node knows the newest ring: one that lags, with a full disk, may not know yet that the dead one has joined. */
  #newestBut(machine: string): string | undefined {
    const { fleet } = this.#parts;
    const epochAt = (name: string): number => fleet.nodeOn(name)?.epoch ?? -1;
    const [first, ...others] = fleet.asked.filter((name) => name !== machine);
    return first && others.reduce((best, name) => (epochAt(name) > epochAt(best) ? name : best), first);
  }

  #look(): void {
    const { fleet, ledger } = this.#parts;
    for (const [machine, doubt] of this.#doubts) {
      if (fleet.world.machine(machine).lives < doubt.life) continue;
      if (doubt.takesMore) ledger.ruined(doubt.member);
      doubt.takesMore = false;
      const node = fleet.nodeOn(machine);
      if (node?.status().nodeId !== doubt.member) continue;
      if (doubt.mustLook) void this.#lookForDamage(machine, doubt);
      else if (!node.cluster().isRecovering) {
        this.#doubts.delete(machine);
        ledger.whole(doubt.member);
      }
    }
    this.#votes.look();
    for (const machine of fleet.machines) this.#rescue.look(machine);
  }

  async #lookForDamage(machine: string, doubt: Doubt): Promise<void> {
    doubt.mustLook = false;
    const isDone = await this.#attempt(machine, (node) => node.scrub());
    if (!isDone) doubt.mustLook = true;
  }

  /** Whether the node on a machine did it. */
  async #attempt(machine: string, work: (node: CoterieNode) => Promise<unknown>): Promise<boolean> {
    try {
      await this.#parts.fleet.ask(machine, work, patienceMs);
      return true;
    } catch (error) {
      if (!isCoterieError(error) && !(error instanceof CrashError)) throw error;
      return false;
    }
  }
}

function isGone(node: CoterieNode, member: string): boolean {
  return !node.cluster().members.some(({ id, isLost }) => id === member && !isLost);
}

/** Replaced by force where somebody waits for its place and nothing else is under way, which may wait for the dead one; else removed. */
async function takeOut({ topology }: CoterieNode, machine: string, member: string): Promise<void> {
  const { staged, changes } = await topology.plan();
  const isAwaited = staged.some((wish) => wish.includes(`by ${machine}`));
  if (!isAwaited || changes.length > 0) return topology.remove(member);
  try {
    await topology.begin({ kind: 'replace', member, by: machine, force: true });
  } catch (error) {
    // Refused for good: nobody takes the place of a member that was leaving.
    if (!isCoterieError(error, 'INVALID_ARGUMENT')) throw error;
    await topology.remove(member);
  }
}
