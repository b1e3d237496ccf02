/**
 * One log line for people:
 *
 * ```
 *  03:14:07 warn   request failed  code=DISK_FULL method=PUT path=/v1/kv/cart/alice
 *                                  detail="no space left on device"
 * ```
 *
 * Time of day, level, event, fields; text with blanks is quoted, a stack goes below. Colours only when asked for.
 */

const colours: Readonly<Record<string, string>> = { debug: '\u001b[90m', warn: '\u001b[33m', error: '\u001b[31m' };
const dim = '\u001b[2m';
const plain = '\u001b[0m';
const hidden: ReadonlySet<string> = new Set(['level', 'time', 'msg', 'stack', 'v']);

/** Whether lines carry colours. */
export type Colouring = 'colours' | 'plain';

/** The line for people of one JSON log line. A line that is not JSON comes back as it is. */
export function textLine(json: string, colouring: Colouring): string {
  let entry: Record<string, unknown>;
  try {
    entry = JSON.parse(json) as Record<string, unknown>;
  } catch {
    return json;
  }
  const level = String(entry['level']);
  const time = new Date(String(entry['time']));
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':');
  const fields = Object.entries(entry)
    .filter(([name]) => !hidden.has(name))
    .map(([name, value]) => `${name}=${fieldText(value)}`)
    .join(' ');
  const stack = typeof entry['stack'] === 'string' ? `\n${entry['stack'].replace(/^/gm, '    ')}` : '';
  const name = level.padEnd(5);
  if (colouring === 'plain') return `${clock} ${name}  ${String(entry['msg'])}${fields === '' ? '' : `  ${fields}`}${stack}\n`;
  const colour = colours[level] ?? '';
  return `${dim}${clock}${plain} ${colour}${name}${plain}  ${String(entry['msg'])}${fields === '' ? '' : `  ${dim}${fields}${plain}`}${stack}\n`;
}

function fieldText(value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value) ?? 'undefined';
  return /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
}
