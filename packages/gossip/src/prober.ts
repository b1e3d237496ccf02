/**
 * Whom this node asks, and what it makes of silence.
 *
 * ```
 *   0          ½ timeout     timeout                              period
 *   ├─ ping ───┼─ ping again ┼─ relay to k others ────────────────┤ still silent: accuse
 *   └───────────── ack, or a report of one: the member is well ───┘
 *
 *   a proxy:   ping, ping again after 200 ms; ack → report answered; 400 ms → report silent: a witness
 * ```
 *
 * All times are multiplied by the node's doubt in itself. Pings to those that are gone and to seeds are greetings: nothing follows
 * from their silence, and an ack speaks for itself.
 */
import type { Bounds, Random } from '@coterie/env';
import type { Awareness } from './awareness.ts';
import type { Beliefs } from './beliefs.ts';
import type { MemberList } from './member-list.ts';
import type { Introduction, MemberRecord, Message } from './message.ts';
import type { Outbox } from './outbox.ts';
import { compareStandings } from './standing.ts';
import { type Timing, tableLimits } from './timing.ts';

/** What a prober works with. */
export interface ProberParts {
  readonly list: MemberList;
  readonly beliefs: Beliefs;
  readonly outbox: Outbox;
  readonly awareness: Awareness;
  readonly random: Random;
  readonly timing: Timing;
  /** How this node shows itself. */
  readonly introduce: () => Introduction;
}

interface Probe {
  readonly slot: number;
  readonly id: string;
  stage: 'pinged' | 'pinged again' | 'others asked';
  dueMs: number;
  asked: number;
  readonly silent: string[];
}

interface Relay {
  readonly target: string;
  readonly targetAddress: string;
  readonly seq: number;
  readonly address: string;
  stage: 'pinged' | 'pinged again';
  dueMs: number;
}

/** Parts of the ping timeout after which a proxy pings again, and gives up. */
const proxyAgain = 0.4;
const proxyEnd = 0.8;

/** Runs probes. */
export class Prober {
  readonly #parts: ProberParts;
  readonly #probes = new Map<number, Probe>();
  readonly #relays = new Map<number, Relay>();
  #nextDueMs = Number.POSITIVE_INFINITY;
  #seq: number;

  constructor(parts: ProberParts) {
    this.#parts = parts;
    this.#seq = parts.random.u32();
  }

  /** When something may be due next: never too late, now and then for nothing. */
  get nextDueMs(): number {
    return this.#nextDueMs;
  }

