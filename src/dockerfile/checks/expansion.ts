import { TsbuildError } from '../../core/index.ts';
import { expandHeredoc, expandWord } from '../expand.ts';
import type { Lookup } from '../shell-lexer.ts';
import type { Expansion } from './types.ts';

/** Expands a word and notes every name that was asked for; undefined when the word is malformed, which planning reports. */
export function traceWord(word: string, lookup: Lookup, escape: '\\' | '`'): Expansion | undefined {
  return trace(lookup, (traced) => expandWord(word, traced, { escape }).value);
}

export function traceHeredoc(content: string, lookup: Lookup): Expansion | undefined {
  return trace(lookup, (traced) => expandHeredoc(content, traced).value);
}

export function trace(lookup: Lookup, expand: (lookup: Lookup) => string): Expansion | undefined {
  const matched = new Set<string>();
  const missing = new Set<string>();
  try {
    const value = expand((name) => {
      const found = lookup(name);
      (found === undefined ? missing : matched).add(name);
      return found;
    });
    return { value, matched, missing };
  } catch (error) {
    if (error instanceof TsbuildError) return undefined;
    throw error;
  }
}
