/**
 * The ring log of one node: a chain of decisions, each one Paxos register among the stewards that the state before it
 * names. This file is the shell; what is decided lives in the ledger, what was voted in the votes.
 *
 * ```
 *   empty ──create, catchUp──▶ in use ──▶ closed
 *                                └─ a second history, a lost disk ─▶ failed: reads go on, nothing more is decided here
 *
 *   ring.log     what is decided       ledger       votes.log    what was promised       votes
 * ```
 *
 * Any node may propose, and nobody leads. Nothing here knows what a ring is: the owner's `Rules` do.
 */
import { CoterieError, isCoterieError } from '@coterie/env';
import type { DirectoryLock } from '@coterie/env';
import { contentBytesMax, foundationHash, type Identity } from './chain.ts';
import type { Position } from './history.ts';
import { Ledger } from './ledger.ts';
import { checkName, checkOptions, inRange, type RingLogOptions, type RingLogSettings } from './options.ts';
import { type Proposing, Proposals } from './proposals.ts';
import { Responder } from './responder.ts';
import { catchUpWith } from './catch-up.ts';
import { type Decision, stateBytesMax, type Steward, stewardsAfter } from './rules.ts';
import { Votes } from './votes.ts';

/** Where a log stands, small enough to be gossiped. */
export interface Digest extends Identity, Position {}

/** What a digest says of another log, seen from this one. */
export type DigestVerdict = 'equal' | 'behind' | 'ahead' | 'foreign' | 'split';

/** An epoch that became known. */
export interface RingChange<State> {
  readonly epoch: number;
  readonly state: State;
}

/** Epochs of a recovered lineage begin at a multiple of this, past all that the lost one can have decided unseen. */
const lineageEpochs: number = 2 ** 20;

/** The epoch with which a recovered lineage begins when the lost one ended, as far as is known, at `epoch`. */
export function lineageEpochAfter(epoch: number): number {
  return (Math.floor(epoch / lineageEpochs) + 1) * lineageEpochs;
}

/** An open ring log. */
export class RingLog<State> {
  readonly #settings: RingLogSettings<State>;
  readonly #lock: DirectoryLock;
  readonly #ledger: Ledger<State>;
  readonly #votes: Votes;
  readonly #responder: Responder<State>;
  readonly #proposals: Proposals<State>;
  #closing: Promise<void> | undefined;

  private constructor(settings: RingLogSettings<State>, opened: Opened<State>) {
    const { ledger, votes } = opened;
    this.#settings = settings;
    this.#lock = opened.lock;
    this.#ledger = ledger;
    this.#votes = votes;
    this.#responder = new Responder({ ledger, votes, rules: settings.rules, hazards: settings.hazards });
    this.#proposals = new Proposals({ settings, ledger, responder: this.#responder });
  }

  /**
   * Opens the log of a directory. An empty one knows no cluster yet: `create` one, or `catchUp` with members of one.
   * @throws CoterieError `INVALID_ARGUMENT`, `LOCKED`, `UNSUPPORTED_FORMAT`, `DISK_IO`, `DISK_FULL`; `CORRUPTION` with
   * `details.file` and `details.offset`
   */
  static async open<State>(options: RingLogOptions<State>): Promise<RingLog<State>> {
    const settings = checkOptions(options);
    const { files } = settings.environment;
    await files.makeDirectory(settings.directory);
    const lock = await files.lock(settings.directory);
    try {
      return new RingLog(settings, { lock, ...(await openParts(settings)) });
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /** This node as a steward: what a decision names to give it a seat. Another one when its votes were lost. */
  get self(): Steward {
    return this.#votes.self;
  }

  /** Epoch of the last decision on this node's disk; 0 for an empty log. */
  get epoch(): number {
    return this.#ledger.epoch;
  }

  /** The state as of `epoch`. @throws CoterieError `NOT_READY` for an empty log */
  get state(): State {
    const { history } = this.#ledger;
    return history === undefined ? this.#ledger.require().state : history.state;
  }

  /** Why nothing more is decided, or voted, here; undefined while all is well. Only the next start ends it. */
  get failure(): CoterieError | undefined {
    return this.#ledger.failure ?? this.#votes.failure;
  }

  /** Makes `state` epoch 1 of a new cluster; durable when it resolves. @throws CoterieError `INVALID_ARGUMENT` unless the log is empty */
  create({ cluster, state }: { readonly cluster: string; readonly state: State }): Promise<void> {
    checkName('cluster', cluster);
    return this.#begin({ cluster, lineage: cluster }, state, { epoch: 1, after: 0 });
  }

  /**
   * The last resort, when a majority of stewards is gone for ever: `state` begins a new lineage of the cluster, which no
   * member of the old one will talk to. What the lost majority decided unseen is lost. Only with no other node running.
   * @throws CoterieError `INVALID_ARGUMENT` for a lineage that is none or not new, `NOT_READY` for an empty log
   */
  recoverUnsafe({ lineage, state }: { readonly lineage: string; readonly state: State }): Promise<void> {
    checkName('lineage', lineage);
    const { identity, epoch } = this.#ledger.require();
    if (lineage === identity.lineage) throw new CoterieError('INVALID_ARGUMENT', 'a new lineage needs a new name');
    const next = (Math.floor(epoch / lineageEpochs) + 1) * lineageEpochs;
    return this.#begin({ cluster: identity.cluster, lineage }, state, { epoch: next, after: epoch });
  }

  /**
   * Has `decision` decided. Resolves with the state that this node knows then: the decision is in it, and both are on
   * this node's disk. A decision whose id is among the last 1024 decided ones changes nothing and is as good as decided.
   * `objection` says why the proposer does not want it to follow a state: it is asked of every state that it would follow,
   * so what it lets pass is decided for that state and no other.
   * @throws CoterieError `PRECONDITION_FAILED` when it does not apply or is objected to, `TIMEOUT`, `QUORUM_NOT_MET`, `OVERLOADED`,
   * `TOO_LARGE`, `NOT_READY`, `CLOSED`; `details.mayHaveTakenEffect` says whether it may be decided all the same
   */
  async propose(decision: Decision, { timeoutMs = 10_000, objection }: Partial<Proposing<State>> = {}): Promise<State> {
    checkName('id', decision.id);
    inRange('timeoutMs', timeoutMs, [1, 3_600_000]);
    const { length } = decision.content;
    if (length > contentBytesMax) throw new CoterieError('TOO_LARGE', `a decision of ${length} bytes; at most ${contentBytesMax}`);
    return this.#proposals.propose(decision, { timeoutMs, objection });
  }

  /** Calls `listener` after each epoch that became known here, durably. Returns what ends that. */
  onChange(listener: (change: RingChange<State>) => void): () => void {
    let seen = this.epoch;
    return this.#ledger.subscribe(() => {
      if (this.epoch === seen) return;
      seen = this.epoch;
      this.#inform(listener);
    });
  }

