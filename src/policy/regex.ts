import { createContext, Script, type Context } from 'node:vm';

import { TsbuildError } from '../core/index.ts';
import { translateRegex } from './regex-syntax.ts';
import { expandTemplate, type Captures } from './template.ts';

interface Found extends Captures {
  readonly index: number;
}

export interface RegexMatcher {
  /** Anywhere in the text, unless the pattern is anchored. */
  readonly matches: (text: string) => boolean;
  /** The text with each match replaced by the template filled in, as Go's `ReplaceAllString` does. */
  readonly replace: (text: string, template: string) => string;
}

/** Milliseconds that one match may take: with text of a URL's length, only a pattern that backtracks without end does. */
const defaultTimeout = 10_000;

const search = new Script(`JSON.stringify(Array.from(
  text.matchAll(new RegExp(source, flags)),
  (match) => ({ index: match.index, groups: Array.from(match, (group) => group ?? ''), named: { ...match.groups } }),
))`);
let sandbox: Context | undefined;

/**
 * A regular expression in Go's syntax. Go's never backtracks, JavaScript's does: matching is cut off after a while, and
 * only a script of its own can be. Throws POLICY_INVALID.
 */
export function compileRegex(pattern: string, timeout = defaultTimeout): RegexMatcher {
  const { source, flags } = translateRegex(pattern);
  const all = (text: string): readonly Found[] => {
    sandbox ??= createContext(Object.create(null) as object);
    Object.assign(sandbox, { source, flags, text });
    try {
      const found = JSON.parse(String(search.runInContext(sandbox, { timeout }))) as readonly Found[];
      return withoutAbutting(found);
    } catch (error) {
      if (!isTimeout(error)) throw error;
      throw new TsbuildError(
        'POLICY_INVALID',
        `the regular expression ${JSON.stringify(pattern)} takes longer than ${timeout} ms`,
        { hint: 'avoid repetitions inside repetitions, as in (a+)+', cause: error },
      );
    }
  };
  return {
    matches: (text) => all(text).length > 0,
    replace(text, template) {
      let done = '';
      let end = 0;
      for (const found of all(text)) {
        done += text.slice(end, found.index) + expandTemplate(template, found);
        end = endOf(found);
      }
      return done + text.slice(end);
    },
  };
}

/** The error may be of the script's own realm, whose Error is another one. */
function isTimeout(error: unknown): boolean {
  return (
    typeof error === 'object' &&
    error !== null &&
    'code' in error &&
    error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT'
  );
}

/** Go takes no empty match right behind another one: `.*` matches once, not a second time at the end. */
function withoutAbutting(found: readonly Found[]): readonly Found[] {
  let end = -1;
  return found.filter((each) => {
    const abuts = each.index === end && endOf(each) === end;
    end = endOf(each);
    return !abuts;
  });
}

function endOf({ index, groups: [whole = ''] }: Found): number {
  return index + whole.length;
}
