/**
 * Reads everything that the store keeps in tables back from the disk, again and again, slowly: rot is found while others
 * still have good copies. Where a pass stands outlives a restart.
 *
 * ```
 *   due ──▶ next table ──▶ next table … ──▶ pass ended ──a day after it began──▶ due
 *             └ its bytes are paid off by waiting; while many requests run, nothing is read
 *
 *   record "scrub" in the store = JSON {"format":1,"after":12,"bytes":…,"damaged":…,"beganAt":…,"endedAt":…}
 * ```
 */
import { type Environment, isCoterieError } from '@coterie/env';
import { namedKey, space } from './layout.ts';
import type { Store } from './store.ts';

/** What a pass came to. */
export interface ScrubReport {
  readonly bytes: number;
  /** Tables that were damaged; they are set aside. */
  readonly damaged: number;
}

interface Standing {
  /** Number of the last table that was read; 0 between passes. */
  readonly after: number;
  readonly bytes: number;
  readonly damaged: number;
  /** Wall-clock milliseconds; 0 for never. */
  readonly beganAt: number;
  readonly endedAt: number;
}

const recordKey: Uint8Array = namedKey(space.own, new TextEncoder().encode('scrub'));
const bytesPerSecond: number = 8 * 2 ** 20;
const passEveryMs: number = 24 * 3_600_000;
/** While so many requests run, the disk is theirs. */
const busyOperations = 64;
const never: Standing = { after: 0, bytes: 0, damaged: 0, beganAt: 0, endedAt: 0 };

/** Scrubs one store. */
export class Scrub {
  readonly #environment: Pick<Environment, 'clock' | 'log'>;
  readonly #store: Store;
  readonly #operations: () => number;
  #standing: Standing | undefined;
  /** Monotonic milliseconds before which nothing is read: what was read is paid off. */
  #pausedUntil = 0;

  /** `operations`: requests that run now. */
  constructor(environment: Pick<Environment, 'clock' | 'log'>, store: Store, operations: () => number) {
    this.#environment = environment;
    this.#store = store;
    this.#operations = operations;
  }

  /** Figures for `status`. */
  get figures(): Readonly<Record<string, number>> {
    const { bytes, damaged, endedAt } = this.#standing ?? never;
    return { scrubPassBytes: bytes, scrubDamagedTables: damaged, scrubEndedAt: endedAt };
  }

  /** Reads a table if it is time to. */
  async step(): Promise<void> {
    const { clock } = this.#environment;
    if (clock.monotonic() < this.#pausedUntil || this.#operations() >= busyOperations) return;
    const standing = await this.#load();
    const sinceMs = Math.abs(clock.now() - standing.beganAt);
    if (standing.endedAt >= standing.beganAt && standing.beganAt > 0 && sinceMs < passEveryMs) return;
    const begun = standing.after === 0 ? { ...standing, bytes: 0, damaged: 0, beganAt: clock.now() } : standing;
    const next = await this.#readNext(begun);
    if (next.after === 0) this.#environment.log.info('a scrub has ended', { bytes: next.bytes, damaged: next.damaged });
    await this.#keep(next);
    this.#pausedUntil = clock.monotonic() + (1000 * (next.bytes - begun.bytes)) / bytesPerSecond;
  }

  /** Reads everything now, at the speed of the disk. @throws `DISK_IO`, `CLOSED` */
  async pass(): Promise<ScrubReport> {
    let standing: Standing = { ...never, beganAt: this.#environment.clock.now() };
    do standing = await this.#readNext(standing);
    while (standing.after > 0);
    await this.#keep(standing);
    return { bytes: standing.bytes, damaged: standing.damaged };
  }

  async #readNext(standing: Standing): Promise<Standing> {
    const found = await this.#store.scrubNext?.(standing.after);
    if (found === undefined) return { ...standing, after: 0, endedAt: this.#environment.clock.now() };
    const damaged = standing.damaged + (found.damage === undefined ? 0 : 1);
    return { ...standing, after: found.table, bytes: standing.bytes + found.bytes, damaged };
  }

  async #load(): Promise<Standing> {
    this.#standing ??= parse(await this.#store.get(recordKey).catch(nothingIfLost));
    return this.#standing;
  }

  async #keep(standing: Standing): Promise<void> {
    this.#standing = standing;
    const batch = this.#store.batch();
    batch.put(recordKey, new TextEncoder().encode(JSON.stringify({ format: 1, ...standing })));
    await batch.commit({ durable: false });
  }
}

/** Nothing hangs on where a pass stood: what cannot be read is begun anew. */
function parse(record: Uint8Array | undefined): Standing {
  if (record === undefined) return never;
  const said = JSON.parse(new TextDecoder().decode(record)) as Standing & { readonly format: number };
  return said.format === 1 ? said : never;
}

function nothingIfLost(error: unknown): undefined {
  if (!isCoterieError(error, 'CORRUPTION')) throw error;
}
