import { isErrno, TsbuildError } from '../core/index.ts';
import { formatExcerpt } from './excerpt.ts';
import { printable } from './terminal-text.ts';

/** Writes an error as people read it: the place, the lines themselves, what is wrong, what to do. */
export function reportError(error: unknown): void {
  process.stderr.write(formatError(error, process.stderr.columns));
}

/** `columns`: how wide the terminal is, if it is one. */
export function formatError(error: unknown, columns?: number): string {
  if (!(error instanceof TsbuildError)) {
    // A defect of ours: here the stack is what helps.
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return `tsbuild: internal error: ${printable(text)}\n  hint: this is a defect of tsbuild; please report it with the lines above\n`;
  }
  const place = error.at === undefined ? '' : formatExcerpt(error.at, columns);
  const causes = causeLines(error.cause, error.message);
  const hint = error.hint === undefined ? '' : `  hint: ${indented(error.hint)}\n`;
  return `${place}tsbuild: ${indented(error.message)} [${error.code}]\n${causes}${hint}`;
}

/** The chain of causes, each line that says something new. */
function causeLines(cause: unknown, said: string): string {
  if (!(cause instanceof Error)) return '';
  // What is not there has been said, in better words.
  if (isErrno(cause, 'ENOENT')) return '';
  const line = said.includes(cause.message) ? '' : `  cause: ${indented(cause.message)}\n`;
  return line + causeLines(cause.cause, `${said} ${cause.message}`);
}

/** Further lines stand further in: no message can look as if it were a hint or an error of its own. */
function indented(text: string): string {
  return printable(text.trimEnd()).replaceAll('\n', '\n    ');
}
