import { TsbuildError, type SourceExcerpt, type SourceRange } from '../core/index.ts';
import { trim, trimStart } from './characters.ts';
import type { HeredocWord } from './heredoc.ts';
import type { PhysicalLine } from './lines.ts';
import type { Heredoc } from './types.ts';

/**
 * Own splitting of the file into instructions: dockerfile-ast takes heredoc bodies for words, does not know heredocs of
 * ADD, and never says that something is wrong, so that little of it could be used.
 */
export interface LogicalLine {
  /** The instruction with its continuations joined; blanks at its beginning are dropped, those of continuations kept. */
  readonly text: string;
  /** Where the parts of `text` come from, ascending. */
  readonly segments: readonly { readonly offset: number; readonly line: number; readonly column: number }[];
  readonly startLine: number;
  readonly endLine: number;
  readonly comments: readonly string[];
  /** The first blank line among the continuations. */
  readonly emptyContinuation?: number | undefined;
}

/** Longer lines are refused by every builder; without a limit one line could be a whole file. */
const maxLineLength = 65_535;

/** Goes through the lines once, so that the time is linear however they are continued. */
export class InstructionReader {
  readonly #file: string;
  readonly #lines: readonly PhysicalLine[];
  #escape: '\\' | '`' = '\\';
  #next = 0;

  constructor(file: string, lines: readonly PhysicalLine[]) {
    this.#file = file;
    this.#lines = lines;
  }

  /** Leaves the directives behind and takes their escape character. */
  skipDirectives(count: number, escape: '\\' | '`'): void {
    this.#next = count;
    this.#escape = escape;
  }

  /** How many lines have been read. */
  get line(): number {
    return this.#next;
  }

  excerpt(range: SourceRange): SourceExcerpt {
    const lines = this.#lines.slice(range.startLine - 1, range.endLine).map((line) => line.text);
    return { file: this.#file, range, lines };
  }

  /** The next instruction, or undefined at the end. Throws DOCKERFILE_SYNTAX for a line that cannot be read. */
  read(): LogicalLine | undefined {
    let comments: string[] = [];
    for (; this.#next < this.#lines.length; this.#next++) {
      const text = trimStart(this.#lines[this.#next]?.text ?? '');
      if (text !== '' && !text.startsWith('#')) return this.#join(comments);
      const comment = trim(text.slice(1));
      if (comment === '') comments = [];
      else comments.push(comment);
    }
    return undefined;
  }

  #join(comments: readonly string[]): LogicalLine {
    const startLine = this.#next + 1;
    const parts: string[] = [];
    const segments: { offset: number; line: number; column: number }[] = [];
    let emptyContinuation: number | undefined;
    let offset = 0;
    let endLine = startLine;
    for (; this.#next < this.#lines.length; this.#next++) {
      const physical = this.#checked();
      const stripped = trimStart(physical.text);
      if (parts.length > 0 && stripped.startsWith('#')) continue;
      if (parts.length > 0 && stripped === '') {
        emptyContinuation ??= this.#next + 1;
        continue;
      }
      const text = parts.length === 0 ? stripped : physical.text;
      const part = withoutContinuation(text, this.#escape);
      segments.push({ offset, line: this.#next + 1, column: physical.text.length - text.length });
      parts.push(part ?? text);
      offset += (part ?? text).length;
      endLine = this.#next + 1;
      if (part === undefined) {
        this.#next++;
        break;
      }
    }
    return { text: parts.join(''), segments, startLine, endLine, comments, emptyContinuation };
  }

  /** The body of a heredoc, up to and past its terminator; undefined when the file ends before. */
  readBody(word: HeredocWord): Heredoc | undefined {
    const body: string[] = [];
    for (; this.#next < this.#lines.length; this.#next++) {
      const { text, ending } = this.#checked();
      const candidate = word.chomp ? withoutTabs(text) : text;
      if (candidate === word.name) {
        this.#next++;
        const content = word.chomp ? body.map(withoutTabs) : body;
        return { ...word, content: content.join(''), raw: body.join('') };
      }
      body.push(text + ending);
    }
    return undefined;
  }

  #checked(): PhysicalLine {
    const line = this.#lines[this.#next];
    if (line === undefined) throw new Error('read past the last line');
    // Comments may hold anything: nothing of them gets into the image.
    const comment = trimStart(line.text).startsWith('#');
    if (line.valid && line.length <= maxLineLength) return line;
    if (line.length > maxLineLength) {
      throw this.#fail(
        `dockerfile line greater than max allowed size of ${maxLineLength}`,
        'break the line with continuations, or keep the data in a file of the context',
      );
    }
    if (comment) return line;
    if (!line.text.includes('\0')) throw this.#fail('the line is not valid UTF-8', 'save the file as UTF-8');
    // PowerShell's > writes UTF-16, whose byte order mark is no UTF-8 and whose other byte is NUL.
    const wide = this.#lines[0]?.text.startsWith('\ufffd\ufffd') === true;
    throw this.#fail(
      'the line contains a NUL character',
      wide ? 'the file is UTF-16: save it as UTF-8' : 'is this a Dockerfile? it looks like a binary file',
    );
  }

  #fail(message: string, hint: string): TsbuildError {
    const range = { startLine: this.#next + 1, endLine: this.#next + 1 };
    const { file, lines } = this.excerpt(range);
    const at = { file, range, lines: lines.map((line) => line.slice(0, 500)) };
    return new TsbuildError('DOCKERFILE_SYNTAX', message, { hint, at });
  }
}

function withoutTabs(text: string): string {
  return text.replace(/^\t+/, '');
}

/** The text before a continuation, or undefined when the line is not continued: a doubled escape is not one. */
function withoutContinuation(text: string, escape: '\\' | '`'): string | undefined {
  let end = text.length;
  while (end > 0 && (text[end - 1] === ' ' || text[end - 1] === '\t')) end--;
  if (text[end - 1] !== escape || text[end - 2] === escape) return undefined;
  return text.slice(0, end - 1);
}

/** The place of a part of the joined line in the file; columns count from 0, the last one is exclusive. */
export function rangeOf(line: LogicalLine, offset: number, length: number): SourceRange {
  const start = positionOf(line, offset);
  const last = positionOf(line, offset + Math.max(length, 1) - 1);
  return { startLine: start.line, endLine: last.line, startColumn: start.column, endColumn: last.column + 1 };
}

function positionOf(line: LogicalLine, offset: number): { readonly line: number; readonly column: number } {
  let low = 0;
  let high = line.segments.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((line.segments[middle]?.offset ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  const segment = line.segments[low];
  return {
    line: segment?.line ?? line.startLine,
    column: (segment?.column ?? 0) + offset - (segment?.offset ?? 0),
  };
}

/** The lines of an instruction without its heredoc bodies. */
export function lineRange(line: LogicalLine): SourceRange {
  return { startLine: line.startLine, endLine: line.endLine };
}
