/**
 * Where a step's effects gather. Messages are made here, because those of probing and spreading take along as many untold
 * changes as fit, and those of spreading and reconciling are charged to the budget.
 */
import type { Budget } from './budget.ts';
import type { Effect } from './effects.ts';
import type { MemberList } from './member-list.ts';
import type { MemberRecord, Message } from './message.ts';
import { type Spreading, tellLimit } from './spreading.ts';
import { type AddRecord, encodeMessage } from './wire.ts';

/** What an outbox draws on. */
export interface OutboxParts {
  readonly list: MemberList;
  readonly spreading: Spreading;
  readonly budget: Budget;
}

/** Effects of the step that is under way. */
export class Outbox {
  /** Empty until it is known. */
  cluster: string;
  readonly sent: { messages: number; bytes: number } = { messages: 0, bytes: 0 };
  readonly #parts: OutboxParts;
  #effects: Effect[] = [];

  constructor(cluster: string, parts: OutboxParts) {
    this.cluster = cluster;
    this.#parts = parts;
  }

  /** Adds an effect. */
  put(effect: Effect): void {
    this.#effects.push(effect);
  }

  /** The effects so far; the next ones begin a new list. */
  take(): readonly Effect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** Sends a message of probing, with changes. */
  probe(address: string, message: Message): void {
    const said = 'records' in message ? message.records : [];
    this.#post(address, message, (add) => this.#fillWithChanges((record) => said.some(({ id }) => id === record.id) || add(record)));
  }

  /** Sends changes, if the budget allows it. */
  gossip(address: string, atMs: number): void {
    const { budget } = this.#parts;
    if (budget.allows(atMs)) budget.spend(this.#post(address, { kind: 'gossip', records: [] }, this.#fillWithChanges));
  }

  /** Sends a message of reconciliation; false when the budget does not allow it. */
  reconcile(address: string, message: Message, atMs: number): boolean {
    const { budget } = this.#parts;
    if (!budget.allows(atMs)) return false;
    budget.spend(this.#post(address, message));
    return true;
  }

  /** Sends the records of members, as many as the budget allows. */
  records(address: string, slots: readonly number[], atMs: number): void {
    const { budget, list } = this.#parts;
    let done = 0;
    const fill = (add: AddRecord): void => {
      while (done < slots.length && add(list.record(slots[done]))) done++;
    };
    while (done < slots.length && budget.allows(atMs)) budget.spend(this.#post(address, { kind: 'records', records: [] }, fill));
  }

  /** Members of no cluster yet tell nothing. */
  readonly #fillWithChanges = (add: AddRecord): void => {
    const { spreading, list } = this.#parts;
    if (this.cluster !== '') spreading.tell(tellLimit(list.upSize), (slot) => add(this.#told(slot)));
  };

  #post(address: string, message: Message, fill?: (add: AddRecord) => void): number {
    const { list } = this.#parts;
    const sender = list.catalogue.idOf(list.self);
    const bytes = encodeMessage({ cluster: this.cluster, sender, message }, fill);
    this.sent.messages++;
    this.sent.bytes += bytes.length;
    this.put({ kind: 'send', address, bytes });
    return bytes.length;
  }

  /** An accusation goes without the profile: whoever is to believe it knows the member. */
  #told(slot: number): MemberRecord {
    const { id, standing, profile } = this.#parts.list.record(slot);
    return standing.state === 'suspect' || standing.state === 'dead' || profile === undefined
      ? { id, standing }
      : { id, standing, profile };
  }
}
