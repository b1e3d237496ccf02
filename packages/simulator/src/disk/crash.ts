/**
 * What a power failure leaves of a file: everything synced, and of each change since then all, nothing or parts, in any
 * combination (the system writes pages back in no particular order).
 *
 * ```
 *  pending   write A       write B            write C (grows the file)
 *  by seed   kept          lost               torn: sectors new · old · garbage
 *                          (its growth may stay, as zeros)
 * ```
 *
 * Invariant: a byte outside every pending change is exactly what was synced. Sectors are 512 bytes at fixed places of the
 * file; garbage replaces only bytes that the torn write itself covered.
 */
import type { SeededRandom } from '../random.ts';
import { applyChange } from './nodes.ts';
import type { FileChange, FileNode } from './nodes.ts';
import type { Content } from './content.ts';

const sectorBytes = 512;

/** How a crash treats unsynced changes: probabilities of keeping one whole, and of tearing one that is not kept. */
export interface CrashMood {
  readonly keep: number;
  readonly tear: number;
  /** After the first change of a file that is not kept whole, none is. */
  readonly inOrder: boolean;
}

/** Crashes differ in kind, not only in dice: some lose all, some keep all, some cut in order, most mix. */
const moods: readonly CrashMood[] = [
  { keep: 0, tear: 0, inOrder: true },
  { keep: 1, tear: 0, inOrder: true },
  { keep: 0.7, tear: 1, inOrder: true },
  { keep: 0.9, tear: 0.5, inOrder: true },
  { keep: 0.5, tear: 0.5, inOrder: false },
  { keep: 0.8, tear: 0.8, inOrder: false },
  { keep: 0.2, tear: 0.8, inOrder: false },
];

/** How this crash is. */
export function drawMood(random: SeededRandom): CrashMood {
  return random.pick(moods);
}

/** The bytes of a file after a crash. */
export function survivingContent(file: FileNode, mood: CrashMood, random: SeededRandom): Content {
  const content = file.durable.clone();
  let cut = false;
  for (const change of file.pending) {
    const keep = !(cut && mood.inOrder) && random.chance(mood.keep);
    if (keep) {
      applyChange(content, change);
      continue;
    }
    const torn = !(cut && mood.inOrder) && random.chance(mood.tear);
    cut = true;
    if (torn) tear(content, change, random);
  }
  return content;
}

function tear(content: Content, change: FileChange, random: SeededRandom): void {
  if (change.kind === 'truncate') return;
  const { position, bytes } = change;
  const end = position + bytes.length;
  if (random.chance(0.3)) return keepPrefix(content, change, random);
  // The size is metadata and may get there without the bytes.
  if (random.chance(0.5) && content.size < end) content.truncate(end);
  for (let at = position; at < end; ) {
    const next = Math.min(end, (Math.floor(at / sectorBytes) + 1) * sectorBytes);
    const fate = random.below(8);
    if (fate < 4) content.write(bytes.subarray(at - position, next - position), at);
    else if (fate === 4) content.write(random.fill(new Uint8Array(next - at)), at);
    at = next;
  }
}

/** The write stopped at a sector's edge, or rarely in mid-sector. */
function keepPrefix(content: Content, change: Extract<FileChange, { kind: 'write' }>, random: SeededRandom): void {
  const { position, bytes } = change;
  const kept = random.below(bytes.length + 1);
  const edge = Math.floor((position + kept) / sectorBytes) * sectorBytes - position;
  content.write(bytes.subarray(0, random.chance(0.7) ? Math.max(0, edge) : kept), position);
}
