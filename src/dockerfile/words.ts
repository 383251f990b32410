import { TsbuildError } from '../core/index.ts';
import { isListBlank, isSpace, trimEnd } from './characters.ts';

/** A part of an instruction and where it begins in the joined line. */
export interface Word {
  readonly text: string;
  readonly offset: number;
}

export interface SplitInstruction {
  /** The joined line that the offsets count in. */
  readonly line: string;
  /** In upper case. */
  readonly keyword: string;
  readonly written: Word;
  /** The words that begin with `--`, quotes and escapes resolved. */
  readonly flags: readonly (Word & { readonly length: number })[];
  /** Everything behind the flags, trimmed. */
  readonly rest: Word;
}

/** Keyword, flags and the rest of an instruction that begins at `offset` of `line`. */
export function splitInstruction(line: string, escape: '\\' | '`', offset = 0): SplitInstruction {
  let start = offset;
  while (start < line.length && isSpace(line.charAt(start))) start++;
  let position = start;
  while (position < line.length && !isListBlank(line.charAt(position))) position++;
  const written = { text: trimEnd(line.slice(start, position)), offset: start };
  const flags: (Word & { readonly length: number })[] = [];
  for (;;) {
    while (position < line.length && isSpace(line.charAt(position))) position++;
    if (!line.startsWith('--', position)) break;
    const flag = readFlag(line, position, escape);
    position = flag.end;
    // A lone -- ends the flags and belongs to nothing.
    if (flag.text === '--') break;
    flags.push({ text: flag.text, offset: flag.start, length: flag.end - flag.start });
  }
  while (position < line.length && isSpace(line.charAt(position))) position++;
  const rest = { text: trimEnd(line.slice(position)), offset: position };
  return { line, keyword: written.text.toUpperCase(), written, flags, rest };
}

function readFlag(
  line: string,
  start: number,
  escape: string,
): { readonly text: string; readonly start: number; readonly end: number } {
  const parts: string[] = [];
  let quote = '';
  let position = start;
  for (; position < line.length; position++) {
    const character = line.charAt(position);
    if (quote === '' && isSpace(character)) break;
    if (character === quote) quote = '';
    else if (quote === '' && (character === '"' || character === "'")) quote = character;
    else if (character === escape) parts.push(line.charAt(++position));
    else parts.push(character);
  }
  return { text: parts.join(''), start, end: Math.min(position, line.length) };
}

/**
 * Words of ENV, LABEL and ARG: blanks inside quotes do not separate, the escape protects any character outside single
 * quotes, an escape at the very end is dropped. Quotes and escapes stay, they are resolved at expansion.
 */
export function quotedWords(text: string, escape: '\\' | '`'): readonly string[] {
  const words: string[] = [];
  let start = -1;
  let quote = '';
  let end = text.length;
  for (let position = 0; position < text.length; position++) {
    const character = text.charAt(position);
    if (start < 0) {
      if (isSpace(character)) continue;
      start = position;
    }
    if (quote === '' && isSpace(character)) {
      words.push(text.slice(start, position));
      start = -1;
    } else if (character === escape && quote !== "'") {
      if (position + 1 === text.length) end = position;
      position++;
    } else if (character === quote) quote = '';
    else if (quote === '' && (character === '"' || character === "'")) quote = character;
  }
  if (start >= 0 && end > start) words.push(text.slice(start, end));
  return words;
}

/**
 * The strings of a JSON array, or undefined when the text is anything else, which makes it shell form.
 * Throws DOCKERFILE_SYNTAX for an array that holds something else than strings.
 */
export function jsonStrings(text: string): readonly string[] | undefined {
  if (!text.startsWith('[')) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(value)) return undefined;
  return value.map((item: unknown) => {
    if (typeof item !== 'string') {
      throw new TsbuildError(
        'DOCKERFILE_SYNTAX',
        'when using JSON array syntax, arrays must be comprised of strings only',
        {
          hint: 'put every element in double quotes, numbers and booleans too',
          fault: JSON.stringify(item),
        },
      );
    }
    if (item.includes('\0')) {
      const hint = 'neither arguments nor paths can hold one';
      throw new TsbuildError('DOCKERFILE_SYNTAX', 'a string of the JSON array holds a NUL character', {
        hint,
      });
    }
    // A lone surrogate has no UTF-8: it becomes U+FFFD here rather than somewhere on the way out.
    return item.toWellFormed();
  });
}
