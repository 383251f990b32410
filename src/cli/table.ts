import { printableLine } from './terminal-text.ts';

/** Rows under headings, columns as wide as they need, three blanks apart, as docker prints lists. */
export function formatTable(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  // Commands and comments in the cells are other people's text.
  const all = [headings, ...rows.map((row) => row.map(printableLine))];
  const widths = headings.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('   ')
      .trimEnd();
  return all.map((row) => `${line(row)}\n`).join('');
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
  const seconds = Math.max(0, Math.floor((now - then) / 1000));
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

/** `2 hours`, for what goes on since then. */
export function formatSpan(since: string | undefined, now: number): string {
  return formatAge(since, now).replace(/ ago$/, '');
}

/** 12 digits of an id or digest. */
export function shortId(id: string): string {
  return id.replace(/^sha256:/, '').slice(0, 12);
}
