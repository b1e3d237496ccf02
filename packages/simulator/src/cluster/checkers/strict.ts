/**
 * P7: where writes reach two primaries and reads ask two, of three, a read meets every write that was acknowledged before
 * it began: it shows the write or what replaced it, and nothing that the write had replaced. Unless the
 * owners that acknowledged it have all lost it before they could take it back: then it may be kept for others alone.
 */
import { begunMs, describeRead, describeWrite, type Read, type Write } from '../history.ts';
import { Account, hasOneDot, type Lineage, type LostFrom, type Story } from './story.ts';
import type { Violation } from './violation.ts';

/** Copies of every key. */
const copies = 3;

/** Stale answers to strict reads. `missedFrom`: from when on no owner may hold a write. */
export function checkStrict({ writes, lineage, reads }: Story, missedFrom: LostFrom = () => Infinity): Violation[] {
  const strict = writes.filter(({ ask }) => ask.pw > 0);
  // Worked out once: it is asked for every read.
  const missed = new Map(strict.map((write) => [write.id, missedFrom(write)]));
  return reads.flatMap((read) => {
    const met = strict.filter(
      (write) =>
        write.ask.pw + read.pr > copies &&
        lineage.acknowledgedMs(write) <= read.startMs &&
        !lineage.mayBeLost(write, read.endMs) &&
        (missed.get(write.id) ?? Infinity) > read.endMs,
    );
    return met.length === 0 ? [] : [...missedBy(lineage, read, met), ...outdated(lineage, read, met)];
  });
}

function missedBy(lineage: Lineage, read: Read, met: readonly Write[]): Violation[] {
  const account = new Account(lineage, read);
  return met
    .filter((write) => write.kind === 'put' && begunMs(write) < read.startMs && !account.has(write))
    .map((write) => ({ rule: 'P7', sentence: `a strict read misses ${describeWrite(write)}; ${describeRead(read)}` }));
}

function outdated(lineage: Lineage, read: Read, met: readonly Write[]): Violation[] {
  return met.flatMap((write) => {
    const replaced = lineage.replacedBy(write);
    const old = read.shown
      .map((id) => lineage.byId.get(id))
      .find((shown) => shown !== undefined && replaced.has(shown.id) && hasOneDot(shown));
    if (old === undefined) return [];
    return [
      {
        rule: 'P7' as const,
        sentence: `a strict read shows ${describeWrite(old)}, which ${describeWrite(write)} had replaced; ${describeRead(read)}`,
      },
    ];
  });
}