  /** Probes and relayed probes that are under way. */
  get bounds(): Bounds {
    return {
      gossipProbes: { now: this.#probes.size, most: tableLimits.probes },
      gossipRelays: { now: this.#relays.size, most: tableLimits.relays },
    };
  }

  /** Probes a member, unless it is being probed or too many are. */
  probe(slot: number, atMs: number): void {
    if (this.#probes.size >= tableLimits.probes || [...this.#probes.values()].some((probe) => probe.slot === slot)) return;
    const { list, timing, awareness } = this.#parts;
    const id = list.catalogue.idOf(slot);
    const dueMs = atMs + (timing.pingTimeoutMs / 2) * awareness.factor;
    this.#probes.set(this.#ping(id, list.profile(slot).address), { slot, id, stage: 'pinged', dueMs, asked: 0, silent: [] });
    this.#nextDueMs = Math.min(this.#nextDueMs, dueMs);
  }

  /** Shows this node to whoever listens at an address; returns the number of the ping. */
  greet(id: string, address: string): number {
    return this.#ping(id, address);
  }

  /** Answers a ping. `records`: what the sender must hear. */
  answer(ping: Message & { readonly kind: 'ping' }, address: string): void {
    const { outbox, introduce } = this.#parts;
    outbox.probe(address, { kind: 'ack', seq: ping.seq, from: introduce(), records: this.#wordsTo(ping.from) });
  }

  /** An answer to one of this node's pings, from whom it came. */
  acknowledge(seq: number, sender: string): void {
    const relay = this.#relays.get(seq);
    if (relay?.target === sender) {
      this.#relays.delete(seq);
      this.#report(relay, 'answered');
    }
    if (this.#probes.get(seq)?.id === sender) this.#succeed(seq);
  }

  /** Pings somebody on behalf of a member that had no answer. */
  relay(request: Message & { readonly kind: 'relay' }, address: string, atMs: number): void {
    if (this.#relays.size >= tableLimits.relays) return;
    const { timing, list } = this.#parts;
    const known = list.slotOf(request.target);
    const targetAddress = known === undefined ? request.address : list.profile(known).address;
    const seq = this.#ping(request.target, targetAddress);
    const dueMs = atMs + timing.pingTimeoutMs * proxyAgain;
    this.#relays.set(seq, { target: request.target, targetAddress, seq: request.seq, address, stage: 'pinged', dueMs });
    this.#nextDueMs = Math.min(this.#nextDueMs, dueMs);
  }

  /** What a proxy found. */
  heedReport(seq: number, outcome: 'answered' | 'silent', sender: string): void {
    const probe = this.#probes.get(seq);
    if (probe === undefined || probe.stage !== 'others asked') return;
    if (outcome === 'answered') this.#succeed(seq);
    else if (!probe.silent.includes(sender) && sender !== probe.id) probe.silent.push(sender);
  }

  /** The member is gone from the list. */
  drop(slot: number): void {
    for (const [seq, probe] of this.#probes) if (probe.slot === slot) this.#probes.delete(seq);
  }

  /** Does what is due. */
  tick(atMs: number): void {
    if (atMs < this.#nextDueMs) return;
    for (const [seq, probe] of this.#probes) if (probe.dueMs <= atMs) this.#advance(seq, probe, atMs);
    for (const [seq, relay] of this.#relays) if (relay.dueMs <= atMs) this.#advanceRelay(seq, relay, atMs);
    this.#nextDueMs = Number.POSITIVE_INFINITY;
    for (const { dueMs } of this.#probes.values()) this.#nextDueMs = Math.min(this.#nextDueMs, dueMs);
    for (const { dueMs } of this.#relays.values()) this.#nextDueMs = Math.min(this.#nextDueMs, dueMs);
  }

  #advance(seq: number, probe: Probe, atMs: number): void {
    const { list, timing, awareness } = this.#parts;
    const { factor } = awareness;
    if (probe.stage === 'pinged') {
      probe.stage = 'pinged again';
      probe.dueMs = atMs + (timing.pingTimeoutMs / 2) * factor;
      this.#sendPing(seq, probe.id, list.profile(probe.slot).address);
    } else if (probe.stage === 'pinged again') {
      probe.stage = 'others asked';
      probe.dueMs = atMs + (timing.periodMs - timing.pingTimeoutMs) * factor;
      this.#askOthers(seq, probe);
    } else this.#fail(seq, probe, atMs);
  }

  #askOthers(seq: number, probe: Probe): void {
    const { list, outbox, timing } = this.#parts;
    const { address } = list.profile(probe.slot);
    const proxies = list.up.sample(timing.proxies, (slot) => slot === probe.slot || list.columns.state(slot) !== 'alive');
    probe.asked = proxies.length;
    for (const proxy of proxies) outbox.probe(list.profile(proxy).address, { kind: 'relay', seq, target: probe.id, address, records: [] });
  }

  #fail(seq: number, probe: Probe, atMs: number): void {
    const { beliefs, awareness } = this.#parts;
    this.#probes.delete(seq);
    awareness.change(probe.asked === 0 ? 1 : probe.asked - probe.silent.length);
    beliefs.accuse(probe.slot, probe.silent, atMs);
  }

  #succeed(seq: number): void {
    this.#probes.delete(seq);
    this.#parts.awareness.change(-1);
  }

  #advanceRelay(seq: number, relay: Relay, atMs: number): void {
    if (relay.stage === 'pinged again') {
      this.#relays.delete(seq);
      this.#report(relay, 'silent');
      return;
    }
    relay.stage = 'pinged again';
    relay.dueMs = atMs + this.#parts.timing.pingTimeoutMs * (proxyEnd - proxyAgain);
    this.#sendPing(seq, relay.target, relay.targetAddress);
  }

  #report({ seq, address }: Relay, outcome: 'answered' | 'silent'): void {
    this.#parts.outbox.probe(address, { kind: 'report', seq, outcome, records: [] });
  }

  #ping(target: string, address: string): number {
    this.#seq = (this.#seq + 1) >>> 0;
    this.#sendPing(this.#seq, target, address);
    return this.#seq;
  }

  #sendPing(seq: number, target: string, address: string): void {
    const { list, outbox, introduce } = this.#parts;
    const slot = list.slotOf(target);
    // Whoever is accused hears it first of all, so that it can refute in its very answer.
    const records = slot === undefined || list.columns.state(slot) === 'alive' ? [] : [accusation(list.record(slot))];
    outbox.probe(address, { kind: 'ping', seq, target, from: introduce(), records });
  }

  /** What the sender of a ping must hear: what is believed of it, if that is above what it says itself. */
  #wordsTo({ profile, standing }: Introduction): readonly MemberRecord[] {
    const { list } = this.#parts;
    const slot = list.slotOf(profile.id);
    if (slot === undefined) return [];
    const record = list.record(slot);
    return compareStandings(record.standing, standing) > 0 ? [accusation(record)] : [];
  }
}

function accusation({ id, standing }: MemberRecord): MemberRecord {
  return { id, standing };
}
