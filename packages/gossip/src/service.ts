/**
 * The machine in the world: its messages over a transport, its deadlines on timers, its list in a file.
 *
 * ```
 *   startGossip ─▶ restore the list ─▶ running ── leave ─▶ (told to all) ── stop ─▶ list written, nothing runs
 *                                        │  ▲
 *                     receive, timers ───┘  └── send, onChange, onEpoch, …
 * ```
 *
 * The file is written some seconds after the last change, and when the service stops. A list that cannot be read is left aside with a
 * warning: seeds and others' probes will bring it back. One that cannot be written is tried again at the next change.
 */
import { type Bounds, CoterieError, type Environment, sleep, type Timer } from '@coterie/env';
import type { Effect } from './effects.ts';
import { readListFile, writeListFile } from './list-file.ts';
import { type Counters, GossipMachine } from './machine.ts';
import type { Profile, ProfileWish } from './profile.ts';
import type { MemberState } from './standing.ts';
import type { MemberStatus } from './status.ts';
import type { Timing } from './timing.ts';

/** Carries messages; may lose them. */
export interface GossipTransport {
  /** Sends to the member that listens at `address`, never throws, never waits. */
  send(address: string, bytes: Uint8Array): void;
}

/** What a service begins with. */
export interface GossipOptions {
  readonly environment: Pick<Environment, 'clock' | 'timers' | 'random' | 'files' | 'log'>;
  readonly transport: GossipTransport;
  /** How this member describes itself. Its incarnation is made here. */
  readonly self: ProfileWish;
  /** Left out by one who joins through seeds and has no list yet. */
  readonly cluster?: string;
  readonly seeds?: readonly string[];
  /** An existing directory for the list; without it nothing is kept. */
  readonly directory?: string;
  readonly timing?: Partial<Timing>;
  readonly events?: GossipEvents;
}

/** What the service tells its owner. Handlers must not throw. */
export interface GossipEvents {
  /** A member is believed in another state, or has a new profile. `undefined`: not in the list. */
  change?(id: string, is: MemberState | undefined, was: MemberState | undefined): void;
  /** A member knows of a higher ring epoch. Told again at each message that shows it. */
  epoch?(id: string, epoch: number): void;
  /** A seed let this member in. */
  joined?(cluster: string): void;
}

/** Time from the last change to writing the list. */
const saveAfterMs = 5000;
/** How long `leave` keeps telling. */
const leaveMs = 2000;

/** Starts membership. @throws `INVALID_ARGUMENT` for a profile or seeds that cannot be told */
export async function startGossip(options: GossipOptions): Promise<GossipService> {
  const service = new GossipService(options);
  await service.begin();
  return service;
}

/** Running membership. Made by `startGossip`. */
export class GossipService {
  readonly #options: GossipOptions;
  readonly #machine: GossipMachine;
  #state: 'starting' | 'running' | 'stopped' = 'starting';
  #timer: Timer | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #saveTimer: Timer | undefined;
  #saving: Promise<void> = Promise.resolve();

