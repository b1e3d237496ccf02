/** `lww` buckets: one value at most, and never one that somebody had seen and replaced. What nobody replaced is not missing altogether. */
import { describeRead, describeWrite, effectOf, type Write } from '../history.ts';
import type { Story } from './story.ts';
import type { Violation } from './violation.ts';

/** What a last-write-wins key got wrong. */
export function checkLastWrite({ writes, lineage, reads, last }: Story): Violation[] {
  const several = reads.find(({ shown }) => shown.length > 1);
  const found: Violation[] = several === undefined ? [] : [{ rule: 'lww', sentence: `several values: ${describeRead(several)}` }];
  if (last === undefined) return found;
  const { byId } = lineage;
  const isAcknowledged = (write: Write): boolean => lineage.acknowledgedMs(write) < Infinity && !lineage.mayBeLost(write, last.endMs);
  const shown = byId.get(last.shown[0] ?? -1);
  const newer = shown && writes.find((write) => isAcknowledged(write) && lineage.replacedBy(write).has(shown.id));
  if (shown !== undefined && newer !== undefined) {
    found.push({
      rule: 'lww',
      sentence: `${describeWrite(shown)} stays, although ${describeWrite(newer)} came after it; ${describeRead(last)}`,
    });
  }
  const put = writes.find((write) => write.kind === 'put' && isAcknowledged(write));
  const mayBeDeleted = writes.some((write) => write.kind === 'delete' && effectOf(write) !== 'none');
  if (shown === undefined && put !== undefined && !mayBeDeleted) {
    found.push({ rule: 'lww', sentence: `nothing is left of ${describeWrite(put)}, and nobody deleted it` });
  }
  return found;
}
