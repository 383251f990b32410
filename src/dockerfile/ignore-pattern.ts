import type { ByteString } from '../core/index.ts';
import { classMatches, parseGlob, type GlobToken } from './glob.ts';
import { decodeRunes, runeAt } from './runes.ts';

/** One pattern; folders that a path lies in are the business of the rules. */
export interface PatternMatcher {
  matches(path: string): boolean;
  /** Whether some path below the folder could match. */
  couldMatchBelow(folder: string): boolean;
}

type Token =
  | Exclude<GlobToken, { readonly kind: 'run' }>
  /** `*`: any run within a name. */
  | { readonly kind: 'run' }
  /** `**` at the end: everything. */
  | { readonly kind: 'rest' }
  /** `**` elsewhere: nothing, or any run that ends with a slash. The second half of the pair does the running. */
  | { readonly kind: 'folders' }
  | { readonly kind: 'in-folders' };

const slash = 0x2f;

/**
 * The matcher of a cleaned pattern in the dialect of moby's patternmatcher, or undefined when it is malformed.
 * Patterns run as a set of states over the path: time is bounded by the product of the lengths, however many `**`.
 */
export function compilePattern(pattern: ByteString): PatternMatcher | undefined {
  const tokens = parseGlob(decodeRunes(pattern));
  if (tokens === undefined) return undefined;
  if (!/[*?[\\]/.test(pattern)) return exact(pattern);
  if (/^\*\*[^*?[\\]*$/.test(pattern)) return suffix(pattern.slice(2));
  if (/^[^*?[\\]*\*\*$/.test(pattern)) return prefix(pattern.slice(0, -2));
  return automaton(withFolders(tokens));
}

function exact(pattern: string): PatternMatcher {
  return {
    matches: (path) => path === pattern,
    couldMatchBelow: (folder) => pattern.startsWith(`${folder}/`),
  };
}

/** `name**` matches whatever begins like it; `folder/**` so does not match the folder itself. */
function prefix(start: string): PatternMatcher {
  return {
    matches: (path) => path.startsWith(start),
    couldMatchBelow: (folder) => start.startsWith(`${folder}/`) || `${folder}/`.startsWith(start),
  };
}

// `**/name` matches the name in any folder; `**name` whatever ends like it.
function suffix(end: string): PatternMatcher {
  return {
    matches: (path) => path.endsWith(end) || (end.startsWith('/') && path === end.slice(1)),
    couldMatchBelow: () => true,
  };
}

/** Pairs of `*` become what `**` means where it stands; a slash behind it belongs to it. */
function withFolders(tokens: readonly GlobToken[]): readonly Token[] {
  const result: Token[] = [];
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index];
    if (token === undefined) break;
    if (token.kind !== 'run' || tokens[index + 1]?.kind !== 'run') {
      result.push(token);
      continue;
    }
    index++;
    const next = tokens[index + 1];
    if (next?.kind === 'literal' && next.rune === slash) index++;
    if (index + 1 === tokens.length) result.push({ kind: 'rest' });
    else if (result.at(-1)?.kind !== 'in-folders') result.push({ kind: 'folders' }, { kind: 'in-folders' });
  }
  return result;
}

function automaton(tokens: readonly Token[]): PatternMatcher {
  /** The states behind the whole path, or undefined when none is left. */
  const run = (path: string): Uint8Array | undefined => {
    let states = new Uint8Array(tokens.length + 1);
    let next = new Uint8Array(tokens.length + 1);
    states[0] = 1;
    follow(tokens, states);
    // Decoded one by one: most paths part from most patterns at the first characters.
    for (let position = 0; position < path.length;) {
      const rune = runeAt(path, position);
      next.fill(0);
      if (!step(tokens, { states, next }, rune.value)) return undefined;
      [states, next] = [next, states];
      follow(tokens, states);
      position += rune.length;
    }
    return states;
  };
  return {
    matches: (path) => run(path)?.[tokens.length] === 1,
    couldMatchBelow: (folder) => run(`${folder}/`)?.subarray(0, tokens.length).includes(1) === true,
  };
}

/** Adds the states that are reached without a character. */
function follow(tokens: readonly Token[], states: Uint8Array): void {
  for (const [index, { kind }] of tokens.entries()) {
    if (states[index] !== 1) continue;
    if (kind === 'run' || kind === 'rest') states[index + 1] = 1;
    if (kind === 'folders') states[index + 1] = states[index + 2] = 1;
  }
}

/** Fills `next` with the states behind one more character; false when there are none. */
function step(
  tokens: readonly Token[],
  { states, next }: { readonly states: Uint8Array; readonly next: Uint8Array },
  rune: number,
): boolean {
  let alive = false;
  for (const [index, token] of tokens.entries()) {
    if (states[index] !== 1) continue;
    const target = targetOf(token, rune);
    if (target === undefined) continue;
    next[index + target] = 1;
    if (token.kind === 'in-folders' && rune === slash) next[index + 1] = 1;
    alive = true;
  }
  return alive;
}

/** How many states further a character leads, if it fits. Classes may match a slash, as they do in patternmatcher. */
function targetOf(token: Token, rune: number): 0 | 1 | undefined {
  switch (token.kind) {
    case 'literal':
      return token.rune === rune ? 1 : undefined;
    case 'any':
      return rune === slash ? undefined : 1;
    case 'class':
      return classMatches(token, rune) ? 1 : undefined;
    case 'run':
      return rune === slash ? undefined : 0;
    case 'rest':
    case 'in-folders':
      return 0;
    case 'folders':
      return undefined;
  }
}
