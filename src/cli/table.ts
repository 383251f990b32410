/** Rows under headings, columns as wide as they need, three blanks apart, as docker prints lists. */
export function formatTable(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [headings, ...rows];
  const widths = headings.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all
    .map(
      (row) =>
        `${row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))).join('   ')}\n`,
    )
    .join('');
}

/** Decimal units with three digits, as docker prints sizes: `83.2MB`. */
export function formatSize(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : Number(value.toPrecision(3))}${units[unit] ?? ''}`;
}

/** `2 hours ago`; `N/A` for what has no time. */
export function formatAge(time: string | undefined, now: number): string {
  const then = Date.parse(time ?? '');
  if (Number.isNaN(then)) return 'N/A';
  const seconds = Math.max(0, Math.round((now - then) / 1000));
  const steps: readonly (readonly [limit: number, divisor: number, unit: string])[] = [
    [60, 1, 'second'],
    [3600, 60, 'minute'],
    [48 * 3600, 3600, 'hour'],
    [14 * 86_400, 86_400, 'day'],
    [60 * 86_400, 7 * 86_400, 'week'],
    [730 * 86_400, 30 * 86_400, 'month'],
    [Infinity, 365 * 86_400, 'year'],
  ];
  const [, divisor, unit] = steps.find(([limit]) => seconds < limit) ?? [0, 1, 'second'];
  const count = Math.floor(seconds / divisor);
  return `${count} ${unit}${count === 1 ? '' : 's'} ago`;
}

/** 12 digits of an id or digest. */
export function shortId(id: string): string {
  return id.replace(/^sha256:/, '').slice(0, 12);
}
