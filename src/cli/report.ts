import { TsbuildError, type SourceExcerpt } from '../core/index.ts';

/** Writes an error as people read it: the place, the lines themselves, what is wrong, what to do. */
export function reportError(error: unknown): void {
  process.stderr.write(formatError(error));
}

export function formatError(error: unknown): string {
  if (!(error instanceof TsbuildError)) {
    // A defect of ours: here the stack is what helps.
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return `tsbuild: internal error: ${text}\n  hint: this is a defect of tsbuild; please report it with the lines above\n`;
  }
  const place = error.at === undefined ? '' : formatExcerpt(error.at);
  const causes = causeLines(error.cause, error.message);
  const hint = error.hint === undefined ? '' : `  hint: ${error.hint}\n`;
  return `${place}tsbuild: ${error.message} [${error.code}]\n${causes}${hint}`;
}

/** ```
 * Dockerfile:3
 *   >>>  3 | RUN make
 * ``` */
function formatExcerpt({ file, range, lines }: SourceExcerpt): string {
  const width = String(range.endLine).length;
  const rows = lines.map((line, index) => {
    const number = String(range.startLine + index).padStart(width);
    return `  >>> ${number} | ${printable(line)}\n${index === 0 ? caret(range, width) : ''}`;
  });
  return `${file}:${range.startLine}\n${rows.join('')}`;
}

function caret(range: SourceExcerpt['range'], width: number): string {
  if (range.startColumn === undefined) return '';
  const sameLine = range.endLine === range.startLine && range.endColumn !== undefined;
  const length = sameLine ? Math.max(1, (range.endColumn ?? 0) - range.startColumn) : 1;
  return `      ${' '.repeat(width)} | ${' '.repeat(Math.max(0, range.startColumn - 1))}${'^'.repeat(length)}\n`;
}

/** The chain of causes, each line that says something new. */
function causeLines(cause: unknown, said: string): string {
  if (!(cause instanceof Error)) return '';
  const line = said.includes(cause.message) ? '' : `  cause: ${printable(cause.message)}\n`;
  return line + causeLines(cause.cause, `${said} ${cause.message}`);
}

/** Foreign text must not steer the terminal. */
function printable(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '\ufffd');
}
