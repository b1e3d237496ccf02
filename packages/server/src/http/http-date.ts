/** Dates as HTTP writes them, to the second; the last one is remembered, since keys read together were often written together. */

let lastSecond = -1;
let lastText = '';

/** `milliseconds` since 1970 as an HTTP date. */
export function httpDate(milliseconds: number): string {
  const second = Math.floor(milliseconds / 1000);
  if (second !== lastSecond) {
    lastText = new Date(second * 1000).toUTCString();
    lastSecond = second;
  }
  return lastText;
}
