/**
 * A process on a disk, or with file handles, that really run out. Run by `real-disk.test.ts` under limits that hold for
 * this process alone; prints what it saw as one line of JSON. `node real-disk-child.mjs full|limit|files DIRECTORY`.
 */
import { closeSync, existsSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { openStore } from '../dist/index.js';

const [mode, directory] = process.argv.slice(2);
const key = (i) => Buffer.from(`key${String(i).padStart(6, '0')}`);
const value = (i) => Buffer.alloc(1000, `value ${i} `);

/** Errors by code, with what they say of the write's effect. */
class Errors {
  seen = {};

  note(error) {
    const name = `${error.name} ${error.code} ${error.details?.mayHaveTakenEffect}`;
    this.seen[name] = (this.seen[name] ?? 0) + 1;
  }
}

/** Durable puts, many at a time, until some are refused; returns how many in a row were acknowledged. */
async function putUntilRefused(store, errors, from) {
  for (let next = from; ; next += 32) {
    const outcomes = await Promise.allSettled(Array.from({ length: 32 }, (_, i) => store.put(key(next + i), value(next + i))));
    const refused = outcomes.findIndex((outcome) => outcome.status === 'rejected');
    for (const outcome of outcomes) if (outcome.status === 'rejected') errors.note(outcome.reason);
    if (refused >= 0)
      return { acknowledged: next + refused, later: outcomes.slice(refused).filter((outcome) => outcome.status === 'fulfilled').length };
    if (next > 1_000_000) throw new Error('it never runs out');
  }
}

/** Whether the store holds exactly the keys below `count`, by point reads and by a scan. */
function holds(store, count) {
  let scanned = 0;
  store.scanSync(undefined, Number.POSITIVE_INFINITY, (k, v) => {
    if (Buffer.compare(k, key(scanned)) !== 0 || Buffer.compare(v, value(scanned)) !== 0) throw new Error(`entry ${scanned} is another`);
    scanned++;
  });
  for (let i = 0; i < count; i += 7)
    if (Buffer.compare(store.getSync(key(i)) ?? Buffer.alloc(0), value(i)) !== 0) throw new Error(`key ${i} is lost`);
  return scanned === count;
}

async function full() {
  const errors = new Errors();
  const data = `${directory}/data`;
  const options = {
    writeBufferBytes: 256 * 1024,
    logSegmentBytes: 512 * 1024,
    reserveBytes: 768 * 1024,
    level0Tables: 64,
    idleMs: 3_600_000,
  };
  writeFileSync(`${directory}/filler`, Buffer.alloc(2 * 2 ** 20));
  let store = await openStore(data, options);
  const first = await putUntilRefused(store, errors, 0);
  const report = { first, heldWhenFull: holds(store, first.acknowledged), failure: store.failure?.message };
  await store.close();
  store = await openStore(data, options);
  report.heldAfterReopening = holds(store, first.acknowledged);
  report.second = await putUntilRefused(store, errors, first.acknowledged);
  rmSync(`${directory}/filler`);
  let resumed = false;
  for (let attempt = 0; attempt < 100 && !resumed; attempt++) {
    resumed = await store.put(key(report.second.acknowledged), value(report.second.acknowledged)).then(
      () => true,
      (error) => errors.note(error),
    );
    if (!resumed) await delay(100);
  }
  report.resumed = resumed;
  report.heldAfterResuming = holds(store, report.second.acknowledged + 1);
  await store.close();
  store = await openStore(data, options);
  report.heldAtLast = holds(store, report.second.acknowledged + 1);
  await store.close();
  return { ...report, errors: errors.seen };
}

/** A limit on the size of a file, which a log segment meets: the system says EFBIG, which is no full disk. */
async function limit() {
  const errors = new Errors();
  const data = `${directory}/data`;
  const options = { logSegmentBytes: 4 * 2 ** 20, reserveBytes: 0 };
  let store = await openStore(data, options);
  const first = await putUntilRefused(store, errors, 0);
  const report = { first, heldWhenRefused: holds(store, first.acknowledged), failure: store.failure?.message };
  await store.close();
  store = await openStore(data, options);
  report.heldAfterReopening = holds(store, first.acknowledged);
  await store.close();
  return { ...report, errors: errors.seen };
}

async function files() {
  const errors = new Errors();
  const data = `${directory}/data`;
  const options = { writeBufferBytes: 32 * 1024, level0Tables: 64, cacheBytes: 0, reserveBytes: 0, durable: false, idleMs: 3_600_000 };
  const store = await openStore(data, options);
  const count = 1900;
  for (let i = 0; i < count; i++) await store.put(key(i), value(i));
  await store.checkpoint(`${directory}/copy`);
  const report = { tables: store.statistics().tables };
  const found = await Promise.all(Array.from({ length: count }, (_, i) => store.get(key(i))));
  report.readAsync = found.every((one, i) => one !== undefined && Buffer.compare(one, value(i)) === 0);
  const taken = [];
  try {
    for (;;) taken.push(openSync('/dev/null'));
  } catch (error) {
    report.exhausted = error.code;
  }
  report.readExhausted = holds(store, count);
  for (let i = count; i < count + 40; i++)
    await store.put(key(i), value(i), { durable: i % 10 === 0 }).catch((error) => errors.note(error));
  report.heldExhausted = holds(store, count + 40);
  await delay(300);
  report.failure = store.failure?.message;
  for (const fd of taken) closeSync(fd);
  await store.settle().catch((error) => errors.note(error));
  report.heldAfter = holds(store, count + 40);
  await store.close();
  const again = await openStore(data, options);
  report.heldAtLast = holds(again, count + 40);
  await again.close();
  return { ...report, errors: errors.seen };
}

if (!existsSync(directory)) throw new Error(`no ${directory}`);
console.log(JSON.stringify(await { full, limit, files }[mode]()));
