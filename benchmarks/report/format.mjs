/** Numbers and Markdown tables for people. */

/** 1234567 → `1.23 M`, 45678 → `45.7 k`. */
export function rate(n) {
  if (n === undefined) return '—';
  if (n >= 1e6) return `${(n / 1e6).toFixed(2)} M`;
  if (n >= 1e5) return `${(n / 1e3).toFixed(0)} k`;
  if (n >= 1e3) return `${(n / 1e3).toFixed(1)} k`;
  return n.toFixed(0);
}

/** Three meaningful digits. */
export function plain(n) {
  if (n === undefined) return '—';
  if (n >= 100) return n.toFixed(0);
  return n >= 10 ? n.toFixed(1) : n.toFixed(2);
}

/** `median (least–most)` through one of the formats above. */
export function withSpread(spread, format) {
  if (spread === undefined) return '—';
  return `${format(spread.median)} (${format(spread.least)}–${format(spread.most)})`;
}

/** Met, missed, or nothing to say. */
export function verdict(isMet) {
  if (isMet === undefined) return '';
  return isMet ? 'yes' : '**no**';
}

/** A Markdown table. */
export function table(header, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}
