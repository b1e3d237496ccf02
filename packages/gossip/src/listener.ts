/**
 * What a message leads to: who may speak at all, what is learned of the speaker, and which part of the machine answers.
 *
 * ```
 *   same cluster     learn from it, answer it
 *   no cluster yet   a newcomer: its ping is answered, nothing is learned; it joins by asking again as a member
 *   another cluster  counted and reported
 *   our own id       somebody else goes by it: reported
 *   one of the dead  only what it says of itself and of us counts; its ping is answered with the news
 * ```
 */
import type { Beliefs } from './beliefs.ts';
import type { Company } from './company.ts';
import type { Effect } from './effects.ts';
import type { MemberList } from './member-list.ts';
import type { Envelope, Introduction, Message } from './message.ts';
import type { Outbox } from './outbox.ts';
import type { Prober } from './prober.ts';
import type { Reconciler } from './reconciler.ts';
import type { Rounds } from './rounds.ts';

/** What a listener hands messages to. */
export interface ListenerParts {
  readonly list: MemberList;
  readonly outbox: Outbox;
  readonly beliefs: Beliefs;
  readonly prober: Prober;
  readonly reconciler: Reconciler;
  readonly company: Company;
  readonly rounds: Rounds;
}

/** From whom a message came, and when. */
export interface Arrival {
  /** Address that the transport names. */
  readonly from: string;
  readonly atMs: number;
}

interface Heard extends Arrival {
  readonly sender: string;
}

/** Pause between reports. */
const reportEveryMs = 10_000;

/** Takes messages. */
export class Listener {
  /** Messages of other clusters. */
  foreign = 0;
  readonly #parts: ListenerParts;
  #reportMs = 0;

  constructor(parts: ListenerParts) {
    this.#parts = parts;
  }

  /** A message that could be decoded. */
  accept({ cluster, sender, message }: Envelope, { from, atMs }: Arrival): void {
    const { list, outbox, rounds } = this.#parts;
    const own = outbox.cluster;
    if (sender === list.catalogue.idOf(list.self)) {
      if (!(message.kind === 'ping' && rounds.hasGreeted(message.seq))) this.#report({ kind: 'clash', address: from }, atMs);
    } else if (cluster === own && own !== '') this.#listen(message, { sender, from, atMs });
    else if (cluster === '' || own === '') this.#letJoin(message, cluster, { sender, from, atMs });
    else {
      this.foreign++;
      this.#report({ kind: 'foreign', cluster, address: from }, atMs);
    }
  }

  #letJoin(message: Message, cluster: string, heard: Heard): void {
    const { prober, outbox, reconciler, rounds } = this.#parts;
    if (message.kind === 'ping') prober.answer(message, message.from.profile.address);
    if (message.kind !== 'ack' || cluster === '' || !rounds.hasGreeted(message.seq)) return;
    outbox.cluster = cluster;
    outbox.put({ kind: 'joined', cluster });
    this.#listen(message, heard);
    const { address } = message.from.profile;
    prober.greet(heard.sender, address);
    reconciler.begin(address, heard.atMs);
  }

  #listen(message: Message, { sender, from, atMs }: Heard): void {
    const { list, company, beliefs } = this.#parts;
    company.note(sender, atMs);
    if ('from' in message) this.#meet(message.from, sender, atMs);
    const slot = list.slotOf(sender);
    // Whoever is taken for dead and still talks has not heard of it: perhaps it hears nothing, and its word about others is worth nothing.
    const isTrusted = slot === undefined || list.columns.state(slot) !== 'dead';
    const how = message.kind === 'records' ? 'fetched' : 'told';
    for (const record of 'records' in message ? message.records : []) {
      if (isTrusted || record.id === list.catalogue.idOf(list.self)) beliefs.hear(record, atMs, how);
    }
    const heard = { sender, from: slot === undefined ? from : list.profile(slot).address, atMs };
    if (isTrusted || message.kind === 'ping' || message.kind === 'ack') this.#respond(message, heard);
  }

  #respond(message: Message, { sender, from, atMs }: Heard): void {
    const { prober, reconciler, rounds } = this.#parts;
    if (message.kind === 'ping') prober.answer(message, message.from.profile.address);
    else if (message.kind === 'ack') prober.acknowledge(message.seq, sender);
    else if (message.kind === 'relay') prober.relay(message, from, atMs);
    else if (message.kind === 'report') prober.heedReport(message.seq, message.outcome, sender);
    else if (message.kind === 'digest') reconciler.answerDigest(message.hashes, from, atMs);
    else if (message.kind === 'want') reconciler.answerWant(message.ids, from, atMs);
    else if (message.kind === 'summary') {
      reconciler.answerSummary(message, from, atMs);
      if (message.rest === 'more') rounds.hurryReconciling(atMs);
    }
  }

  #meet({ standing, profile, heartbeat, epoch }: Introduction, sender: string, atMs: number): void {
    const { list, beliefs, outbox, rounds } = this.#parts;
    beliefs.hear({ id: sender, standing, profile }, atMs, 'told');
    const slot = list.slotOf(sender);
    if (slot === undefined) return;
    const { columns } = list;
    columns.heartbeat[slot] = heartbeat;
    columns.epoch[slot] = Math.max(columns.epoch[slot], epoch);
    if (epoch > rounds.epoch) outbox.put({ kind: 'epoch', id: sender, epoch });
  }

  /** Reports at a bounded rate. */
  #report(effect: Effect, atMs: number): void {
    if (atMs < this.#reportMs) return;
    this.#reportMs = atMs + reportEveryMs;
    this.#parts.outbox.put(effect);
  }
}
