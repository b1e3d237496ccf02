/**
 * Dates as HTTP writes them, to the second. Making one takes a microsecond, so recent ones are kept: a table of fixed size,
 * each second in the place that its lowest bits name.
 */

const slots = 1024;
const seconds = new Float64Array(slots).fill(Number.NaN);
const texts = new Array<string>(slots).fill('');

/** `milliseconds` since 1970 as an HTTP date. */
export function httpDate(milliseconds: number): string {
  const second = Math.floor(milliseconds / 1000);
  const slot = second & (slots - 1);
  if (seconds[slot] !== second) {
    texts[slot] = new Date(second * 1000).toUTCString();
    seconds[slot] = second;
  }
  return texts[slot];
}
