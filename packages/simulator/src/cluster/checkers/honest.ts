/** P6: a reply says what was reached, a refusal that denies an effect had none, and nothing is shown that nobody wrote. */
import { begunMs, describeRead, describeWrite, effectOf, type Read, type Write } from '../history.ts';
import type { Story } from './story.ts';
import type { Violation } from './violation.ts';

/** Replies that promise less than was asked, and values that no answer may show. */
export function checkHonest({ writes, lineage, reads }: Story): Violation[] {
  const { byId } = lineage;
  return [...writes.flatMap(shortReplies), ...reads.flatMap((read) => phantoms(read, byId))];
}

function shortReplies(write: Write): Violation[] {
  const { w, pw } = write.ask;
  return write.attempts.flatMap(({ outcome }) => {
    if (outcome.kind !== 'ok') return [];
    const { primaries, fallbacks, synced } = outcome.reached;
    if (primaries + fallbacks >= w && primaries >= pw && synced >= w) return [];
    const reached = `primaries=${primaries} fallbacks=${fallbacks} synced=${synced}`;
    return [{ rule: 'P6' as const, sentence: `acknowledged with ${reached}: ${describeWrite(write)}` }];
  });
}

function phantoms(read: Read, byId: ReadonlyMap<number, Write>): Violation[] {
  return read.shown.flatMap((id) => {
    const write = byId.get(id);
    if (write === undefined || begunMs(write) > read.endMs)
      return [{ rule: 'P6' as const, sentence: `#${id} was never written here: ${describeRead(read)}` }];
    if (effectOf(write) !== 'none') return [];
    return [{ rule: 'P6' as const, sentence: `shown although it was refused for certain: ${describeWrite(write)}; ${describeRead(read)}` }];
  });
}