  constructor(options: GossipOptions) {
    this.#options = options;
    const { environment, self, cluster, seeds, timing } = options;
    this.#machine = new GossipMachine({
      self,
      incarnation: Math.max(1, environment.clock.now()),
      random: environment.random,
      ...(cluster === undefined ? {} : { cluster }),
      ...(seeds === undefined ? {} : { seeds }),
      ...(timing === undefined ? {} : { timing }),
    });
  }

  /** Reads the list and goes to work. */
  async begin(): Promise<void> {
    await this.#restore();
    if (this.#state === 'stopped') return;
    this.#state = 'running';
    this.#carryOut(this.#machine.start(this.#now));
  }

  /** A message came over the transport, from whoever listens at `from`. Its bytes are not kept. */
  receive(from: string, bytes: Uint8Array): void {
    if (this.#state === 'running') this.#carryOut(this.#machine.receive(this.#now, from, bytes));
  }

  /** A real request to a member failed, or was answered. Cheap; may cause a probe. */
  evidence(id: string, outcome: 'failed' | 'answered'): void {
    if (this.#state === 'running') this.#carryOut(this.#machine.evidence(this.#now, id, outcome));
  }

  /** Members that the ring log names, for those who are not in the list yet. */
  introduce(profiles: Iterable<Profile>): void {
    this.#ensureRunning();
    this.#carryOut(this.#machine.introduce(this.#now, profiles));
  }

  /** Describes this member anew to all. @throws `INVALID_ARGUMENT` `CLOSED` */
  revise(change: Partial<Omit<ProfileWish, 'id'>>): void {
    this.#ensureRunning();
    this.#carryOut(this.#machine.revise(this.#now, change));
  }

  /** The ring epoch that this node knows now, for laggards to notice. */
  setEpoch(epoch: number): void {
    this.#machine.setEpoch(epoch);
  }

  /** Takes a member out of the list for good. @throws `CLOSED` */
  forget(id: string): void {
    this.#ensureRunning();
    this.#carryOut(this.#machine.forget(this.#now, id));
  }

  /** Tells the others that this member goes on purpose; resolves when most will have heard. @throws `CLOSED` */
  async leave(): Promise<void> {
    this.#ensureRunning();
    this.#carryOut(this.#machine.leave(this.#now));
    await sleep(this.#options.environment.timers, leaveMs);
  }

  /** Stops, and writes the list a last time. Harmless when it is stopped. */
  async stop(): Promise<void> {
    if (this.#state === 'stopped') return;
    const wasRunning = this.#state === 'running';
    this.#state = 'stopped';
    this.#timer?.cancel();
    this.#saveTimer?.cancel();
    if (wasRunning) this.#save();
    await this.#saving;
  }

  /** Whether requests may be sent to a member: it is alive, or merely suspected. */
  isUp(id: string): boolean {
    return this.#machine.isUp(id);
  }

  /** One member; undefined if it is not in the list. */
  member(id: string): MemberStatus | undefined {
    return this.#machine.member(id);
  }

  /** The state of a member alone, for who asks with every request; undefined if it is not in the list. */
  stateOf(id: string): MemberState | undefined {
    return this.#machine.stateOf(id);
  }

  /** All members, this one included, sorted by id. */
  members(): readonly MemberStatus[] {
    return this.#machine.members();
  }

  /** The cluster, once it is known. */
  get cluster(): string | undefined {
    return this.#machine.cluster;
  }

  /** What was counted since the start. */
  get counters(): Counters {
    return this.#machine.counters;
  }

  /** What it holds that has a limit. */
  get bounds(): Bounds {
    return this.#machine.bounds;
  }

  get #now(): number {
    return this.#options.environment.clock.monotonic();
  }

  #ensureRunning(): void {
    if (this.#state !== 'running') throw new CoterieError('CLOSED', 'membership does not run');
  }

  async #restore(): Promise<void> {
    const { directory, environment } = this.#options;
    if (directory === undefined) return;
    try {
      const bytes = await readListFile(environment.files, directory);
      if (bytes !== undefined) this.#carryOut(this.#machine.restore(this.#now, bytes));
    } catch (error) {
      environment.log.warn('membership list not read', { directory, reason: messageOf(error) });
    }
  }

  #carryOut(effects: readonly Effect[]): void {
    for (const effect of effects) this.#do(effect);
    this.#schedule();
  }

  #do(effect: Effect): void {
    const { transport, events, environment } = this.#options;
    if (effect.kind === 'send') transport.send(effect.address, effect.bytes);
    else if (effect.kind === 'changed') {
      this.#saveSoon();
      events?.change?.(effect.id, effect.is, effect.was);
    } else if (effect.kind === 'epoch') events?.epoch?.(effect.id, effect.epoch);
    else if (effect.kind === 'joined') {
      this.#saveSoon();
      events?.joined?.(effect.cluster);
    } else if (effect.kind === 'foreign') {
      environment.log.warn('gossip from another cluster', { cluster: effect.cluster, address: effect.address });
    } else environment.log.error('another process uses our member id', { address: effect.address });
  }

  /** Sets the timer to the next deadline, unless it rings early enough already. */
  #schedule(): void {
    if (this.#state !== 'running') return;
    const { dueAt } = this.#machine;
    if (dueAt >= this.#timerAt) return;
    this.#timer?.cancel();
    this.#timerAt = dueAt;
    this.#timer = this.#options.environment.timers.after(Math.max(0, dueAt - this.#now), () => {
      this.#timerAt = Number.POSITIVE_INFINITY;
      if (this.#state === 'running') this.#carryOut(this.#machine.tick(this.#now));
    });
  }

  #saveSoon(): void {
    if (this.#options.directory === undefined || this.#saveTimer !== undefined || this.#state === 'stopped') return;
    this.#saveTimer = this.#options.environment.timers.after(saveAfterMs, () => {
      this.#saveTimer = undefined;
      this.#save();
    });
  }

  /** One write at a time; a failed one is reported, and the next change tries again. */
  #save(): void {
    const { directory, environment } = this.#options;
    if (directory === undefined) return;
    this.#saving = this.#saving
      .then(() => writeListFile(environment.files, directory, this.#machine.snapshot()))
      .catch((error: unknown) => environment.log.warn('membership list not written', { directory, reason: messageOf(error) }));
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
