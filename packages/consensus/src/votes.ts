/**
 * What this node promised and accepted, on disk: `votes.log`, a record file apart from data and log, in no checkpoint.
 *
 * ```
 *  birth      = 01  node:string  incarnation:string  store:string  file:string (device and inode)
 *  promise    = 02  epoch:u48  ballot
 *  acceptance = 03  epoch:u48  ballot  value:byte string
 *  ballot     = round:u48  proposer:string
 * ```
 *
 * A vote is on disk before it is answered. Only the epoch behind the last decided one is voted on; votes on earlier
 * ones are forgotten when the file is next written anew. Calls come one at a time: the owner sees to it.
 *
 * docs/formats/ring-log.md has a worked example.
 */
import { assert, isCoterieError, joinPath, randomHex } from '@coterie/env';
import type { CoterieError, Environment, FileIdentity, Files } from '@coterie/env';
import { ByteReader, ByteWriter } from '@coterie/bytes';
import { type AcceptorState, answer, freshAcceptor } from './acceptor.ts';
import type { Ballot } from './ballot.ts';
import { malformed, readName } from './chain.ts';
import { type AppendMode, corruptFile, isFinal, readRecordFile, RecordFile, type RecordFilePlace } from './record-file.ts';
import type { RegisterReply, RegisterRequest } from './register.ts';
import type { Steward } from './rules.ts';
import { type Claimant, type FoundVotes, judgeSeat } from './seat.ts';

/** What votes need of the world, and where they lie. */
export interface VotesPlace {
  readonly environment: Pick<Environment, 'files' | 'random' | 'log'>;
  readonly directory: string;
  /** The file is written anew past this size. */
  readonly bytesMax: number;
  readonly mode: AppendMode;
}

const payloadKind = { birth: 1, promise: 2, acceptance: 3 } as const;
/** "COTVOTE" and the version. */
const magic: Uint8Array = Uint8Array.of(0x43, 0x4f, 0x54, 0x56, 0x4f, 0x54, 0x45, 1);

interface Slot {
  readonly epoch: number;
  readonly acceptor: AcceptorState;
}

/** The durable acceptor of one node. */
export class Votes {
  /** Who votes here. */
  readonly self: Steward;
  readonly #place: VotesPlace;
  readonly #store: string;
  #file: RecordFile;
  #slot: Slot;
  /** A file that is long because one value is gains nothing from being written anew each time. */
  #bytesWhenNew: number;
  #failure: CoterieError | undefined;

  private constructor(place: VotesPlace, birth: Birth, opened: { readonly file: RecordFile; readonly slot: Slot }) {
    this.#place = place;
    this.self = { node: birth.node, incarnation: birth.incarnation };
    this.#store = birth.store;
    this.#file = opened.file;
    this.#bytesWhenNew = opened.file.length;
    this.#slot = opened.slot;
  }

  /** Opens the votes of a directory, as the incarnation that they are of, or as a new one. @throws as `judgeSeat` and disks do */
  static async open(place: VotesPlace, claimant: Claimant): Promise<Votes> {
    const { environment, directory } = place;
    const { log } = environment;
    const found = await readVotes(environment.files, directory);
    const verdict = judgeSeat(found, claimant);
    const kept = 'keep' in verdict ? verdict.keep : undefined;
    if (found !== undefined && 'mint' in verdict) log.warn('votes begin anew', { directory, reason: verdict.mint });
    const birth = { node: claimant.node, incarnation: kept?.incarnation ?? newIncarnation(environment.random), store: claimant.store };
    const isLive = kept !== undefined && kept.epoch > claimant.epoch;
    const slot = isLive ? { epoch: kept.epoch, acceptor: kept.acceptor } : { epoch: 0, acceptor: freshAcceptor };
    return new Votes(place, birth, { file: await write(place, birth, slot), slot });
  }

  /** Why nothing more is voted here; undefined while all is well. */
  get failure(): CoterieError | undefined {
    return this.#failure;
  }

