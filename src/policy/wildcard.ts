import { TsbuildError } from '../core/index.ts';

/** What each `*` stands for in the text, in order; undefined when the text does not match. */
export type WildcardMatcher = (text: string) => readonly string[] | undefined;

/**
 * `*` is any run of characters, slashes included; everything else is itself. As with the regular expression that BuildKit
 * makes of it, an earlier `*` takes as much as it can: so the pieces between them are looked for from the end.
 */
export function compileWildcard(pattern: string): WildcardMatcher {
  if (pattern.includes('**')) {
    throw new TsbuildError('POLICY_INVALID', `invalid wildcard ${JSON.stringify(pattern)}: it has "**"`, {
      hint: 'one * stands for any characters, slashes included',
    });
  }
  const pieces = pattern.split('*');
  const [first = '', ...rest] = pieces;
  const last = rest.at(-1);
  return (text) => {
    if (last === undefined) return text === pattern ? [] : undefined;
    if (!text.startsWith(first) || !text.endsWith(last)) return undefined;
    let end = text.length - last.length;
    const taken: string[] = [];
    for (const piece of rest.slice(0, -1).reverse()) {
      const at = end < piece.length ? -1 : text.lastIndexOf(piece, end - piece.length);
      if (at < first.length) return undefined;
      taken.unshift(text.slice(at + piece.length, end));
      end = at;
    }
    return end < first.length ? undefined : [text.slice(first.length, end), ...taken];
  };
}
