export { hash64 } from './hash64.ts';
export type { Hash64 } from './hash64.ts';
export { formatToken, partitionOf, tokenOf, writeToken } from './token.ts';
export type { Token } from './token.ts';
export { createRing, preferenceList } from './ring.ts';
export type { PreferenceList, Ring, RingMember, RingSpec } from './ring.ts';
