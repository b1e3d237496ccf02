/**
 * Which groups of workloads there are, and how large. A group is what one child process runs: one engine, one fresh
 * directory, one round.
 */
import { fillDurable, fillRandomAsync, fillRandomSync, fillSequentialAsync, fillSequentialSync } from './groups/fill.mjs';
import { loaded } from './groups/loaded.mjs';

const small = 100;
const large = 1024;

/**
 * All groups by name: `run(context)`, value size, share of `--entries` used, seconds of a time-bounded phase, and what to
 * add to row names. Values of 1 KiB use a tenth of the entries: 100,000 of them are 104 MB, as much as a million small ones.
 */
export const groups = {
  'fillrandom-async': { run: fillRandomAsync, valueBytes: small, share: 1, suffix: '' },
  'fillrandom-sync': { run: fillRandomSync, valueBytes: small, share: 1, suffix: '' },
  'fillseq-async': { run: fillSequentialAsync, valueBytes: small, share: 1, suffix: '' },
  'fillseq-sync': { run: fillSequentialSync, valueBytes: small, share: 1, suffix: '' },
  fillsync: { run: fillDurable, valueBytes: small, share: 1, suffix: '', phaseSeconds: 2 },
  loaded: { run: loaded, valueBytes: small, share: 1, suffix: '', phaseSeconds: 1 },
  'fillrandom-async-1k': { run: fillRandomAsync, valueBytes: large, share: 0.1, suffix: '-1k' },
  'fillrandom-sync-1k': { run: fillRandomSync, valueBytes: large, share: 0.1, suffix: '-1k' },
  'loaded-1k': { run: loaded, valueBytes: large, share: 0.1, suffix: '-1k', phaseSeconds: 0.6, phases: ['unsettled'] },
};

/** Settings that every engine is opened with, as far as it has them. */
export const settings = { cacheBytes: 256 * 2 ** 20, writeBufferBytes: 16 * 2 ** 20 };

/** The sizes of a run: the default one, and the quick one. */
export const sizes = {
  full: { entries: 1_000_000, rounds: 5, phaseScale: 1 },
  quick: { entries: 100_000, rounds: 1, phaseScale: 0.3 },
};

/** Engines that are printed and not judged run in this many rounds only. */
export const unjudgedRounds = 2;
