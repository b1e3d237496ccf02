/**
 * Everything that needs a store with all entries in it. One load serves all of these, in this order:
 *
 * ```
 *  load, each key once, random order, batches of 100
 *   ├─ unsettled: point reads
 *   ├─ settle
 *   ├─ settled: point reads, missing keys, multi-get, scans of 50, full scan
 *   ├─ one writer with eight readers
 *   └─ overwrite half, settle, bytes on disk; close, bytes on disk
 * ```
 * Reads are warm: before point reads every block is read once, and before each measured phase an unmeasured one of the same
 * kind runs for a while.
 */
import { Tally, assertReadable } from '../check.mjs';
import { drawNumbers, encodeKey, encodeMissingKey, shuffledNumbers } from '../data.mjs';
import { runActors, runAsync, runSync } from '../drive.mjs';
import { diskBytes, measure, peakMemory } from '../meter.mjs';
import { perEntry } from './fill.mjs';

const batchEntries = 100;
const scanEntries = 50;
const scansInFlight = 4;
const readers = 8;

/** All rows on a loaded store; `context.phases` narrows them. */
export async function loaded(context) {
  const { openStore, values, entries } = context;
  const engine = await openStore();
  const numbers = shuffledNumbers(entries, context.seed);
  await load(engine, numbers, values);
  const state = { ...context, engine, numbers: drawNumbers(entries, entries, context.seed + 1), results: {} };
  if (wanted(context, 'unsettled')) await pointReads(state, 'readrandom-unsettled');
  await engine.settle();
  state.results[`settled-disk${context.suffix}`] = { ratio: diskBytes(context.directory) / (entries * (16 + values.valueBytes)) };
  await pointReads(state, 'readrandom');
  if (wanted(context, 'missing')) await missingReads(state);
  if (wanted(context, 'multi-get')) await multiGets(state);
  await scans(state);
  if (wanted(context, 'mixed')) await mixed(state);
  state.results[`loaded-memory${context.suffix}`] = { peakMemory: peakMemory() };
  await overwriteHalf(state);
  return state.results;
}

function wanted(context, phase) {
  return context.phases === undefined || context.phases.includes(phase);
}

async function load(engine, numbers, values) {
  const putBatch = engine.putBatchSync ?? engine.putBatch;
  const operation = (i) => {
    const part = numbers.subarray(i * batchEntries, (i + 1) * batchEntries);
    return putBatch(Array.from(part, encodeKey), Array.from(part, values.of));
  };
  await runAsync({ total: Math.ceil(numbers.length / batchEntries), inFlight: 4, operation });
  await assertReadable(engine, numbers, values);
}

/** Runs `phase(tally, limitMs)` once to warm up and once measured, and holds the tally against `expect(tally, i)`. */
async function measured(state, { row, phase, expect, each = 1 }) {
  await phase(new Tally(), state.limitMs / 4);
  const tally = new Tally();
  const result = await measure(() => phase(tally, state.limitMs));
  const expected = new Tally();
  for (let i = 0; i < result.operations; i++) expect(expected, i);
  tally.assertEqual(expected, row);
  const [name, form] = row.split('.');
  state.results[`${name}${state.suffix}.${form}`] = each === 1 ? result : perEntry(result, each);
}

/** Reads a key out of every 2 KiB, in order, so that no block of 4 KiB is left out. */
async function touchEveryBlock({ engine, entries, values }) {
  const step = Math.max(1, Math.floor(2048 / (16 + values.valueBytes)));
  const total = Math.floor(entries / step);
  if (engine.getSync) await runSync({ total, operation: (i) => engine.getSync(encodeKey(i * step)) });
  else await runAsync({ total, operation: (i) => engine.get(encodeKey(i * step)) });
}

async function pointReads(state, row) {
  await touchEveryBlock(state);
  const { engine, numbers, values } = state;
  const at = (i) => numbers[i % numbers.length];
  const expect = (tally, i) => tally.value(values.of(at(i)));
  if (engine.getSync) {
    const phase = (tally, limitMs) =>
      runSync({ total: Infinity, limitMs, operation: (i) => tally.value(engine.getSync(encodeKey(at(i)))) });
    await measured(state, { row: `${row}.sync`, phase, expect });
  }
  if (engine.get) {
    const phase = (tally, limitMs) =>
      runAsync({ total: Infinity, limitMs, operation: async (i) => tally.value(await engine.get(encodeKey(at(i)))) });
    await measured(state, { row: `${row}.async`, phase, expect });
  }
}

async function missingReads(state) {
  const { engine, numbers } = state;
  const at = (i) => numbers[i % numbers.length];
  const expect = () => {};
  if (engine.getSync) {
    const phase = (tally, limitMs) =>
      runSync({ total: Infinity, limitMs, operation: (i) => tally.value(engine.getSync(encodeMissingKey(at(i)))) });
    await measured(state, { row: 'readmissing.sync', phase, expect });
  }
  if (engine.get) {
    const phase = (tally, limitMs) =>
      runAsync({ total: Infinity, limitMs, operation: async (i) => tally.value(await engine.get(encodeMissingKey(at(i)))) });
    await measured(state, { row: 'readmissing.async', phase, expect });
  }
}

