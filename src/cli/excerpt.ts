import { redactUrl, type SourceExcerpt } from '../core/index.ts';
import { displayWidth, printable } from './terminal-text.ts';

/** Lines of one instruction that are shown; of a longer one the first, and how many there are. */
const maxLines = 12;

/** A tab ends at the next multiple of this. */
const tabStop = 8;

const ellipsis = '…';

/**
 * The place of an error with the lines themselves and marks under the words that are wrong. Lines wider than `columns`
 * are cut around those words.
 * ```
 * Dockerfile:3
 *   >>> 3 | COPY --form=build /a /a
 *         |      ^^^^^^^^^^^^
 * ```
 */
export function formatExcerpt({ file, range, lines }: SourceExcerpt, columns = 160): string {
  const width = String(range.endLine).length;
  const shown = lines.length > maxLines ? lines.slice(0, maxLines - 2) : lines;
  const room = Math.max(20, columns - width - '  >>>  | '.length);
  const rows = shown.map((written, index) => {
    const text = redactUrl(written);
    const wrong = index === 0 ? redactedRegion(region(range, written), written, text) : undefined;
    const line = cut(printable(text), wrong, room);
    const number = String(range.startLine + index).padStart(width);
    const marks = line.marks === '' ? '' : `      ${' '.repeat(width)} | ${line.marks}\n`;
    return `  >>> ${number} | ${line.text}\n${marks}`;
  });
  const more = lines.length - shown.length;
  const rest = more === 0 ? '' : `      ${' '.repeat(width)} | ${ellipsis} and ${more} more lines\n`;
  return `${printable(file)}:${range.startLine}\n${rows.join('')}${rest}`;
}

interface Region {
  readonly start: number;
  readonly end: number;
}

/** The part of the first line that is wrong; of a part of several lines, its first character. */
function region(range: SourceExcerpt['range'], line: string): Region | undefined {
  if (range.startColumn === undefined) return undefined;
  const start = Math.min(range.startColumn, line.length);
  const end = range.endLine === range.startLine ? Math.min(range.endColumn ?? 0, line.length) : 0;
  return { start, end: Math.max(end, start + 1) };
}

/** Where the region is in the line without the passwords of its URLs (S-61); what lay within one is marked at its place. */
function redactedRegion(wrong: Region | undefined, written: string, text: string): Region | undefined {
  if (wrong === undefined || written === text) return wrong;
  let first = 0;
  while (written[first] === text[first]) first++;
  const moved = (column: number): number =>
    column <= first ? column : Math.max(first, column + text.length - written.length);
  const start = moved(wrong.start);
  return { start, end: Math.max(start + 1, moved(wrong.end)) };
}

/** The line and the marks below it, so that both fit and the beginning of the region is seen. */
function cut(
  line: string,
  wrong: Region | undefined,
  room: number,
): { readonly text: string; readonly marks: string } {
  const full = expandTabs(line);
  if (full.width <= room) return marked(line, wrong, { start: 0, end: line.length });
  // A third of the room stays for what stands before the words.
  const before = full.at[wrong?.start ?? 0] ?? full.width;
  const from = (full.at[wrong?.end ?? 0] ?? full.width) < room ? 0 : before - Math.floor(room / 3);
  const start = from <= 0 ? 0 : full.at.findIndex((column) => column >= from);
  const limit = (full.at[start] ?? 0) + room - (start > 0 ? 1 : 0) - 1;
  const beyond = full.at.findIndex((column, index) => index > start && column > limit);
  return marked(line, wrong, { start, end: beyond < 0 ? line.length : beyond - 1 });
}

function marked(line: string, wrong: Region | undefined, window: Region) {
  const head = window.start > 0 ? ellipsis : '';
  const tail = window.end < line.length ? ellipsis : '';
  const text = `${head}${line.slice(window.start, window.end)}${tail}`;
  if (wrong === undefined) return { text, marks: '' };
  // A tab is as wide as the terminal says: under it stands a tab.
  const blanks = line
    .slice(window.start, wrong.start)
    .split('\t')
    .map((part) => ' '.repeat(displayWidth(part)))
    .join('\t');
  const words = line.slice(wrong.start, Math.min(wrong.end, window.end));
  return {
    text,
    marks: `${' '.repeat(head.length)}${blanks}${'^'.repeat(Math.max(1, displayWidth(words)))}`,
  };
}

/** The column of the terminal at which each UTF-16 unit of a line begins, and that behind the last. */
function expandTabs(line: string): { readonly at: readonly number[]; readonly width: number } {
  const at: number[] = [];
  let width = 0;
  for (const character of line) {
    for (let unit = 0; unit < character.length; unit++) at.push(width);
    width += character === '\t' ? tabStop - (width % tabStop) : displayWidth(character);
  }
  at.push(width);
  return { at, width };
}
