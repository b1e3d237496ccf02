/** P1 and P4: an acknowledged value is there at the end, unless a write replaced it whose author had seen it. */
import { describeRead, describeWrite, type Write } from '../history.ts';
import { Account, type Story } from './story.ts';
import type { Violation } from './violation.ts';

/** Acknowledged values that are gone. */
export function checkDurable(story: Story): Violation[] {
  const { last } = story;
  if (last === undefined) return [];
  return missingIn(story).map((write) => ({
    rule: 'P1',
    sentence: `lost: ${describeWrite(write)}, and nobody who had seen it replaced it; ${describeRead(last)}`,
  }));
}

/** Acknowledged puts that the read at rest does not account for. */
export function missingIn({ writes, lineage, last }: Story): readonly Write[] {
  if (last === undefined) return [];
  const account = new Account(lineage, last);
  return writes.filter((write) => write.kind === 'put' && lineage.acknowledgedMs(write) < Infinity && !account.has(write));
}
