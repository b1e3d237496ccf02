/**
 * P7: where writes reach two primaries and reads ask two, of three, a read meets every write that was acknowledged before
 * it began: it shows the write or what replaced it, and nothing that the write had replaced.
 */
import { acknowledgedMs, begunMs, describeRead, describeWrite, type Read, type Write } from '../history.ts';
import { Account, byNumber, hasOneDot, replacedBy, type Story } from './story.ts';
import type { Violation } from './violation.ts';

/** Copies of every key. */
const copies = 3;

/** Stale answers to strict reads. */
export function checkStrict({ writes, reads }: Story): Violation[] {
  const byId = byNumber(writes);
  const strict = writes.filter(({ ask }) => ask.pw > 0);
  return reads.flatMap((read) => {
    const met = strict.filter((write) => write.ask.pw + read.pr > copies && acknowledgedMs(write) <= read.startMs);
    return met.length === 0 ? [] : [...missed(writes, read, met), ...outdated(read, met, byId)];
  });
}

function missed(writes: readonly Write[], read: Read, met: readonly Write[]): Violation[] {
  const account = new Account(writes, read);
  return met
    .filter((write) => write.kind === 'put' && begunMs(write) < read.startMs && !account.has(write))
    .map((write) => ({ rule: 'P7', sentence: `a strict read misses ${describeWrite(write)}; ${describeRead(read)}` }));
}

function outdated(read: Read, met: readonly Write[], byId: ReadonlyMap<number, Write>): Violation[] {
  return met.flatMap((write) => {
    const replaced = replacedBy(write, byId);
    const old = read.shown.map((id) => byId.get(id)).find((shown) => shown !== undefined && replaced.has(shown.id) && hasOneDot(shown));
    if (old === undefined) return [];
    return [
      {
        rule: 'P7' as const,
        sentence: `a strict read shows ${describeWrite(old)}, which ${describeWrite(write)} had replaced; ${describeRead(read)}`,
      },
    ];
  });
}
