/**
 * What the ring's changes cost this node, counted since its start: objects and bytes that left it and that came to it.
 * Bytes are those of objects; keys, hashes and frames come on top.
 *
 * ```
 *   holder                                 who takes over
 *   given ──────────── pages ────────────▶ taken         the bulk, each partition from one holder
 *         ◀─────────── hashes ──────────── compared, with every holder
 *         ──── what differs, one by one ─▶ mended
 *
 *   who holds it no more ── what an owner lacks ──▶ broughtHome
 * ```
 */

/** Objects and their bytes, by the way they went. */
export interface MoveCounts {
  takenObjects: number;
  takenBytes: number;
  givenObjects: number;
  givenBytes: number;
  mendedObjects: number;
  mendedBytes: number;
  broughtHomeObjects: number;
  broughtHomeBytes: number;
}

/** The ways that objects go. */
type Way = 'taken' | 'given' | 'mended' | 'broughtHome';

/** Counts at a start. */
export function nothingMoved(): MoveCounts {
  return {
    takenObjects: 0,
    takenBytes: 0,
    givenObjects: 0,
    givenBytes: 0,
    mendedObjects: 0,
    mendedBytes: 0,
    broughtHomeObjects: 0,
    broughtHomeBytes: 0,
  };
}

/** Counts objects that went one of the ways. */
export function countMoved(counts: MoveCounts, way: Way, of: { readonly objects: number; readonly bytes: number }): void {
  counts[`${way}Objects`] += of.objects;
  counts[`${way}Bytes`] += of.bytes;
}
