import { isSpace } from './characters.ts';
import { ShellLexer, type LexerOptions, type Lookup, type Piece } from './shell-lexer.ts';

export interface ExpandOptions {
  readonly escape: '\\' | '`';
}

export interface Expanded {
  readonly value: string;
  /** Names without a value that were replaced by nothing; those with a default of their own are not among them. */
  readonly undefinedNames: readonly string[];
}

/**
 * A raw word as its value: quotes and escapes resolved, variables replaced, never split.
 * Throws DOCKERFILE_EXPANSION (without a place: the caller knows the instruction).
 */
export function expandWord(word: string, env: Lookup, options: ExpandOptions): Expanded {
  return run(word, { ...options, lookup: env, quotes: 'remove' });
}

/** Like expandWord, but what variables bring in is split at blanks, as EXPOSE does and nothing else. */
export function expandWords(word: string, env: Lookup, options: ExpandOptions): readonly string[] {
  return splitWords(new ShellLexer(word, { ...options, lookup: env, quotes: 'remove' }).run());
}

/** The body of a COPY or ADD heredoc: quotes are letters, and the escape is a backslash whatever the directive says. */
export function expandHeredoc(content: string, env: Lookup): Expanded {
  return run(content, { escape: '\\', lookup: env, quotes: 'ordinary' });
}

/** A text for people: known variables replaced, everything else as written; what cannot be read stays untouched. */
export function expandForDisplay(text: string, env: Lookup, options: ExpandOptions): string {
  try {
    return run(text, { ...options, lookup: env, quotes: 'keep', keepEscapes: true, keepUnset: true }).value;
  } catch {
    return text;
  }
}

function run(text: string, options: LexerOptions): Expanded {
  const lexer = new ShellLexer(text, options);
  const value = lexer
    .run()
    .map((piece) => piece.text)
    .join('');
  return { value, undefinedNames: [...lexer.unset] };
}

/** The words of a lexed text; an empty quoted word does not count. */
export function splitWords(pieces: readonly Piece[]): readonly string[] {
  const words: string[] = [];
  let word: string[] = [];
  const end = () => {
    const text = word.join('');
    if (text !== '') words.push(text);
    word = [];
  };
  for (const { text, splits } of pieces) {
    if (!splits) {
      word.push(text);
      continue;
    }
    let start = 0;
    for (let index = 0; index <= text.length; index++) {
      if (index < text.length && !isSpace(text.charAt(index))) continue;
      word.push(text.slice(start, index));
      if (index < text.length) end();
      start = index + 1;
    }
  }
  end();
  return words;
}
