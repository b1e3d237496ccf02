/**
 * The rows of the comparison, in the order they are printed: what each measures and how far ahead of the best peer of the
 * same form ours has to be. `target` multiplies the best judged peer's median; rows without one are printed for knowledge.
 */

/** Rates, entries or operations per second. `id` is `workload.form` as the child processes name it. */
export const rateRows = [
  { id: 'fillrandom.async', title: 'fillrandom, single puts, 64 in flight', target: 2 },
  { id: 'fillrandom.sync', title: 'fillrandom, single puts', target: 2 },
  { id: 'fillseq.sync', title: 'fillseq, batches of 100', target: 1 },
  { id: 'fillseq.async', title: 'fillseq, batches of 100, one after the other', target: 1 },
  { id: 'fillseq8.async', title: 'fillseq, batches of 100, 8 in flight', target: 1 },
  { id: 'fillsync64.async', title: 'fillsync, durable, 64 in flight', target: 2 },
  { id: 'fillsync1.async', title: 'fillsync, durable, one at a time', target: 1 },
  { id: 'fillsync1.sync', title: 'fillsync, durable, one at a time', target: 1 },
  { id: 'readrandom-unsettled.sync', title: 'readrandom, cached, unsettled' },
  { id: 'readrandom.sync', title: 'readrandom, cached, settled', target: 1.5 },
  { id: 'readrandom-unsettled.async', title: 'readrandom, cached, unsettled, 64 in flight' },
  { id: 'readrandom.async', title: 'readrandom, cached, settled, 64 in flight' },
  { id: 'readmissing.sync', title: 'readmissing', target: 1.2 },
  { id: 'readmissing.async', title: 'readmissing, 64 in flight' },
  { id: 'multi-get.sync', title: 'multi-get of 100, settled (keys)', target: 1.2 },
  { id: 'multi-get.async', title: 'multi-get of 100, settled, 4 in flight (keys)', target: 1.2 },
  { id: 'scan50.sync', title: 'scan of 50 (scans)', target: 1.5 },
  { id: 'scan50.async', title: 'scan of 50, 4 in flight (scans)', target: 1.5 },
  { id: 'fullscan.sync', title: 'full scan (entries)', target: 2 },
  { id: 'fullscan.async', title: 'full scan (entries)', target: 2 },
  { id: 'mixed-reads.sync', title: 'one writer, eight readers: reads', target: 1 },
  { id: 'mixed-writes.sync', title: 'one writer, eight readers: writes', target: 1 },
  { id: 'mixed-reads.async', title: 'one writer, eight readers: reads' },
  { id: 'mixed-writes.async', title: 'one writer, eight readers: writes' },
];

/** The same on values of 1 KiB: printed, with no target of their own. */
export const largeRateRows = [
  { id: 'fillrandom-1k.async', title: 'fillrandom, single puts, 64 in flight' },
  { id: 'fillrandom-1k.sync', title: 'fillrandom, single puts' },
  { id: 'readrandom-unsettled-1k.sync', title: 'readrandom, unsettled' },
  { id: 'readrandom-1k.sync', title: 'readrandom, settled' },
  { id: 'readrandom-unsettled-1k.async', title: 'readrandom, unsettled, 64 in flight' },
  { id: 'readrandom-1k.async', title: 'readrandom, settled, 64 in flight' },
  { id: 'scan50-1k.sync', title: 'scan of 50 (scans)' },
  { id: 'scan50-1k.async', title: 'scan of 50, 4 in flight (scans)' },
  { id: 'fullscan-1k.sync', title: 'full scan (entries)' },
  { id: 'fullscan-1k.async', title: 'full scan (entries)' },
];

/** Figures where less is better and the bound is a number of its own. `of` picks the figure from a row's sample. */
export const boundRows = [
  { id: 'fillrandom.async', title: 'event-loop delay, p99 (ms)', of: (row) => row.delay?.p99, bound: 1 },
  { id: 'fillrandom.async', title: 'event-loop delay, p99.9 (ms)', of: (row) => row.delay?.p999, bound: 10 },
  { id: 'fillrandom.async', title: 'event-loop delay, max (ms)', of: (row) => row.delay?.max },
  { id: 'fillrandom.async', title: 'own meter: turn, p99 (ms)', of: (row) => row.turn?.p99 },
  { id: 'fillrandom.async', title: 'own meter: turn, p99.9 (ms)', of: (row) => row.turn?.p999 },
  { id: 'fillrandom.async', title: 'own meter: turn, max (ms)', of: (row) => row.turn?.max },
  { id: 'fillrandom.sync', title: 'event-loop delay, p99 (ms)', of: (row) => row.delay?.p99, bound: 1 },
  { id: 'fillrandom.sync', title: 'event-loop delay, p99.9 (ms)', of: (row) => row.delay?.p999, bound: 10 },
  { id: 'fillrandom.sync', title: 'event-loop delay, max (ms)', of: (row) => row.delay?.max },
  { id: 'fillrandom.sync', title: 'own meter: turn, p99.9 (ms)', of: (row) => row.turn?.p999 },
  { id: 'fillrandom.async', title: 'bytes written ÷ user bytes, at close', of: (row) => row.amplification?.atClose.passed, bound: 2.5 },
  { id: 'fillrandom.async', title: 'the same, as dirtied pages', of: (row) => row.amplification?.atClose.dirtied },
  {
    id: 'fillrandom.async',
    title: 'bytes written ÷ user bytes, settled to one run',
    of: (row) => row.amplification?.settled.passed,
    bound: 4,
  },
  { id: 'fillrandom.async', title: 'the same, as dirtied pages', of: (row) => row.amplification?.settled.dirtied },
  { id: 'overwritten-disk', title: 'bytes on disk ÷ user bytes, half overwritten, settled, closed', of: (row) => row.ratio, bound: 1.1 },
  { id: 'overwritten-disk', title: 'the same, while open', of: (row) => row.whileOpen },
  { id: 'overwritten-disk-1k', title: 'the same with values of 1 KiB, closed', of: (row) => row.ratio },
  { id: 'fillrandom.async', title: 'peak memory, fillrandom (MiB)', of: (row) => row.peakMemory && row.peakMemory / 2 ** 20 },
  { id: 'loaded-memory', title: 'peak memory, loaded store with reads (MiB)', of: (row) => row.peakMemory && row.peakMemory / 2 ** 20 },
];
