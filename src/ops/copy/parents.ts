import { TsbuildError, type ByteString } from '../../core/index.ts';
import { compileIgnore, hasWildcard, ignoreRules, type IgnoreRule } from '../../dockerfile/index.ts';
import { cleanSource, requireSource, selectSource, type Match, type SourceTree } from './select.ts';
import type { Include } from './walk.ts';

/** A folder, and what of its contents a word of `COPY --parents` takes; everything if there is no `include`. */
export type PivotMatch = Match & { readonly include?: Include | undefined };

/**
 * What a word of `COPY --parents` stands for (L-154): the folders before its pivot `/./`, or the root of the tree, and in
 * each all that the rest of the word matches, as patterns of an ignore file match: `*` within a name, `**` at any depth,
 * and with a folder all that is below it. Links are matched by name and never followed on the way.
 */
export function selectWithParents(tree: SourceTree, word: string): readonly PivotMatch[] {
  const { base, pattern } = splitPivot(word);
  if (!hasWildcard(base) && !hasWildcard(pattern)) requireSource(tree, joined(base, pattern), word);
  const include = pattern === '' ? undefined : includeOf(pattern, word);
  return selectSource(tree, base).flatMap((match) =>
    // A file that a wildcard before the pivot finds has nothing behind the pivot.
    match.stat.type === 'directory' ? [{ ...match, include, wildcard: hasWildcard(word), word }] : [],
  );
}

/** Only the first `/./` is a pivot; both sides are clamped at their roots, so that no `..` leads out of either. */
function splitPivot(word: string): { readonly base: string; readonly pattern: string } {
  const pivot = word.indexOf('/./');
  if (pivot < 0) return { base: '', pattern: cleanSource(word) };
  return { base: cleanSource(word.slice(0, pivot)), pattern: cleanSource(word.slice(pivot + 3)) };
}

function joined(base: string, pattern: string): string {
  return [base, pattern].filter((part) => part !== '').join('/');
}

function includeOf(pattern: string, word: string): Include {
  const rule = ruleOf(pattern, word);
  const matcher = compileIgnore([rule]);
  return {
    matches: (path: ByteString) => matcher.matches(path),
    couldMatchBelow: (path: ByteString) => rule.matcher.couldMatchBelow(path),
    text: rule.pattern,
  };
}

function ruleOf(pattern: string, word: string): IgnoreRule {
  try {
    // A name may begin with what makes an exception of a pattern.
    const [rule] = ignoreRules([pattern.replace(/^!/, '\\!')], 'COPY --parents');
    if (rule !== undefined) return rule;
  } catch (error) {
    if (!(error instanceof TsbuildError)) throw error;
  }
  throw new TsbuildError('DOCKERFILE_INVALID', `malformed pattern ${JSON.stringify(word)}`, {
    hint: 'a [ needs its ], and a name that holds [ is written [[]',
  });
}

/** Why nothing came of a word that names something: for a warning. Undefined where that is as it should be. */
export function emptyReason(matched: {
  readonly match: Match;
  readonly items: readonly unknown[];
}): string | undefined {
  const { match, items } = matched;
  if (match.wildcard || items.length > 0) return undefined;
  return `nothing was copied for ${JSON.stringify(match.word)}: COPY --parents follows no symbolic links`;
}
