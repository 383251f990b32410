import { TsbuildError } from '../core/index.ts';
import { quote } from './characters.ts';
import { parsePattern, replaceAll, replaceFirst, trimPrefix, trimSuffix } from './shell-pattern.ts';
import type { PatternElement } from './shell-pattern.ts';

/** The value of a variable; undefined when it is not set. */
export type Lookup = (name: string) => string | undefined;

export interface LexerOptions {
  readonly escape: '\\' | '`';
  readonly lookup: Lookup;
  /** `remove` resolves quotes, `keep` honours them and leaves them in the result, `ordinary` takes them for letters. */
  readonly quotes: 'remove' | 'keep' | 'ordinary';
  readonly keepEscapes?: boolean;
  /** Variables that are not set stay as written instead of becoming empty. */
  readonly keepUnset?: boolean;
  /** `<< EOF` is one word. */
  readonly heredocs?: boolean;
}

/** A part of the result; blanks separate words only in parts that split. */
export interface Piece {
  readonly text: string;
  readonly splits: boolean;
}

/** Deeper nesting of `${a:-${b:-…}}` is refused before it can exhaust the call stack. */
const maxDepth = 200;

const namePattern = /\p{Nd}+|[@*#?\-$!]|[\p{L}\p{Nd}_]+/uy;

/** Resolves quotes, escapes and variables of one word, as BuildKit's frontend/dockerfile/shell does. */
export class ShellLexer {
  /** Names that had no value where nothing says what to do then. */
  readonly unset = new Set<string>();
  readonly #text: string;
  readonly #options: LexerOptions;
  #position = 0;
  #depth = 0;
  /** Where what is being read began: the innermost `${`, or a quote. */
  #begin = 0;

  constructor(text: string, options: LexerOptions) {
    this.#text = text;
    this.#options = options;
  }

  /** Throws DOCKERFILE_EXPANSION. */
  run(): readonly Piece[] {
    return this.#readUntil(undefined, this.#options.keepEscapes === true);
  }

  #peek(): string {
    return this.#text.charAt(this.#position);
  }

  #atEnd(): boolean {
    return this.#position >= this.#text.length;
  }

  #fail(reason: string, hint?: string): TsbuildError {
    const fault = this.#text.slice(this.#begin, this.#position);
    return new TsbuildError('DOCKERFILE_EXPANSION', `cannot expand ${quote(this.#text)}: ${reason}`, {
      hint,
      fault,
    });
  }

  /** Reads up to `stop` and past it; `rawEscapes` leaves escape characters in place, for patterns. */
  #readUntil(stop: '}' | '/' | undefined, rawEscapes: boolean): readonly Piece[] {
    const { escape, quotes, heredocs } = this.#options;
    const pieces: Piece[] = [];
    const add = (text: string, splits: boolean) => void pieces.push({ text, splits });
    while (!this.#atEnd()) {
      const character = this.#peek();
      if (character === stop) {
        this.#position++;
        return pieces;
      }
      if (character === '$') add(this.#readDollar(), true);
      else if (character === "'" && quotes !== 'ordinary') add(this.#readSingleQuoted(), false);
      else if (character === '"' && quotes !== 'ordinary') add(this.#readDoubleQuoted(rawEscapes), false);
      else if (character === '<' && heredocs === true) add(this.#readLess(), false);
      else if (character === escape) {
        // An escape at the very end protects nothing and is dropped.
        const protectedCharacter = this.#text.charAt(this.#position + 1);
        add(rawEscapes ? escape + protectedCharacter : protectedCharacter, false);
        this.#position += 2;
      } else add(this.#readPlain(stop), true);
    }
    if (stop !== undefined) throw this.#missing(stop);
    return pieces;
  }

  #missing(stop: '}' | '/'): TsbuildError {
    return this.#fail(
      `missing '${stop}' in \${…}`,
      stop === '}'
        ? 'every ${ needs its }, and a } inside the value is written \\}'
        : 'a replacement is written ${name/pattern/replacement}',
    );
  }

  #readPlain(stop: string | undefined): string {
    const { escape, quotes, heredocs } = this.#options;
    const start = this.#position;
    for (; this.#position < this.#text.length; this.#position++) {
      const character = this.#peek();
      if (character === '$' || character === escape || character === stop) break;
      if ((character === "'" || character === '"') && quotes !== 'ordinary') break;
      if (character === '<' && heredocs === true) break;
    }
    return this.#text.slice(start, this.#position);
  }

  #readLess(): string {
    const rest = /<<[\t ]*|</y;
    rest.lastIndex = this.#position;
    const found = rest.exec(this.#text)?.[0] ?? '<';
    this.#position += found.length;
    return found;
  }

  #readSingleQuoted(): string {
    const start = this.#position + 1;
    const end = this.#text.indexOf("'", start);
    if (end < 0) {
      this.#begin = start - 1;
      this.#position = this.#text.length;
      throw this.#fail('missing closing single quote', "add the closing ', or write \\' for the character");
    }
    this.#position = end + 1;
    return this.#options.quotes === 'keep'
      ? this.#text.slice(start - 1, end + 1)
      : this.#text.slice(start, end);
  }

  /** Only `\"`, `\$` and a doubled escape are resolved between double quotes. */
  #readDoubleQuoted(rawEscapes: boolean): string {
    const { escape, quotes } = this.#options;
    const parts: string[] = [];
    const begin = this.#position;
    this.#position++;
    for (;;) {
      if (this.#atEnd()) {
        this.#begin = begin;
        throw this.#fail('missing closing double quote', 'add the closing ", or write \\" for the character');
      }
      const character = this.#peek();
      if (character === '"') {
        this.#position++;
        const value = parts.join('');
        return quotes === 'keep' ? `"${value}"` : value;
      }
      if (character === '$') {
        parts.push(this.#readDollar());
        continue;
      }
      this.#position++;
      if (character !== escape) {
        parts.push(character);
        continue;
      }
      const next = this.#peek();
      const resolved = next === '"' || next === '$' || next === escape;
      if (rawEscapes || !resolved) parts.push(escape);
      if (resolved) {
        parts.push(next);
        this.#position++;
      }
    }
  }

  #readName(): string {
    namePattern.lastIndex = this.#position;
    const name = namePattern.exec(this.#text)?.[0] ?? '';
    this.#position += name.length;
    return name;
  }

  #readDollar(): string {
    this.#position++;
    if (this.#peek() === '{') return this.#readBraces();
    const name = this.#readName();
    if (name === '') return '$';
    return this.#plainValue(name) ?? `$${name}`;
  }

  /** The value, empty when not set; undefined when the reference stays as written. */
  #plainValue(name: string): string | undefined {
    const value = this.#options.lookup(name);
    if (value !== undefined) return value;
    this.unset.add(name);
    return this.#options.keepUnset === true ? undefined : '';
  }

  #readBraces(): string {
    const outer = this.#begin;
    this.#begin = this.#position - 1;
    this.#position++;
    if (this.#atEnd()) throw this.#missing('}');
    const name = this.#readName();
    if (name === '') throw this.#fail('bad substitution', 'a variable is written ${name}');
    if (++this.#depth > maxDepth) throw this.#fail('variables are nested too deeply');
    const value = this.#readModifier(name);
    this.#depth--;
    this.#begin = outer;
    return value;
  }

  #readModifier(name: string): string {
    const colon = this.#peek() === ':' ? ':' : '';
    this.#position += colon.length;
    if (this.#atEnd()) throw this.#missing('}');
    const operator = this.#peek();
    this.#position++;
    if (colon === '' && operator === '}') return this.#plainValue(name) ?? `\${${name}}`;
    if (operator === '-' || operator === '+' || operator === '?')
      return this.#readDefault(name, colon, operator);
    if (colon === '' && (operator === '#' || operator === '%')) return this.#readTrim(name, operator);
    if (colon === '' && operator === '/') return this.#readReplace(name);
    throw this.#fail(
      `unsupported modifier (${colon}${operator}) in substitution`,
      'supported are :- - :+ + :? ? # ## % %% / and // behind the name',
    );
  }

  /** `${name:-word}`, `${name:+word}`, `${name:?word}`; without the colon an empty value counts as set. */
  #readDefault(name: string, colon: string, operator: '-' | '+' | '?'): string {
    const word = this.#readNested('}', false);
    const value = this.#options.lookup(name);
    if (value === undefined && this.#options.keepUnset === true)
      return `\${${name}${colon}${operator}${word}}`;
    const missing = value === undefined || (colon === ':' && value === '');
    if (operator === '+') return missing ? '' : word;
    if (!missing) return value;
    if (operator === '-') return word;
    const why = value === undefined ? 'is not allowed to be unset' : 'is not allowed to be empty';
    throw this.#fail(`${name}: ${word === '' ? why : word}`, `set ${name} with ARG, ENV or --build-arg`);
  }

  #readTrim(name: string, operator: '#' | '%'): string {
    const longest = this.#peek() === operator;
    if (longest) this.#position++;
    const pattern = this.#readNested('}', true);
    const value = this.#plainValue(name);
    if (value === undefined) return `\${${name}${longest ? operator + operator : operator}${pattern}}`;
    const trimmed = operator === '#' ? trimPrefix : trimSuffix;
    return trimmed(this.#pattern(pattern), value, longest);
  }

  #readReplace(name: string): string {
    const all = this.#peek() === '/';
    if (all) this.#position++;
    const pattern = this.#readNested('/', true);
    const replacement = this.#readNested('}', true);
    const value = this.#plainValue(name);
    if (value === undefined) return `\${${name}${all ? '//' : '/'}${pattern}/${replacement}}`;
    return (all ? replaceAll : replaceFirst)(this.#pattern(pattern), value, replacement);
  }

  #pattern(pattern: string): readonly PatternElement[] {
    const elements = parsePattern(pattern);
    if (!('invalid' in elements)) return elements;
    throw this.#fail(
      `invalid pattern (${pattern}) in substitution: ${elements.invalid}`,
      'only *, ?, \\ and the delimiters can be escaped in a pattern',
    );
  }

  #readNested(stop: '}' | '/', rawEscapes: boolean): string {
    return this.#readUntil(stop, rawEscapes)
      .map((piece) => piece.text)
      .join('');
  }
}
