/**
 * Amounts as people write them: durations (`500ms`, `30s`, `5m`, `2h`, `7d`) and sizes (`512`, `64KiB`, `1MiB`, `2GiB`).
 * A duration always names its unit, because a bare number is read as seconds by one half of the world and as
 * milliseconds by the other.
 */

const millisecondsPer: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const bytesPer: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 };

/** What a duration looks like, for messages. */
export const durationExample = 'a whole number with a unit, such as 500ms, 30s, 5m, 2h or 7d';

/** What a size looks like, for messages. */
export const bytesExample = 'a whole number of bytes, or one with a unit, such as 64KiB, 1MiB or 2GiB';

/** Milliseconds that `text` names; `undefined` when it is not a duration or exceeds 2^53. */
export function parseDuration(text: string): number | undefined {
  return scaled(/^(\d{1,15})(ms|s|m|h|d)$/.exec(text), millisecondsPer);
}

/** Bytes that `text` names; a bare number is bytes. `undefined` when it is not a size or exceeds 2^53. */
export function parseBytes(text: string): number | undefined {
  return scaled(/^(\d{1,15})(B|KiB|MiB|GiB|TiB)?$/.exec(text), bytesPer);
}

function scaled(match: RegExpExecArray | null, scale: Readonly<Record<string, number>>): number | undefined {
  if (match === null) return undefined;
  const amount = Number(match[1]) * scale[match[2] ?? 'B'];
  return Number.isSafeInteger(amount) ? amount : undefined;
}

/** A size for people: three digits and a binary unit. */
export function showBytes(bytes: number): string {
  let unit = 0;
  let amount = bytes;
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  while (amount >= 1024 && unit < units.length - 1) {
    amount /= 1024;
    unit++;
  }
  return unit === 0 ? `${amount} B` : `${amount.toPrecision(amount >= 100 ? 4 : 3)} ${units[unit]}`;
}

/** A duration for people: the two largest units that matter. */
export function showDuration(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  const seconds = Math.floor(milliseconds / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`;
}
