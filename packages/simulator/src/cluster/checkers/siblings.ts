/**
 * P4: what stands side by side was written side by side. A value never stands beside one whose author had seen it, and
 * the value of one operation stands there once. P2: nor does it come back after a delete that had seen it.
 */
import { describeRead, describeWrite, type Read } from '../history.ts';
import { hasOneDot, type Story } from './story.ts';
import type { Violation } from './violation.ts';

/** Replaced operations that an object remembers. */
const rememberedMax = 8;

/** False siblings in any answer, and values that came back in the last one. */
export function checkSiblings(story: Story): Violation[] {
  const { reads, last } = story;
  return [...reads.flatMap((read) => [...repeated(read), ...replacedBesideReplacer(story, read)]), ...cameBack(story, last)];
}

function repeated(read: Read): Violation[] {
  const twice = read.shown.find((id, index) => read.shown.indexOf(id) !== index);
  return twice === undefined ? [] : [{ rule: 'P4', sentence: `#${twice} stands there twice: ${describeRead(read)}` }];
}

function replacedBesideReplacer({ lineage }: Story, read: Read): Violation[] {
  if (read.shown.length < 2) return [];
  const { byId } = lineage;
  return read.shown.flatMap((id) => {
    const later = byId.get(id);
    if (later === undefined) return [];
    const replaced = lineage.replacedBy(later);
    const early = read.shown
      .map((other) => byId.get(other))
      .find((write) => write !== undefined && replaced.has(write.id) && hasOneDot(write));
    if (early === undefined) return [];
    return [
      { rule: 'P4' as const, sentence: `false sibling: ${describeWrite(early)} beside ${describeWrite(later)}; ${describeRead(read)}` },
    ];
  });
}

function cameBack({ writes, lineage }: Story, last: Read | undefined): Violation[] {
  if (last === undefined) return [];
  const { byId } = lineage;
  const shown = new Set(last.shown);
  // An object remembers so many replaced operations; a second copy of one that it has forgotten may come back.
  const isRemembered = writes.length <= rememberedMax + 1;
  return writes
    .filter((write) => lineage.acknowledgedMs(write) < Infinity && !lineage.mayBeLost(write, last.endMs))
    .flatMap((write) => {
      const back = [...lineage.replacedBy(write)]
        .map((id) => byId.get(id))
        .find((old) => old !== undefined && shown.has(old.id) && (isRemembered || hasOneDot(old)));
      if (back === undefined) return [];
      const rule = write.kind === 'delete' ? ('P2' as const) : ('P4' as const);
      return [{ rule, sentence: `came back: ${describeWrite(back)}, which ${describeWrite(write)} had replaced; ${describeRead(last)}` }];
    });
}
