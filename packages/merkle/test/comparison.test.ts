import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  answerLeaves,
  answerRoots,
  type AskedGroup,
  findGroups,
  groupsAfter,
  groupsMax,
  leafCount,
  noSums,
  rootsMax,
  type Sum64,
  sumAt,
  sumsOf,
  unmatched,
} from '../src/index.ts';
import { CountingWire, SimulatedReplica } from './replica-pair.ts';

const nameOf = ({ high, low }: Sum64): string => `${high}:${low}`;

/** Asks until nothing new is found; what only one side has. */
async function differences(
  here: SimulatedReplica,
  there: SimulatedReplica,
  partitions: readonly number[],
): Promise<{ own: string[]; theirs: string[]; wire: CountingWire }> {
  const wire = new CountingWire(there);
  const own: string[] = [];
  const theirs: string[] = [];
  const seen = new Set<string>();
  for (let left = partitions; left.length > 0; ) {
    const found = await findGroups(here, wire, left);
    left = found.left;
    for (let groups: readonly AskedGroup[] = found.groups; groups.length > 0; ) {
      const { leaves, more } = await wire.compareLeaves(groups.slice(0, groupsMax));
      for (const { partition, leaf, hashes } of leaves) {
        expect(seen.has(`${partition}/${leaf}`)).toBe(false);
        seen.add(`${partition}/${leaf}`);
        const mine = await here.hashes(partition, leaf);
        const only = unmatched(mine, hashes);
        own.push(...only.own.map((at) => nameOf(sumAt(mine, at))));
        theirs.push(...only.theirs.map((at) => nameOf(sumAt(hashes, at))));
      }
      const last = leaves.at(-1);
      groups = more && last !== undefined ? groupsAfter(here, groups, last) : groups.slice(groupsMax);
    }
  }
  return { own: own.sort(), theirs: theirs.sort(), wire };
}

const word = fc.integer({ min: 0, max: 0xffffffff });
const key = fc.record({
  partition: fc.constantFrom(3, 5, 9),
  leaf: fc.oneof(fc.nat(leafCount - 1), fc.nat(3)),
  hash: fc.record({ high: word, low: word }),
  at: fc.constantFrom('both', 'both', 'both', 'here', 'there'),
});

describe('comparing two replicas', () => {
  it('finds exactly what only one of them has', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(key, { selector: ({ hash }) => nameOf(hash), maxLength: 120 }), async (keys) => {
        const [here, there] = [new SimulatedReplica(), new SimulatedReplica()];
        for (const { partition, leaf, hash, at } of keys) {
          if (at !== 'there') here.add(partition, leaf, hash);
          if (at !== 'here') there.add(partition, leaf, hash);
        }
        const found = await differences(here, there, [3, 5, 9]);
        const only = (side: string): string[] => keys.filter(({ at }) => at === side).map(({ hash }) => nameOf(hash));
        expect(found.own).toEqual(only('here').sort());
        expect(found.theirs).toEqual(only('there').sort());
      }),
    );
  });

  it('finds one key among ten million of a partition in two trips and 64 KiB', async () => {
    // As many keys a leaf as ten million make, in the leaf that differs; the others need none to be passed over.
    const [here, there] = [new SimulatedReplica(), new SimulatedReplica()];
    const inLeaf = Math.ceil(10_000_000 / leafCount);
    for (let at = 0; at < inLeaf; at++) {
      here.add(7, 1234, { high: at, low: at });
      if (at !== 77) there.add(7, 1234, { high: at, low: at });
    }
    const { own, theirs, wire } = await differences(here, there, [7]);
    expect({ own, theirs }).toEqual({ own: ['77:77'], theirs: [] });
    expect(wire.trips).toBe(2);
    expect(wire.bytes).toBeLessThan(64 * 1024);
  });

  it('asks once when all is equal', async () => {
    const [here, there] = [new SimulatedReplica(), new SimulatedReplica()];
    for (let at = 0; at < 1000; at++) {
      here.add(at % 3, at, { high: at, low: 1 });
      there.add(at % 3, at, { high: at, low: 1 });
    }
    const { own, theirs, wire } = await differences(here, there, [0, 1, 2]);
    expect({ own, theirs, trips: wire.trips }).toEqual({ own: [], theirs: [], trips: 1 });
    expect(here.listed + there.listed).toBe(0);
  });

  it('lists no leaf whose difference is gone by the second question', async () => {
    const [here, there] = [new SimulatedReplica(), new SimulatedReplica()];
    here.add(1, 10, { high: 1, low: 1 });
    here.add(1, 11, { high: 2, low: 2 });
    const wire = new CountingWire(there);
    const { groups } = await findGroups(here, wire, [1]);
    there.add(1, 10, { high: 1, low: 1 });
    expect((await wire.compareLeaves(groups)).leaves.map(({ leaf }) => leaf)).toEqual([11]);
  });
});

describe('many differences', () => {
  it('are all found, in questions and answers that are cut short', async () => {
    const [here, there] = [new SimulatedReplica(), new SimulatedReplica()];
    const partitions = Array.from({ length: 70 }, (_, at) => at);
    for (let at = 0; at < 60_000; at++) there.add(at % 70, (at * 97) % leafCount, { high: at, low: 1 });
    const { own, theirs } = await differences(here, there, partitions);
    expect(own).toEqual([]);
    expect(new Set(theirs).size).toBe(60_000);
  });
});

describe('limits', () => {
  it('refuse questions that ask for more, or are no questions', async () => {
    const side = new SimulatedReplica();
    const many = Array.from({ length: rootsMax + 1 }, (_, at) => at);
    expect(() => answerRoots(side, many, noSums(many.length))).toThrow(expect.objectContaining({ code: 'PROTOCOL' }));
    expect(() => answerRoots(side, [1, 2], noSums(1))).toThrow(expect.objectContaining({ code: 'PROTOCOL' }));
    const group = { partition: 0, group: 0, from: 0, leaves: noSums(64) };
    await expect(answerLeaves(side, Array(groupsMax + 1).fill(group))).rejects.toMatchObject({ code: 'PROTOCOL' });
    await expect(answerLeaves(side, [{ ...group, leaves: noSums(63) }])).rejects.toMatchObject({ code: 'PROTOCOL' });
    await expect(answerLeaves(side, [{ ...group, group: 64 }])).rejects.toMatchObject({ code: 'PROTOCOL' });
  });

  it('cut an answer short after so many hashes, and after so many partitions', async () => {
    const side = new SimulatedReplica();
    for (let at = 0; at < 20_000; at++) side.add(0, at % 8, { high: at, low: 0 });
    const [first] = (await findGroups(new SimulatedReplica(), new CountingWire(side), [0])).groups;
    if (first === undefined) throw new Error('a group differs');
    const listed = await answerLeaves(side, [first]);
    expect({ leaves: listed.leaves.map(({ leaf }) => leaf), more: listed.more }).toEqual({ leaves: [0, 1, 2, 3], more: true });
    const rest = groupsAfter(new SimulatedReplica(), [first], listed.leaves[3]!);
    expect((await answerLeaves(side, rest)).leaves.map(({ leaf }) => leaf)).toEqual([4, 5, 6, 7]);
    expect(groupsAfter(side, [first], { ...listed.leaves[3]!, leaf: 63 })).toEqual([]);
    for (let partition = 0; partition < 100; partition++) side.add(partition, 0, { high: 1, low: 1 });
    const partitions = Array.from({ length: 100 }, (_, at) => at);
    expect(answerRoots(side, partitions, sumsOf(partitions.map(() => ({ high: 0, low: 0 }))))).toHaveLength(32);
  });
});
