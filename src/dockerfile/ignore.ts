import { isUtf8 } from 'node:buffer';
import { posix } from 'node:path';
import { fromBuffer, fromText, toText, TsbuildError, type ByteString } from '../core/index.ts';
import { quote, trim } from './characters.ts';
import { compilePattern, type PatternMatcher } from './ignore-pattern.ts';

/** A line of an ignore file that says something. */
export interface IgnoreRule {
  /** Cleaned, without the `!`. Bytes, because the names it matches are. */
  readonly pattern: ByteString;
  /** `!pattern`: what matches is not ignored after all. */
  readonly exception: boolean;
  /** From 1. */
  readonly line: number;
  readonly matcher: PatternMatcher;
}

export interface IgnoreMatcher {
  /** Whether the path, relative and separated by `/`, is ignored; the root (an empty path or `.`) never is. */
  matches(path: ByteString | string): boolean;
  /** Whether the folder is ignored and no exception can show anything below it, so that a walk need not enter it. */
  canSkipDirectory(path: ByteString | string): boolean;
  /** Whether a rule such as `*` ignores everything and no exception behind it shows anything again. */
  readonly ignoresAll: boolean;
  /** Matchers of one text say the same of every path; undefined where no text does that. */
  readonly text?: string | undefined;
}

/**
 * The rules of a .dockerignore. `file` is its name in messages. Lines may hold any bytes.
 * Throws a located IGNORE_PATTERN_INVALID.
 */
export function parseIgnoreFile(source: Uint8Array | string, file: string): readonly IgnoreRule[] {
  let bytes = typeof source === 'string' ? Buffer.from(source, 'utf8') : Buffer.from(source);
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) bytes = bytes.subarray(3);
  const lines = fromBuffer(bytes).split('\n') as ByteString[];
  return lines.flatMap((line, index) => {
    // Only a # in the first column makes a comment.
    if (line.startsWith('#')) return [];
    return ruleOf(line, { file, line: index + 1 }) ?? [];
  });
}

/** Patterns given one by one, as by `COPY --exclude`; there are no comments among them. */
export function ignoreRules(patterns: readonly string[], file: string): readonly IgnoreRule[] {
  return patterns.flatMap((pattern, index) => ruleOf(fromText(pattern), { file, line: index + 1 }) ?? []);
}

interface Place {
  readonly file: string;
  readonly line: number;
}

function ruleOf(line: ByteString, place: Place): IgnoreRule | undefined {
  const written = trimBytes(line);
  if (written === '') return undefined;
  const exception = written.startsWith('!');
  const bare = exception ? trimBytes(written.slice(1) as ByteString) : written;
  if (bare === '') {
    throw invalid(
      place,
      line,
      'illegal exclusion pattern: "!"',
      'write the pattern behind the !, as !keep.txt',
    );
  }
  const pattern = cleanPattern(bare);
  const matcher = namedClass.test(pattern) ? undefined : compilePattern(pattern);
  if (matcher === undefined) {
    const hint =
      'a [ needs its ] with something between them, and a \\ something behind it; named classes do not exist';
    throw invalid(place, line, `malformed ignore pattern ${quote(toText(bare))}`, hint).blaming(toText(bare));
  }
  return { pattern, exception, line: place.line, matcher };
}

/** `[[:alpha:]]`: every builder reads it in its own way, so nobody can mean anything by it. */
const namedClass = /\[[^\]]*\[:\^?[a-z]+:\]/;

function invalid(place: Place, line: ByteString, message: string, hint: string): TsbuildError {
  const at = {
    file: place.file,
    range: { startLine: place.line, endLine: place.line },
    lines: [toText(line).replace(/\r$/, '')],
  };
  return new TsbuildError('IGNORE_PATTERN_INVALID', message, { hint, at });
}

/** Shortest equal path, as Go's filepath.Clean, without the one leading slash that people write for the root. */
function cleanPattern(pattern: ByteString): ByteString {
  const clean = posix.normalize(pattern);
  const open = clean.length > 1 && clean.endsWith('/') ? clean.slice(0, -1) : clean;
  return (open.length > 1 && open.startsWith('/') ? open.slice(1) : open) as ByteString;
}

function trimBytes(line: ByteString): ByteString {
  if (isUtf8(Buffer.from(line, 'latin1'))) return fromText(trim(toText(line)));
  return line.replace(/^[\t-\r ]+/, '').replace(/[\t-\r ]+$/, '') as ByteString;
}

const catchAll: ReadonlySet<string> = new Set(['*', '**', '**/*']);

/** What the rules came to for one path, from first to last. */
interface Verdict {
  readonly path: string;
  readonly ignored: boolean;
  /** Which rules matched it or a folder it lies in. */
  readonly matched: readonly boolean[];
}

/**
 * The last rule that matches a path, or a folder it lies in, decides. As in BuildKit's walk
 * (patternmatcher.MatchesUsingParentResults) a rule that could change nothing for a folder is not held against what lies
 * below: with `*.md` in all folders ignored, `!docs` shows nothing, since docs itself never was.
 */
export function compileIgnore(rules: readonly IgnoreRule[]): IgnoreMatcher {
  // The verdicts of the folders asked about last: a walk asks about neighbours.
  const chain: Verdict[] = [];
  const verdictOf = (path: string): Verdict => {
    const slash = path.lastIndexOf('/');
    while (chain.length > 0 && !path.startsWith(`${chain.at(-1)?.path ?? ''}/`)) {
      if (chain.at(-1)?.path === path) break;
      chain.pop();
    }
    const known = chain.at(-1);
    if (known?.path === path) return known;
    const parent = slash < 0 ? undefined : verdictOf(path.slice(0, slash));
    const verdict = judge(rules, path, parent);
    chain.push(verdict);
    return verdict;
  };
  const isRoot = (path: string) => path === '' || path === '.';
  const everything = rules.findLastIndex((rule) => !rule.exception && catchAll.has(rule.pattern));
  return {
    text: JSON.stringify(rules.map(({ pattern, exception }) => [pattern, exception])),
    ignoresAll: everything >= 0 && !rules.some((rule, index) => index > everything && rule.exception),
    matches: (path) => !isRoot(path) && verdictOf(path).ignored,
    canSkipDirectory(path) {
      if (isRoot(path)) return false;
      const { ignored, matched } = verdictOf(path);
      if (!ignored) return false;
      // Rules before this one are overruled below the folder as well, because it matches all of it.
      const decisive = rules.findLastIndex((rule, index) => !rule.exception && matched[index] === true);
      return !rules.some(
        (rule, index) => index > decisive && rule.exception && rule.matcher.couldMatchBelow(path),
      );
    },
  };
}

function judge(rules: readonly IgnoreRule[], path: string, parent: Verdict | undefined): Verdict {
  let ignored = false;
  const matched = rules.map((rule, index) => {
    const matches =
      parent?.matched[index] === true || (rule.exception === ignored && rule.matcher.matches(path));
    if (matches) ignored = !rule.exception;
    return matches;
  });
  return { path, ignored, matched };
}
