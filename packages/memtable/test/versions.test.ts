import { describe, expect, test } from 'vitest';
import { recordWords, versionExtensionWords } from '../src/layout.ts';
import { Records } from '../src/records.ts';
import { beginVersion, newerVersion, versionAt, versionKind } from '../src/versions.ts';
import { keyOf } from './drive.ts';

/** Counts how many records a search looks at. */
class CountingRecords extends Records {
  looks = 0;
  override sequenceAt(reference: number): number {
    this.looks++;
    return super.sequenceAt(reference);
  }
}

function build(count: number): { records: CountingRecords; versions: number[] } {
  const records = new CountingRecords(new SharedArrayBuffer(4 << 20));
  const key = records.begin(records.top, 10, 3);
  records.finish(key, 0, 0, records.write(key + recordWords, keyOf('key'), 0, 3));
  const versions = [key];
  for (let i = 1; i < count; i++) {
    const version = beginVersion(records, key, 10 + 10 * i);
    records.finish(version, versionKind(1), 0, version + recordWords + versionExtensionWords);
    records.words[key] = version;
    versions.push(version);
  }
  return { records, versions };
}

describe('the versions of a key', () => {
  test('are found by any sequence, and walked towards the newest', () => {
    for (const count of [1, 2, 3, 4, 7, 8, 100]) {
      const { records, versions } = build(count);
      const key = versions[0];
      for (let sequence = 0; sequence < 10 * count + 15; sequence++) {
        const expected = sequence < 10 ? 0 : versions[Math.min(Math.floor(sequence / 10), count) - 1];
        expect(versionAt(records, key, sequence)).toBe(expected);
      }
      for (let i = 0; i < count; i++) expect(newerVersion(records, key, versions[i])).toBe(versions[i + 1] ?? 0);
    }
  });

  test('take a number of looks that grows with the logarithm of their number', () => {
    const { records, versions } = build(50_000);
    let most = 0;
    for (let i = 0; i < 50_000; i += 97) {
      records.looks = 0;
      versionAt(records, versions[0], 10 + 10 * i);
      newerVersion(records, versions[0], versions[i]);
      most = Math.max(most, records.looks);
    }
    expect(most).toBeLessThan(200);
  });
});
