/**
 * The versions of one key, newest first. A key overwritten a hundred thousand times under an old snapshot must not make
 * its reader walk a hundred thousand records, so each version also holds a jump reference, placed as in Myers' skew-binary
 * stacks ("An applicative random-access stack", 1983): any version is reached in O(log n) steps, and adding one costs O(1).
 *
 *     key record     depth 0, the oldest version, jumps to itself
 *     version        depth of the next older + 1
 */
import { recordKind, recordWords } from './layout.ts';
import { kindAndType, versionExtensionBytes, type Records } from './records.ts';

/** The newest version of `key` with a sequence of at most `sequence`, or 0. */
export function versionAt(records: Records, key: number, sequence: number): number {
  let version = records.linkAt(key);
  while (records.sequenceAt(version) > sequence) {
    if (version === key) return 0;
    const jump = jumpAt(records, version);
    version = records.sequenceAt(jump) > sequence ? jump : records.linkAt(version);
  }
  return version;
}

/** The version of `key` that is next newer than `version`, or 0 if that is the newest. */
export function newerVersion(records: Records, key: number, version: number): number {
  let newer = records.linkAt(key);
  if (newer === version) return 0;
  const sequence = records.sequenceAt(version);
  while (records.linkAt(newer) !== version) {
    const jump = jumpAt(records, newer);
    newer = records.sequenceAt(jump) > sequence ? jump : records.linkAt(newer);
  }
  return newer;
}

/** Begins the record of a new newest version of `key`; its value comes after the extension, which is complete. */
export function beginVersion(records: Records, key: number, sequence: number): number {
  const older = records.linkAt(key);
  const depth = depthAt(records, older);
  const jump = jumpAt(records, older);
  const far = jumpAt(records, jump);
  const even = depth - depthAt(records, jump) === depthAt(records, jump) - depthAt(records, far);
  const version = records.begin(older, sequence, versionExtensionBytes);
  records.words[version + recordWords] = depth > 0 && even ? far : older;
  records.words[version + recordWords + 1] = depth + 1;
  return version;
}

/** What the record of a version holds in its kind and type bits. */
export function versionKind(type: number): number {
  return kindAndType(recordKind.version, type);
}

function jumpAt(records: Records, version: number): number {
  return records.kindAt(version) === recordKind.key ? version : records.words[version + recordWords];
}

function depthAt(records: Records, version: number): number {
  return records.kindAt(version) === recordKind.key ? 0 : records.words[version + recordWords + 1];
}
