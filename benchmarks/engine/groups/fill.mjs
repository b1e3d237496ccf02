/**
 * Filling an empty store: fillrandom (one key a put, keys drawn with repetition), fillseq (batches of 100 ascending keys)
 * and fillsync (durable, time-bounded). Nothing but fillsync waits for the disk: a put is done when handed to the system.
 */
import { ascendingNumbers, drawNumbers, encodeKey } from '../data.mjs';
import { runAsync, runSync } from '../drive.mjs';
import { bytesWritten, diskBytes, measure, peakMemory } from '../meter.mjs';
import { assertReadable } from '../check.mjs';

const batchEntries = 100;

/** fillrandom with 64 puts in flight, then the bytes written at close and after settling. */
export function fillRandomAsync(context) {
  return fillRandom(context, 'async');
}

/** fillrandom with synchronous puts, 64 to a turn. */
export function fillRandomSync(context) {
  return fillRandom(context, 'sync');
}

async function fillRandom(context, form) {
  const { openStore, values, entries, suffix } = context;
  const numbers = drawNumbers(entries, entries, context.seed);
  const before = bytesWritten();
  const engine = await openStore();
  if (!(form === 'async' ? engine.put : engine.putSync)) return skip(engine);
  const run = form === 'async' ? runAsync : runSync;
  const put = form === 'async' ? engine.put : engine.putSync;
  const operation = (i) => put(encodeKey(numbers[i]), values.of(numbers[i]));
  const filled = await measure(() => run({ total: entries, operation }));
  filled.peakMemory = peakMemory();
  await assertReadable(engine, numbers, values);
  await engine.close();
  const atClose = writtenSince(before);
  filled.diskAtClose = diskBytes(context.directory);
  const again = await openStore();
  await again.settle();
  await assertReadable(again, numbers, values);
  await again.close();
  const userBytes = entries * (16 + values.valueBytes);
  filled.amplification = { atClose: ratio(atClose, userBytes), settled: ratio(writtenSince(before), userBytes) };
  return { [`fillrandom${suffix}.${form}`]: filled };
}

function writtenSince(before) {
  const now = bytesWritten();
  return { passed: now.passed - before.passed, dirtied: now.dirtied - before.dirtied };
}

function ratio(written, userBytes) {
  return { passed: written.passed / userBytes, dirtied: written.dirtied / userBytes };
}

async function skip(engine) {
  await engine.close();
  return {};
}

/** fillseq in batches of 100, asynchronously: one batch after the other, then eight in flight, on fresh stores. */
export async function fillSequentialAsync(context) {
  return { ...(await fillSequential(context, 'fillseq.async', 1)), ...(await fillSequential(context, 'fillseq8.async', 8)) };
}

/** fillseq in batches of 100, synchronously, one batch to a turn. */
export function fillSequentialSync(context) {
  return fillSequential(context, 'fillseq.sync', 0);
}

/** `inFlight` 0 means the synchronous form. */
async function fillSequential(context, row, inFlight) {
  const { openStore, values, entries } = context;
  const engine = await openStore({ under: row });
  const putBatch = inFlight === 0 ? engine.putBatchSync : engine.putBatch;
  if (!putBatch) return skip(engine);
  const operation = (i) => {
    const { keys, batchValues } = batchOf(i * batchEntries, values);
    return putBatch(keys, batchValues);
  };
  const total = Math.floor(entries / batchEntries);
  const filled = await measure(() =>
    inFlight === 0 ? runSync({ total, perTurn: 1, operation }) : runAsync({ total, inFlight, operation }),
  );
  await assertReadable(engine, ascendingNumbers(total * batchEntries), values);
  await engine.close();
  return { [row]: perEntry(filled, batchEntries) };
}

function batchOf(first, values) {
  const keys = new Array(batchEntries);
  const batchValues = new Array(batchEntries);
  for (let k = 0; k < batchEntries; k++) {
    keys[k] = encodeKey(first + k);
    batchValues[k] = values.of(first + k);
  }
  return { keys, batchValues };
}

/** A measurement of operations on `count` entries each, restated per entry. */
export function perEntry(measured, count) {
  return {
    ...measured,
    operations: measured.operations * count,
    rate: measured.rate * count,
    cpuUs: measured.cpuUs / count,
    mainCpuUs: measured.mainCpuUs / count,
  };
}

/** Durable puts of random keys into fresh stores: 64 in flight, one at a time, and synchronously. */
export async function fillDurable(context) {
  const { values, entries, limitMs } = context;
  const numbers = drawNumbers(entries, entries, context.seed);
  const results = {};
  for (const [row, inFlight] of [
    ['fillsync64.async', 64],
    ['fillsync1.async', 1],
    ['fillsync1.sync', 0],
  ]) {
    const engine = await context.openStore({ durable: true, under: row });
    const put = inFlight === 0 ? engine.putSync : engine.put;
    if (put) {
      const operation = (i) => put(encodeKey(numbers[i]), values.of(numbers[i]));
      results[row] = await measure(() =>
        inFlight === 0
          ? runSync({ total: entries, limitMs, perTurn: 1, operation })
          : runAsync({ total: entries, limitMs, inFlight, operation }),
      );
      await assertReadable(engine, numbers.subarray(0, results[row].operations), values);
    }
    await engine.close();
  }
  return results;
}
