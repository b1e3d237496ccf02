/** How ring logs reach each other: a question in bytes, an answer in bytes. What carries them is the owner's affair. */
import { CoterieError, isCoterieError } from '@coterie/env';
import type { Identity } from './chain.ts';
import { decodeReply, encodeRequest, type Envelope, type LogReply, type LogRequest } from './messages.ts';

/** Asks another node's `RingLog.handle`. */
export interface Transport {
  /** Resolves with the answer; rejects, with any error, when none came within `timeoutMs`. */
  ask(node: string, message: Uint8Array, timeoutMs: number): Promise<Uint8Array>;
}

/** A question to one node. */
export interface Question {
  readonly node: string;
  /** Whose log it is about; undefined for a node that has none yet. */
  readonly identity: Identity | undefined;
  readonly request: LogRequest;
  readonly timeoutMs: number;
}

/**
 * The answer of another node, which belongs to the same log unless the question named none.
 * @throws CoterieError what the other side refused with; `INVALID_ARGUMENT` from another log; `PROTOCOL` for bytes that
 * are no answer; whatever the transport throws
 */
export async function askPeer(transport: Transport, question: Question): Promise<Envelope<LogReply>> {
  const { node, identity, request, timeoutMs } = question;
  const reply = decodeReply(await transport.ask(node, encodeRequest({ identity, body: request }), timeoutMs));
  const { body } = reply;
  if (body.kind === 'error') throw new CoterieError(body.code, `${node}: ${body.message}`, { details: { node } });
  if (identity !== undefined) checkIdentity(identity, reply.identity, node);
  return reply;
}

/** Checks that somebody speaks of the same log. @throws CoterieError `INVALID_ARGUMENT`: clusters never merge */
export function checkIdentity(own: Identity, other: Identity | undefined, who: string): void {
  if (other === undefined) throw foreign(`${who} has no ring log yet, and this is one of cluster ${own.cluster}`);
  if (other.cluster !== own.cluster)
    throw foreign(`${who} belongs to cluster ${other.cluster}, not to ${own.cluster}; clusters never merge`);
  if (other.lineage === own.lineage) return;
  throw foreign(
    `${who} follows lineage ${other.lineage} of cluster ${own.cluster}, not ${own.lineage}: one of them was recovered by force`,
  );
}

/** Whether an error says that two logs are not the same. */
export function isForeign(error: unknown): boolean {
  return isCoterieError(error, 'INVALID_ARGUMENT');
}

function foreign(message: string): CoterieError {
  return new CoterieError('INVALID_ARGUMENT', message);
}
