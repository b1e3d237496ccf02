/**
 * Times as HTTP writes them, to milliseconds since 1970, by arithmetic.
 *
 * ```
 *  Last-Modified, Date     Sat, 21 Nov 2026 04:34:53 GMT        to the second
 *  in JSON, and expiry     2026-11-21T04:34:53.079Z             to the millisecond
 * ```
 */

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const inHeader = /^\w{3}, (\d{2}) (\w{3}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT$/;
const inJson = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})\.(\d{3})Z$/;
const dayMs = 86_400_000;

/** Milliseconds since 1970 of either form; `undefined` for anything else. */
export function parseTime(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const json = inJson.exec(text);
  if (json !== null) {
    const [year, month, day, ...clock] = json.slice(1).map(Number);
    return daysBefore(year, month, day) * dayMs + clockMs(clock);
  }
  const header = inHeader.exec(text);
  const month = header === null ? 0 : months.indexOf(header[2]) + 1;
  if (header === null || month === 0) return undefined;
  return daysBefore(Number(header[3]), month, Number(header[1])) * dayMs + clockMs(header.slice(4).map(Number));
}

/** Days from 1970-01-01 to a date of the Gregorian calendar. (Howard Hinnant, days_from_civil.) */
function daysBefore(year: number, month: number, day: number): number {
  // Years begin in March here, so that the leap day is the last.
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

function clockMs([hours, minutes, seconds, milliseconds = 0]: readonly number[]): number {
  return ((hours * 60 + minutes) * 60 + seconds) * 1000 + milliseconds;
}