  /** The answer to another node's message. Always resolves: what is refused is refused in the answer. */
  handle(message: Uint8Array): Promise<Uint8Array> {
    return this.#responder.handle(message);
  }

  /**
   * Pulls what this log lacks from each of `peers` in turn. An empty log becomes one of the first peer's cluster.
   * Resolves when at least one peer had nothing more to add.
   * @throws CoterieError `INVALID_ARGUMENT` when a peer belongs to another cluster or lineage; `CORRUPTION` when one has
   * another history; else the last peer's failure when none could be asked
   */
  catchUp(peers: readonly string[]): Promise<void> {
    return catchUpWith({ settings: this.#settings, ledger: this.#ledger }, peers);
  }

  /** Where this log stands; undefined for an empty one. */
  digest(): Digest | undefined {
    const { history } = this.#ledger;
    return history && { ...history.identity, ...history.end };
  }

  /**
   * What another member's digest means: `ahead`, and `catchUp` with it helps; `behind`; `equal`; `foreign`; or `split`,
   * two histories, and then this log has failed.
   */
  hear(digest: Digest): DigestVerdict {
    const own = this.digest();
    if (own === undefined) return 'ahead';
    if (own.cluster !== digest.cluster || own.lineage !== digest.lineage) return 'foreign';
    try {
      this.#ledger.compare(digest);
    } catch (error) {
      if (isCoterieError(error, 'CORRUPTION')) return 'split';
      throw error;
    }
    if (digest.epoch === own.epoch) return 'equal';
    return digest.epoch > own.epoch ? 'ahead' : 'behind';
  }

  /** Ends all work and gives the directory back. Proposals under way fail with `CLOSED`. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#ledger.close();
    await this.#responder.idle();
    await this.#votes.close();
    await this.#lock.release();
  }

  async #begin(identity: Identity, state: State, { epoch, after }: { epoch: number; after: number }): Promise<void> {
    const { rules } = this.#settings;
    stewardsAfter(rules, state);
    const bytes = rules.encodeState(state);
    if (bytes.length > stateBytesMax) throw new CoterieError('TOO_LARGE', `a state of ${bytes.length} bytes; at most ${stateBytesMax}`);
    const base = { epoch, hash: foundationHash(identity, epoch, bytes), ids: [], state: bytes };
    await this.#ledger.begin(identity, base, after);
  }

  #inform(listener: (change: RingChange<State>) => void): void {
    const { log } = this.#settings.environment;
    try {
      listener({ epoch: this.epoch, state: this.state });
    } catch (error) {
      log.error('a listener of the ring log failed', { error: String(error) });
    }
  }
}

interface Opened<State> {
  readonly lock: DirectoryLock;
  readonly ledger: Ledger<State>;
  readonly votes: Votes;
}

async function openParts<State>(settings: RingLogSettings<State>): Promise<{ ledger: Ledger<State>; votes: Votes }> {
  const { environment, directory, rules, recordsMax, logBytesMax: bytesMax, node, store } = settings;
  const ledger = await Ledger.open({ environment, directory, rules, limits: { recordsMax, bytesMax } });
  const mode = settings.hazards.answerBeforeSync === true ? 'handedOver' : 'durable';
  try {
    const place = { environment, directory, bytesMax: settings.votesBytesMax, mode } as const;
    return { ledger, votes: await Votes.open(place, { node, store, epoch: ledger.epoch }) };
  } catch (error) {
    await ledger.close();
    throw error;
  }
}
