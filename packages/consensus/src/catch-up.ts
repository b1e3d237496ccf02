/**
 * Pulls what a log lacks from others, a page at a time.
 *
 * ```
 *   for each peer:   pull(after my epoch and hash) ─▶ page ─▶ learn ─▶ at its end? ─ no ─▶ pull on
 *                                                                        └ yes ─▶ next peer
 * ```
 *
 * What a page says is believed because a member of the same cluster and lineage sent it and because it continues the
 * hash that is known here; a snapshot only because a member sent it. Two histories show by their hashes.
 */
import { CoterieError } from '@coterie/env';
import type { Page } from './history.ts';
import type { Ledger } from './ledger.ts';
import type { RingLogSettings } from './options.ts';
import { askPeer, isForeign } from './transport.ts';

/** What catches up. */
export interface CatchUpParts<State> {
  readonly settings: RingLogSettings<State>;
  readonly ledger: Ledger<State>;
}

/** Pages pulled from one peer at once; more are left for the next time. */
const pagesMax = 10_000;

/** Pulls from each peer in turn. @throws as `RingLog.catchUp` does */
export async function catchUpWith<State>(parts: CatchUpParts<State>, peers: readonly string[]): Promise<void> {
  let reached = 0;
  let failure: unknown = new CoterieError('INVALID_ARGUMENT', 'catching up needs at least one peer');
  let foreign: unknown;
  for (const peer of peers) {
    try {
      await pullAll(parts, peer);
      reached++;
    } catch (error) {
      if (parts.ledger.failure !== undefined) throw parts.ledger.failure;
      if (isForeign(error)) foreign ??= error;
      failure = error;
      parts.settings.environment.log.debug('a peer could not be pulled from', { node: peer, error: String(error) });
    }
  }
  if (foreign !== undefined) throw foreign;
  if (reached === 0) throw failure;
}

async function pullAll<State>({ settings, ledger }: CatchUpParts<State>, peer: string): Promise<void> {
  for (let pages = 0; pages < pagesMax; pages++) {
    const before = ledger.epoch;
    const page = await pullPage({ settings, ledger }, peer);
    if (ledger.epoch >= page.end.epoch) return;
    if (ledger.epoch === before) throw new CoterieError('PROTOCOL', `${peer} ends at ${page.end.epoch} and sends nothing after ${before}`);
  }
}

async function pullPage<State>({ settings, ledger }: CatchUpParts<State>, node: string): Promise<Page> {
  const { transport, replyMs: timeoutMs } = settings;
  const { history } = ledger;
  const identity = history?.identity;
  const request = history === undefined ? ({ kind: 'join' } as const) : ({ kind: 'pull', after: history.end } as const);
  const { identity: theirs, body } = await askPeer(transport, { node, identity, request, timeoutMs });
  if (body.kind !== 'page') throw new CoterieError('PROTOCOL', `${node} answered a pull with ${body.kind}`);
  const { page } = body;
  if (history !== undefined) {
    await ledger.learn(page);
    return page;
  }
  if (theirs === undefined || page.snapshot === undefined) throw new CoterieError('PROTOCOL', `${node} sent no log to begin with`);
  await ledger.begin(theirs, page.snapshot, 0);
  await ledger.learn({ ...page, snapshot: undefined });
  return page;
}
