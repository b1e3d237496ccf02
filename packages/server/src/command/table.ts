/** Tables for people: columns as wide as their widest cell, numbers to the right, no frames. */

/** Lines of a table; the first row is its head. Columns of numbers go to the right. */
export function tableLines(rows: readonly (readonly string[])[]): string[] {
  const columns = rows[0].map((_, column) => {
    const cells = rows.map((row) => row[column] ?? '');
    const numeric = cells.length > 1 && cells.slice(1).every((cell) => cell === '' || /^(-|\d[\d .,]*( ?[^\d\s]{1,3})?)$/.test(cell));
    return { width: Math.max(...cells.map((cell) => cell.length)), numeric };
  });
  return rows.map((row) =>
    columns
      .map(({ width, numeric }, column) => (numeric ? (row[column] ?? '').padStart(width) : (row[column] ?? '').padEnd(width)))
      .join('  ')
      .trimEnd(),
  );
}

/** Writes lines to standard output. */
export function print(...lines: readonly string[]): void {
  process.stdout.write(lines.map((line) => `${line}\n`).join(''));
}

/** Writes a value as JSON, for programs. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, process.stdout.isTTY ? 2 : 0)}\n`);
}

/** Microseconds for people. */
export function showMicroseconds(microseconds: number): string {
  if (microseconds < 1000) return `${Math.round(microseconds)} µs`;
  if (microseconds < 1e6) return `${(microseconds / 1000).toPrecision(3)} ms`;
  return `${(microseconds / 1e6).toPrecision(3)} s`;
}

/** A whole number with thin groups: 1 234 567. */
export function showCount(count: number): string {
  return String(Math.round(count)).replace(/\B(?=(\d{3})+(?!\d))/g, ' ');
}
