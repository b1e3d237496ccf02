/**
 * Hinted handoff: what this store keeps for others goes to them as soon as they can be reached.
 *
 * ```
 *   hint for a ──▶ a is an owner still? ──yes──▶ a ─────────────┐
 *                        └ no: the first owner that is up ──────┴─ holds it durably ──▶ the hint goes, if it is still the same
 *                                                                ├ did not answer ──▶ kept; the next round tries again
 *                                                                └ refused this one ──▶ kept; those after it go all the same
 * ```
 *
 * An acknowledged hint is data: no budget and no age drops it. A few are on their way at a time, and the owner's answers
 * set the pace. A hint that changed while it was on its way stays for the next round.
 */
import { equalBytes } from '@coterie/bytes';
import { isCoterieError } from '@coterie/env';
import { type Core, placementAt } from '../core.ts';
import { noPace } from '../hazards.ts';
import { addressAt, afterPrefix, hintPrefix, openHintKey, successor } from '../store/layout.ts';
import { addressSeed } from '../objects/object.ts';
import type { Place } from '../replica/replica.ts';
import { decodeCopy } from '../replica/stored-copy.ts';
import type { HintLedger } from '../replica/hint-ledger.ts';

/** Hints that are read at a time. */
const pageHints = 64;
/** Hints on their way at a time. */
const window = 8;

/** What became of one hint. */
type Fate = 'gone' | 'changed' | 'kept' | 'unreachable';

/** Refusals that are about the target, not about the hint: the ones after it would fare no better. */
const aboutTheTarget = [
  'CONNECTION_LOST',
  'TIMEOUT',
  'OVERLOADED',
  'NOT_READY',
  'CLOSED',
  'STALE_RING',
  'UNSUPPORTED_FORMAT',
  'DISK_IO',
  'DISK_FULL',
] as const;

/** Where a hint goes: to an owner, or to somebody who keeps it on. */
interface Destination {
  readonly store: string;
  readonly hintFor?: string;
}

/** A hint as it lies in the store. */
interface KeptHint {
  readonly key: Uint8Array;
  readonly record: Uint8Array;
}

/** Hands hints over, round by round. */
export class Handoff {
  readonly #core: Core;
  readonly #ledger: HintLedger;
  readonly #pace: { readonly pageHints: number; readonly window: number };
  #running: Promise<void> | undefined;
  #stopped = false;
  /** Hints, or owners, that did not get what they were to get. */
  #failures = 0;
  /** Hints handed over since the start. */
  delivered = 0;

  constructor(core: Core, ledger: HintLedger) {
    this.#core = core;
    this.#ledger = ledger;
    this.#pace = core.hazards.unpacedHints ? noPace : { pageHints, window };
  }

  /** Tries every owner that is not down once; one round at a time. */
  round(): Promise<void> {
    this.#running ??= this.#round().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Begins a round now; resolves to whether everything that was kept when it began has gone home. */
  async deliverAll(): Promise<boolean> {
    // The round that runs may have passed what came since it began.
    await this.#running;
    const before = this.#failures;
    await this.round();
    return this.#failures === before && !this.#stopped;
  }

  /** Ends after the hints on their way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #round(): Promise<void> {
    for (const owner of [...this.#ledger.owners.keys()].sort()) {
      if (this.#stopped) return;
      try {
        await this.#handOverAll(owner);
      } catch (error) {
        this.#failures += 1;
        this.#core.environment.log.warn('hints could not be handed over; the next round tries again', { owner, reason: String(error) });
      }
    }
  }

  async #handOverAll(owner: string): Promise<void> {
    const end = afterPrefix(hintPrefix(owner));
    const { pageHints, window } = this.#pace;
    let from = hintPrefix(owner);
    for (;;) {
      const page = await this.#page(from, end);
      for (let at = 0; at < page.length && !this.#stopped; at += window) {
        const fates = await Promise.all(page.slice(at, at + window).map((hint) => this.#handOver(hint)));
        this.#failures += fates.filter((fate) => fate === 'unreachable' || fate === 'kept').length;
        if (fates.includes('unreachable')) return;
      }
      const last = page.at(-1);
      if (last === undefined || page.length < pageHints || this.#stopped) return;
      from = successor(last.key);
    }
  }

  async #page(from: Uint8Array, end: Uint8Array): Promise<KeptHint[]> {
    const page: KeptHint[] = [];
    for await (const [key, record] of this.#core.store.range({ gte: from, lt: end, limit: this.#pace.pageHints }))
      page.push({ key, record });
    return page;
  }

  async #handOver({ key, record }: KeptHint): Promise<Fate> {
    const { owner, objectKey } = openHintKey(key);
    const address = addressAt(objectKey);
    const bucket = this.#core.buckets.get(address.bucket);
    const place: Place = { bucket, address };
    const isCurrent = address.generation === bucket.generation;
    if (address.generation > bucket.generation) return 'kept';
    if (isCurrent) {
      const target = this.#targetFor(owner, place);
      if (target === undefined) return 'unreachable';
      try {
        await this.#deliver(place, record, target);
      } catch (error) {
        return this.#refused(error, { owner, target: target.store });
      }
      this.delivered += 1;
    }
    const released = await this.#core.local.release({ ...place, hintFor: owner }, (now) => equalBytes(now, record));
    return released ? 'gone' : 'changed';
  }

  async #deliver(place: Place, record: Uint8Array, { store, hintFor }: Destination): Promise<void> {
    const { object } = decodeCopy(record, addressSeed(place.address.objectKey));
    if (store === this.#core.selfId) await this.#core.local.merge(place, object);
    else await this.#core.cluster.peers.merge(store, place, { object, order: { hintFor, background: true } });
  }

  #refused(error: unknown, of: { readonly owner: string; readonly target: string }): Fate {
    const { environment, cluster } = this.#core;
    if (isCoterieError(error, 'STALE_RING')) void cluster.catchUp([of.target]);
    const isGeneral = aboutTheTarget.some((code) => isCoterieError(error, code));
    environment.log[isGeneral ? 'debug' : 'warn']('a hint was not taken', { ...of, reason: String(error) });
    return isGeneral ? 'unreachable' : 'kept';
  }

  /**
   * Who is to have it: the owner it was kept for, or by today's ring somebody else. A member that is leaving does not wait
   * for an owner that is down: somebody who stays keeps the hint from then on.
   */
  #targetFor(owner: string, place: Place): Destination | undefined {
    const { cluster, selfId } = this.#core;
    const { owners, fallbacks } = placementAt(this.#core, place);
    const isUp = (id: string): boolean => id === selfId || cluster.standing(id) !== 'down';
    const target = owners.includes(owner) ? (isUp(owner) ? owner : undefined) : owners.find(isUp);
    if (target !== undefined || !cluster.state.leaving.includes(selfId)) return target === undefined ? undefined : { store: target };
    const heir = [...fallbacks].find(isUp);
    if (heir !== undefined) return { store: heir, hintFor: owner };
    const other = owners.find(isUp);
    return other === undefined ? undefined : { store: other };
  }
}