  /**
   * Answers a request about the register of `epoch`. What it says is on disk when it resolves.
   * @throws CoterieError `DISK_FULL`, `DISK_IO`: nothing was answered; `PROTOCOL` for two values under one ballot
   */
  async answer(epoch: number, request: RegisterRequest): Promise<RegisterReply> {
    if (this.#failure !== undefined) throw this.#failure;
    assert(epoch >= this.#slot.epoch, 'votes never go back to an earlier epoch');
    const before = epoch === this.#slot.epoch ? this.#slot.acceptor : freshAcceptor;
    const step = answer(before, request);
    if (!step.mustPersist) return step.reply;
    await this.#persist(votePayload(epoch, request));
    this.#slot = { epoch, acceptor: step.state };
    await this.#shorten();
    return step.reply;
  }

  /** Gives the file back. */
  close(): Promise<void> {
    return this.#file.close();
  }

  async #persist(payload: Uint8Array): Promise<void> {
    try {
      await this.#file.append(payload, this.#place.mode);
    } catch (error) {
      if (isFinal(error)) this.#failure = error as CoterieError;
      throw error;
    }
  }

  /** Writes the file anew once it has grown: only the votes that count are kept. */
  async #shorten(): Promise<void> {
    const { bytesMax, environment } = this.#place;
    if (this.#file.length <= Math.max(bytesMax, 2 * this.#bytesWhenNew)) return;
    const old = this.#file;
    try {
      this.#file = await write(this.#place, { ...this.self, store: this.#store }, this.#slot);
      this.#bytesWhenNew = this.#file.length;
    } catch (error) {
      if (!isCoterieError(error)) throw error;
      if (isFinal(error)) throw (this.#failure = error);
      return environment.log.warn('votes could not be shortened', { file: old.path, error: error.message });
    }
    await old.close();
  }
}

interface Birth extends Steward {
  readonly store: string;
}

function votesFile(files: Files, directory: string): RecordFilePlace {
  return { files, directory, name: 'votes.log', magic };
}

function write({ environment, directory }: VotesPlace, birth: Birth, { epoch, acceptor }: Slot): Promise<RecordFile> {
  const { promised, accepted } = acceptor;
  const votes: Uint8Array[] = [];
  if (accepted !== undefined) votes.push(votePayload(epoch, { kind: 'accept', ...accepted }));
  if (promised !== undefined) votes.push(votePayload(epoch, { kind: 'prepare', ballot: promised }));
  return RecordFile.replace(votesFile(environment.files, directory), (identity) => [birthPayload(birth, identity), ...votes]);
}

function birthPayload({ node, incarnation, store }: Birth, identity: FileIdentity): Uint8Array {
  return new ByteWriter().u8(payloadKind.birth).string(node).string(incarnation).string(store).string(showIdentity(identity)).finish();
}

function votePayload(epoch: number, request: RegisterRequest): Uint8Array {
  const { round, proposer } = request.ballot;
  const kind = request.kind === 'prepare' ? payloadKind.promise : payloadKind.acceptance;
  const writer = new ByteWriter().u8(kind).u48(epoch).u48(round).string(proposer);
  if (request.kind === 'accept') writer.byteString(request.value);
  return writer.finish();
}

async function readVotes(files: Files, directory: string): Promise<FoundVotes | undefined> {
  const place = votesFile(files, directory);
  const contents = await readRecordFile(place);
  if (contents === undefined) return undefined;
  const path = joinPath(directory, place.name);
  let found: FoundVotes | undefined;
  for (const { offset, payload } of contents.records) {
    try {
      found = readPayload(found, payload);
    } catch (error) {
      if (!isCoterieError(error)) throw error;
      throw corruptFile(path, offset, error.message, error);
    }
  }
  if (found === undefined) throw corruptFile(path, magic.length, 'its first record is damaged');
  return { ...found, foundAs: showIdentity(await files.identity(path)) };
}

function readPayload(before: FoundVotes | undefined, payload: Uint8Array): FoundVotes {
  const reader = new ByteReader(payload);
  const kind = reader.u8();
  if ((before === undefined) !== (kind === payloadKind.birth)) throw malformed('births come first and once');
  const found = before === undefined ? readBirth(reader) : readVote(before, kind, reader);
  if (reader.remaining > 0) throw malformed('a record that goes on behind its end');
  return found;
}

function readBirth(reader: ByteReader): FoundVotes {
  const [node, incarnation] = [readName(reader), readName(reader)];
  return { node, incarnation, store: reader.string(), writtenAs: reader.string(), foundAs: '', epoch: 0, acceptor: freshAcceptor };
}

function readVote(before: FoundVotes, kind: number, reader: ByteReader): FoundVotes {
  const epoch = reader.u48();
  const promised: Ballot = { round: reader.u48(), proposer: readName(reader) };
  if (epoch < before.epoch) throw malformed('a vote on an earlier epoch');
  const known = epoch === before.epoch ? before.acceptor : freshAcceptor;
  if (kind === payloadKind.promise) return { ...before, epoch, acceptor: { ...known, promised } };
  if (kind !== payloadKind.acceptance) throw malformed('a record of an unknown kind');
  return { ...before, epoch, acceptor: { promised, accepted: { ballot: promised, value: reader.byteString() } } };
}

function showIdentity({ device, inode }: FileIdentity): string {
  return `${device}:${inode}`;
}

function newIncarnation(random: Environment['random']): string {
  return randomHex(random, 8);
}
