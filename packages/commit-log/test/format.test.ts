/** The format, held to its document and to the files of released versions. */
import { readFileSync } from 'node:fs';
import { crc32 } from '@coterie/bytes';
import { createSimulation } from '@coterie/simulator';
import type { Simulation } from '@coterie/simulator';
import { describe, expect, it } from 'vitest';
import { CommitLog, dumpLog, readSegment } from '../src/index.ts';
import type { DumpedRecord, LogEnvironment } from '../src/index.ts';
import { decodeHeader, encodeHeader, frameSeed, putU32 } from '../src/format.ts';

const path = '/log/0000000001.log';

/** The bytes of the worked example in the document. */
function documented(): Uint8Array {
  const text = readFileSync(new URL('../../../docs/formats/commit-log.md', import.meta.url), 'utf8');
  const lines = text.split('\n').filter((line) => /^[0-9a-f]{4} {2}([0-9a-f]{2} ?)+$/.test(line));
  return Uint8Array.from(
    lines.flatMap((line) => line.slice(6).split(' ')),
    (byte) => Number.parseInt(byte, 16),
  );
}

/** A world whose randomness is 1, 2, 3, ... */
function countingWorld(simulation: Simulation): LogEnvironment {
  const fill = (into: Uint8Array): Uint8Array => into.map((_, i) => i + 1);
  return { ...simulation.environment, random: { u32: () => 1, fill } };
}

/** A simulated disk with one segment file on it. */
function diskWith(bytes: Uint8Array): Simulation {
  const simulation = createSimulation({ seed: 1 });
  const { files } = simulation.environment;
  files.makeDirectorySync('/log');
  const handle = files.openSync(path, 'create');
  handle.writeSync(bytes, 0, bytes.length, 0);
  handle.closeSync();
  return simulation;
}

describe('the worked example of the format document', () => {
  it('is what is written', async () => {
    const simulation = createSimulation({ seed: 1 });
    const log = await simulation.run(CommitLog.open('/log', { environment: countingWorld(simulation) }));
    log.appendSync(Buffer.from('hello'));
    const at = log.reserve(6, 3);
    log.buffer.set(Buffer.from('second'), at);
    log.commitSync(false);
    await simulation.run(log.close());
    expect(Buffer.from(simulation.disk.contents(path))).toEqual(Buffer.from(documented()));
  });

  it('is what is read', async () => {
    const simulation = diskWith(documented());
    const records: DumpedRecord[] = [];
    const report = await simulation.run(readSegment(path, simulation.environment.files, (record) => records.push(record)));
    expect(records.map(({ payload, ...rest }) => ({ ...rest, text: Buffer.from(payload).toString() }))).toEqual([
      { file: path, offset: 0x56, firstSequence: 1, sequences: 1, text: 'hello' },
      { file: path, offset: 0x7a, firstSequence: 2, sequences: 3, text: 'second' },
    ]);
    expect(report).toEqual({ path, firstSequence: 1, nextSequence: 5, end: 0x89, ended: true });
  });
});

describe('a segment of version 1', () => {
  it('is read for ever', async () => {
    const simulation = diskWith(readFileSync(new URL('golden/v1.log', import.meta.url)));
    const records: DumpedRecord[] = [];
    const report = await simulation.run(dumpLog('/log', simulation.environment.files, (record) => records.push(record)));
    expect(report).toMatchObject({ verdict: 'closed', nextSequence: 6, gap: undefined });
    expect(records.map(({ payload }) => payload.length)).toEqual([0, 1, 100, 66_000, 5]);
    for (const { payload } of records)
      expect(
        Buffer.compare(
          payload,
          payload.map((_, i) => i * 7 + payload.length),
        ),
      ).toBe(0);
  });
});

describe('a header', () => {
  const header = {
    number: 2 ** 32 - 1,
    logId: '00ff102030405060',
    firstSequence: 2 ** 48 - 1,
    previous: { number: 2 ** 32 - 2, offset: 2 ** 32 - 1 },
    synced: { number: 5, offset: 6 },
    recycled: true,
  };

  it('is read as it was written, at the limits', () => {
    expect(decodeHeader(encodeHeader(header), '/x')).toEqual(header);
  });

  it('with a flipped bit is none', () => {
    const bytes = encodeHeader(header);
    for (let i = 0; i < bytes.length; i++) expect(decodeHeader(bytes.with(i, bytes[i] ^ (1 << (i % 8))), '/x')).toBeUndefined();
  });

  it('of another version is refused by name', async () => {
    const bytes = documented();
    bytes[8] = 2;
    putU32(bytes, 60, crc32(bytes.subarray(0, 60)));
    const simulation = diskWith(bytes);
    const opened = simulation.run(CommitLog.open('/log', { environment: simulation.environment }));
    await expect(opened).rejects.toMatchObject({ code: 'UNSUPPORTED_FORMAT', details: { file: path } });
  });
});

describe('a frame seed', () => {
  it('differs between numbers at one offset, and between offsets in one segment', () => {
    const numbers = new Set(Array.from({ length: 1000 }, (_, i) => frameSeed(i, 4096)));
    const offsets = new Set(Array.from({ length: 1000 }, (_, i) => frameSeed(7, i)));
    expect(numbers.size).toBe(1000);
    expect(offsets.size).toBe(1000);
  });
});
