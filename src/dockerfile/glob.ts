import { fromText, TsbuildError, type ByteString } from '../core/index.ts';
import { quote } from './characters.ts';
import { decodeRunes } from './runes.ts';

const slash = 0x2f;
const star = 0x2a;
const question = 0x3f;
const open = 0x5b;
const close = 0x5d;
const caret = 0x5e;
const hyphen = 0x2d;
const backslash = 0x5c;

/** What one character of a pattern stands for; runs are the business of whoever matches. */
export type GlobToken =
  | { readonly kind: 'run' }
  | { readonly kind: 'any' }
  | { readonly kind: 'literal'; readonly rune: number }
  | GlobClass;

export interface GlobClass {
  readonly kind: 'class';
  readonly negated: boolean;
  readonly ranges: readonly { readonly low: number; readonly high: number }[];
}

/** Pattern syntax of Go's filepath.Match; undefined when it is malformed. */
export function parseGlob(pattern: readonly number[]): readonly GlobToken[] | undefined {
  const tokens: GlobToken[] = [];
  for (let index = 0; index < pattern.length;) {
    const rune = pattern[index] ?? 0;
    index++;
    if (rune === star) tokens.push({ kind: 'run' });
    else if (rune === question) tokens.push({ kind: 'any' });
    else if (rune === open) {
      const parsed = parseClass(pattern, index);
      if (parsed === undefined) return undefined;
      tokens.push(parsed.token);
      index = parsed.next;
    } else if (rune === backslash) {
      const escaped = pattern[index++];
      if (escaped === undefined) return undefined;
      tokens.push({ kind: 'literal', rune: escaped });
    } else tokens.push({ kind: 'literal', rune });
  }
  return tokens;
}

/** Reads a class from behind its `[`: at least one character or range, no bare `-` or `]` among them. */
function parseClass(
  pattern: readonly number[],
  start: number,
): { readonly token: GlobClass; readonly next: number } | undefined {
  const negated = pattern[start] === caret;
  const ranges: { low: number; high: number }[] = [];
  let index = negated ? start + 1 : start;
  const member = (): number | undefined => {
    if (pattern[index] === hyphen || pattern[index] === close) return undefined;
    if (pattern[index] === backslash) index++;
    return pattern[index++];
  };
  while (pattern[index] !== close || ranges.length === 0) {
    const low = member();
    if (low === undefined) return undefined;
    let high: number | undefined = low;
    if (pattern[index] === hyphen) {
      index++;
      high = member();
      if (high === undefined) return undefined;
    }
    ranges.push({ low, high });
  }
  return { token: { kind: 'class', negated, ranges }, next: index + 1 };
}

export function classMatches(token: GlobClass, rune: number): boolean {
  return token.ranges.some(({ low, high }) => low <= rune && rune <= high) !== token.negated;
}

/** Whether a COPY source is a pattern; an escaped wildcard is none. */
export function hasWildcard(pattern: string): boolean {
  return /[*?[]/.test(pattern.replace(/\\[^]?/g, ''));
}

/**
 * Whether `name` matches a pattern of Go's filepath.Match, as in COPY sources: `*`, `?`, `[a-z]`, `[^x]`, `\`; nothing
 * crosses a `/`. Throws DOCKERFILE_INVALID for a malformed pattern, without a place.
 */
export function globMatch(pattern: string, name: ByteString): boolean {
  const tokens = parseGlob(decodeRunes(fromText(pattern)));
  if (tokens === undefined) {
    throw new TsbuildError('DOCKERFILE_INVALID', `malformed pattern ${quote(pattern)}`, {
      hint: 'a [ needs its ], and a name that holds [ is written [[]',
    });
  }
  return tokensMatch(tokens, decodeRunes(name));
}

/** Only the last run is ever widened again: the ones before have matched as early as they could. */
function tokensMatch(tokens: readonly GlobToken[], name: readonly number[]): boolean {
  let token = 0;
  let position = 0;
  let run: { readonly token: number; position: number } | undefined;
  while (position < name.length || token < tokens.length) {
    const wanted = tokens[token];
    const rune = name[position];
    if (wanted?.kind === 'run') {
      run = { token: ++token, position };
    } else if (wanted !== undefined && rune !== undefined && matchesOne(wanted, rune)) {
      token++;
      position++;
    } else {
      if (run === undefined || run.position >= name.length || name[run.position] === slash) return false;
      run.position++;
      token = run.token;
      position = run.position;
    }
  }
  return true;
}

function matchesOne(token: Exclude<GlobToken, { readonly kind: 'run' }>, rune: number): boolean {
  if (token.kind === 'literal') return token.rune === rune;
  return rune !== slash && (token.kind === 'any' || classMatches(token, rune));
}
