export { answerLeaves, answerRoots, findGroups, groupsAfter, groupsMax, rootsMax, unmatched } from './comparison.ts';
export type { AskedGroup, DifferingLeaf, DifferingPartition, FoundGroups, ListedLeaves, OtherSide, Side, Unmatched } from './comparison.ts';
export { HashTree } from './hash-tree.ts';
export { fanOut, leafCount, leafOf, leafStart } from './leaves.ts';
export type { LeafPlace } from './leaves.ts';
export { addAt, decodeSums, encodeSums, noSums, sumAt, sumBytes, sumsOf, totalOf, zeroSum } from './sums.ts';
export type { Sum64, Sums } from './sums.ts';
