/**
 * Times the commit log beside the bare system calls it stands on: records of 130 bytes, handed over and durable, in every
 * form. Medians over rounds; trust ratios between neighbouring rows. Build first; then
 * `node benchmarks/micro/commit-log.mjs [part of a row's name]`.
 */
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommitLog } from '@coterie/commit-log';

const wanted = process.argv[2] ?? '';
const rounds = 5;
const handed = 500_000;
const durable = 3000;
const payload = new Uint8Array(130).map((_, i) => i * 7);
/** What the log makes of such a record. */
const frameBytes = 139;

/** Runs `work(directory, count)`, which returns the milliseconds that count, and prints the median. */
async function measure(name, count, work) {
  if (!name.includes(wanted)) return;
  const samples = [];
  for (let i = 0; i < rounds; i++) {
    const directory = fs.mkdtempSync(join(tmpdir(), 'coterie-log-'));
    const before = process.cpuUsage();
    const ms = await work(directory, count);
    const used = process.cpuUsage(before);
    samples.push({ perSecond: (count / ms) * 1000, cpuUs: (used.user + used.system) / count });
    fs.rmSync(directory, { recursive: true });
  }
  samples.sort((a, b) => a.perSecond - b.perSecond);
  const { perSecond, cpuUs } = samples[rounds >> 1];
  console.log(`${name.padEnd(44)} ${Math.round(perSecond).toLocaleString('en').padStart(11)} /s  ${cpuUs.toFixed(2).padStart(7)} µs CPU`);
}

async function timed(work) {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function stage(log) {
  const at = log.reserve(payload.length, 1);
  log.buffer.set(payload, at);
}

/** `writers` loops that await every commit. */
function awaited(writers, isDurable) {
  return async (directory, count) => {
    const log = await CommitLog.open(directory);
    let left = count;
    const writer = async () => {
      while (left-- > 0) {
        stage(log);
        await log.commit(isDurable);
      }
    };
    const ms = await timed(() => Promise.all(Array.from({ length: writers }, writer)));
    await log.close();
    return ms;
  };
}

function sync(isDurable) {
  return async (directory, count) => {
    const log = await CommitLog.open(directory);
    const ms = await timed(() => {
      for (let i = 0; i < count; i++) {
        stage(log);
        log.commitSync(isDurable);
      }
    });
    await log.close();
    return ms;
  };
}

/**
 * The system calls alone, `group` records to a write; `afterWrite` syncs, or not. On zeros written before, if `overwrite`.
 * @param {{ group?: number, overwrite?: boolean, afterWrite?: (fd: number) => Promise<unknown> | void }} options
 */
function bare({ group = 1, overwrite = false, afterWrite = () => undefined }) {
  return async (directory, count) => {
    const fd = fs.openSync(join(directory, 'file'), 'w');
    const bytes = new Uint8Array(frameBytes * group);
    if (overwrite) {
      fs.writeSync(fd, new Uint8Array(frameBytes * count));
      fs.fsyncSync(fd);
    }
    const ms = await timed(async () => {
      for (let i = 0; i < count; i += group) {
        fs.writeSync(fd, bytes, 0, bytes.length, i * frameBytes);
        const syncing = afterWrite(fd);
        if (syncing !== undefined) await syncing;
      }
    });
    fs.closeSync(fd);
    return ms;
  };
}

const syncAsync = (fd) => new Promise((resolve, reject) => fs.fdatasync(fd, (error) => (error === null ? resolve() : reject(error))));
const syncSync = (fd) => fs.fdatasyncSync(fd);

console.log(`Records of 130 bytes, Node ${process.version}`);
await measure('bare writeSync', handed, bare({}));
await measure('commitSync(false)', handed, sync(false));
await measure('commit(false), 1 in flight', handed, awaited(1, false));
await measure('bare writeSync of 64', handed * 2, bare({ group: 64 }));
await measure('commit(false), 64 in flight', handed * 2, awaited(64, false));
await measure('bare append, fdatasyncSync', durable, bare({ afterWrite: syncSync }));
await measure('bare overwrite, fdatasyncSync', durable, bare({ overwrite: true, afterWrite: syncSync }));
await measure('commitSync(true)', durable, sync(true));
await measure('bare append, fdatasync', durable, bare({ afterWrite: syncAsync }));
await measure('bare overwrite, fdatasync', durable, bare({ overwrite: true, afterWrite: syncAsync }));
await measure('commit(true), 1 in flight', durable, awaited(1, true));
await measure('bare append of 64, fdatasync', durable * 32, bare({ group: 64, afterWrite: syncAsync }));
await measure('commit(true), 64 in flight', durable * 32, awaited(64, true));
