import { TsbuildError, type SourceExcerpt } from '../core/index.ts';
import { printable } from './terminal-text.ts';

/** Writes an error as people read it: the place, the lines themselves, what is wrong, what to do. */
export function reportError(error: unknown): void {
  process.stderr.write(formatError(error));
}

export function formatError(error: unknown): string {
  if (!(error instanceof TsbuildError)) {
    // A defect of ours: here the stack is what helps.
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return `tsbuild: internal error: ${printable(text)}\n  hint: this is a defect of tsbuild; please report it with the lines above\n`;
  }
  const place = error.at === undefined ? '' : formatExcerpt(error.at);
  const causes = causeLines(error.cause, error.message);
  const hint = error.hint === undefined ? '' : `  hint: ${indented(error.hint)}\n`;
  return `${place}tsbuild: ${indented(error.message)} [${error.code}]\n${causes}${hint}`;
}

/** ```
 * Dockerfile:3
 *   >>>  3 | RUN make
 * ``` */
export function formatExcerpt({ file, range, lines }: SourceExcerpt): string {
  const width = String(range.endLine).length;
  const rows = lines.map((line, index) => {
    const number = String(range.startLine + index).padStart(width);
    return `  >>> ${number} | ${printable(line)}\n${index === 0 ? caret(range, { width, line }) : ''}`;
  });
  return `${printable(file)}:${range.startLine}\n${rows.join('')}`;
}

function caret(
  range: SourceExcerpt['range'],
  { width, line }: { readonly width: number; readonly line: string },
): string {
  if (range.startColumn === undefined) return '';
  const sameLine = range.endLine === range.startLine && range.endColumn !== undefined;
  const length = sameLine ? Math.max(1, (range.endColumn ?? 0) - range.startColumn) : 1;
  // A tab is as wide as the terminal says: under it stands a tab.
  const before = line.slice(0, range.startColumn).replace(/[^\t]/g, ' ');
  return `      ${' '.repeat(width)} | ${before}${'^'.repeat(length)}\n`;
}

/** The chain of causes, each line that says something new. */
function causeLines(cause: unknown, said: string): string {
  if (!(cause instanceof Error)) return '';
  const line = said.includes(cause.message) ? '' : `  cause: ${indented(cause.message)}\n`;
  return line + causeLines(cause.cause, `${said} ${cause.message}`);
}

/** Further lines stand further in: no message can look as if it were a hint or an error of its own. */
function indented(text: string): string {
  return printable(text.trimEnd()).replaceAll('\n', '\n    ');
}
