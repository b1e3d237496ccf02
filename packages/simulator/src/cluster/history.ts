/**
 * What happened between clients and nodes, as the clients saw it. The checkers judge this, and nothing else: they know
 * nothing of how a node works.
 *
 * A *write* is what a client wants; its *attempts* are the requests that carry it, all with one operation id. Every write
 * has a number, and every value says the number of its write, so what a read shows are numbers of writes.
 */
import type { Reached } from '@coterie/node';

/** How an attempt ended, as its client saw it. */
export type Outcome =
  | { readonly kind: 'ok'; readonly reached: Reached }
  | { readonly kind: 'refused'; readonly code: string; readonly message: string; readonly mayHaveTakenEffect: boolean }
  /** No answer: the node died, or the client gave up. */
  | { readonly kind: 'silent' };

/** One request that carried a write. */
export interface Attempt {
  readonly node: string;
  readonly startMs: number;
  /** Infinity if it never answered: it may still be carried out. */
  readonly endMs: number;
  readonly outcome: Outcome;
  /** The node holds the key and was in good health all the while: it and nobody else made the dot. */
  readonly madeHere: boolean;
}

/** What a write asks of the cluster. */
export interface WriteAsk {
  readonly w: number;
  readonly pw: number;
  readonly condition?: 'absent' | 'unchanged';
}

/** A write. */
export interface Write {
  readonly id: number;
  readonly kind: 'put' | 'delete';
  readonly bucket: string;
  readonly key: string;
  readonly ask: WriteAsk;
  /** What its author had seen when the context was made, its own earlier writes among it: it replaces these. */
  readonly seen: ReadonlySet<number>;
  /** It replaces whatever the coordinator finds: a delete without a context. */
  readonly replacesFound: boolean;
  readonly attempts: Attempt[];
}

/** A read that was answered. */
export interface Read {
  readonly bucket: string;
  readonly key: string;
  readonly node: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly pr: number;
  /** Numbers of the writes whose values it showed. */
  readonly shown: readonly number[];
}

/** A whole run, as seen by its clients. */
export interface History {
  readonly writes: readonly Write[];
  readonly reads: readonly Read[];
  /** One read of every key by all its holders, after everything has come to rest. */
  readonly last: readonly Read[];
}

/** Whether a write has taken effect: surely, perhaps, or surely not. */
export function effectOf({ attempts }: Write): 'certain' | 'possible' | 'none' {
  if (attempts.some(({ outcome }) => outcome.kind === 'ok')) return 'certain';
  const denied = attempts.every(({ outcome }) => outcome.kind === 'refused' && !outcome.mayHaveTakenEffect);
  return denied ? 'none' : 'possible';
}

/** When the write was acknowledged first; Infinity if never. */
export function acknowledgedMs({ attempts }: Write): number {
  return attempts.reduce((first, { outcome, endMs }) => (outcome.kind === 'ok' ? Math.min(first, endMs) : first), Infinity);
}

/** When it was sent first. */
export function begunMs({ attempts }: Write): number {
  return attempts[0]?.startMs ?? Infinity;
}

/**
 * Until when it may have been carried out. An attempt whose outcome nobody knows may be carried out at any later time: it may
 * lie in the buffer of a link that is cut, or wait for a node that stands still.
 */
export function overMs({ attempts }: Write): number {
  return attempts.reduce((last, { endMs, outcome }) => Math.max(last, isSettled(outcome) ? endMs : Infinity), 0);
}

/** Whether it is known what became of an attempt. */
function isSettled(outcome: Attempt['outcome']): boolean {
  return outcome.kind === 'ok' || (outcome.kind === 'refused' && !outcome.mayHaveTakenEffect);
}

/** A write in a few words, for a sentence about what went wrong. */
export function describeWrite(write: Write): string {
  const { id, kind, bucket, key, seen, attempts, ask } = write;
  const had = seen.size === 0 ? 'having seen nothing' : `having seen ${[...seen].map((other) => `#${other}`).join(' ')}`;
  const tries = attempts.map(({ node, startMs, endMs, outcome }) => {
    const how = outcome.kind === 'refused' ? `${outcome.code}${outcome.mayHaveTakenEffect ? ', maybe done' : ', not done'}` : outcome.kind;
    return `${node} ${seconds(startMs)}–${seconds(endMs)} ${how}`;
  });
  return `${kind} #${id} of ${bucket}/${key} w=${ask.w} pw=${ask.pw} ${had} (${tries.join('; ')})`;
}

/** A read in a few words. */
export function describeRead({ node, bucket, key, startMs, endMs, shown, pr }: Read): string {
  const values = shown.length === 0 ? 'nothing' : shown.map((id) => `#${id}`).join(' ');
  return `read of ${bucket}/${key} pr=${pr} at ${node} ${seconds(startMs)}–${seconds(endMs)} showed ${values}`;
}

function seconds(ms: number): string {
  return ms === Infinity ? '…' : `${(ms / 1000).toFixed(3)} s`;
}