async function multiGets(state) {
  const { engine, numbers, values } = state;
  const first = (i) => (i * batchEntries) % (numbers.length - batchEntries);
  const keysOf = (i) => Array.from(numbers.subarray(first(i), first(i) + batchEntries), encodeKey);
  const add = (tally, found) => {
    for (const value of found) tally.value(value);
  };
  const expect = (tally, i) => {
    for (let k = 0; k < batchEntries; k++) tally.value(values.of(numbers[first(i) + k]));
  };
  if (engine.getManySync) {
    const phase = (tally, limitMs) =>
      runSync({ total: Infinity, limitMs, perTurn: 1, operation: (i) => add(tally, engine.getManySync(keysOf(i))) });
    await measured(state, { row: 'multi-get.sync', phase, expect, each: batchEntries });
  }
  if (engine.getMany) {
    const operation = (tally) => async (i) => add(tally, await engine.getMany(keysOf(i)));
    const phase = (tally, limitMs) => runAsync({ total: Infinity, limitMs, inFlight: 4, operation: operation(tally) });
    await measured(state, { row: 'multi-get.async', phase, expect, each: batchEntries });
  }
}

/** Scans of 50 from random keys, and one scan over everything. */
async function scans(state) {
  const { engine, entries, numbers } = state;
  const from = (i) => numbers[i % numbers.length] % (entries - scanEntries);
  const short = { row: 'scan50', start: from, length: scanEntries };
  const full = { row: 'fullscan', start: () => 0, length: entries };
  for (const kind of [short, full]) {
    if (engine.scanSync) await scanPhase(state, kind, 'sync');
    if (engine.scan) await scanPhase(state, kind, 'async');
  }
}

async function scanPhase(state, { row, start, length }, form) {
  const { engine, values } = state;
  const isFull = row === 'fullscan';
  const scan = form === 'sync' ? engine.scanSync : engine.scan;
  const visitor = (tally) => (key, value) => tally.entry(key, value);
  const phase = (tally, limitMs) => {
    const visit = visitor(tally);
    const operation = (i) => scan(encodeKey(start(i)), length, visit);
    if (form === 'sync') return runSync({ total: Infinity, limitMs, perTurn: 1, operation });
    return runAsync({ total: isFull ? 1 : Infinity, limitMs, inFlight: isFull ? 1 : scansInFlight, operation });
  };
  const expect = (tally, i) => {
    const first = start(i);
    for (let n = first; n < first + length; n++) tally.entry(encodeKey(n), values.of(n));
  };
  await measured(state, { row: `${row}.${form}`, phase, expect, each: isFull ? length : 1 });
}

/** One writer with eight readers, each doing one operation per turn; readers use the engine's quickest form, then the other. */
async function mixed(state) {
  const { engine, numbers, values } = state;
  if (!engine.put) return;
  for (const form of ['sync', 'async']) {
    const get = form === 'sync' ? engine.getSync : engine.get;
    if (!get) continue;
    let wrong = 0;
    const reader = (which) => async (i) => {
      const number = numbers[(i * readers + which) % numbers.length];
      const value = await get(encodeKey(number));
      if (value === undefined || value[0] !== values.of(number)[0]) wrong++;
    };
    const writer = (i) => {
      const number = numbers[(i * 7) % numbers.length];
      return engine.put(encodeKey(number), values.of(number));
    };
    const actors = [writer, ...Array.from({ length: readers }, (_, which) => reader(which))];
    const result = await measure(() => runActors({ limitMs: state.limitMs * 1.5, actors }));
    if (wrong > 0) throw new Error(`mixed.${form}: ${wrong} wrong reads`);
    const [writes, ...reads] = result.operations;
    const readTotal = reads.reduce((sum, n) => sum + n, 0);
    state.results[`mixed-reads.${form}`] = { ...result, operations: readTotal, rate: readTotal / result.seconds };
    state.results[`mixed-writes.${form}`] = { ...result, operations: writes, rate: writes / result.seconds };
  }
}

async function overwriteHalf({ engine, entries, values, directory, results, suffix, seed }) {
  const numbers = shuffledNumbers(entries, seed + 2).subarray(0, entries / 2);
  await load(engine, numbers, values);
  await engine.settle();
  const userBytes = entries * (16 + values.valueBytes);
  const open = diskBytes(directory) / userBytes;
  await assertReadable(engine, numbers, values);
  await engine.close();
  results[`overwritten-disk${suffix}`] = { ratio: diskBytes(directory) / userBytes, whileOpen: open };
}
