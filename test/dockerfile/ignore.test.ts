import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromBuffer, fromText, TsbuildError, type ByteString } from '../../src/core/index.ts';
import {
  compileIgnore,
  globMatch,
  hasWildcard,
  ignoreRules,
  parseIgnoreFile,
} from '../../src/dockerfile/index.ts';
import { cellOf, readTable } from '../support/pipe-table.ts';
import { runs } from '../support/series.ts';

const bytes = (...values: readonly number[]) => fromBuffer(Uint8Array.from(values));

function matcherOf(text: string) {
  return compileIgnore(parseIgnoreFile(text, '.dockerignore'));
}

describe('ignore rules', () => {
  it.each(readTable('dockerfile/ignore.txt'))('$title', (row) => {
    const text = cellOf(row, 0).split(' ; ').join('\n');
    const path = fromText(cellOf(row, 1));
    const expected = cellOf(row, 2);
    if (expected.startsWith('error')) {
      expect(() => parseIgnoreFile(text, '.dockerignore')).toThrow(expected.slice('error '.length));
      return;
    }
    const matcher = matcherOf(text);
    expect(matcher.matches(path) ? 'ignored' : 'kept').toBe(expected);
    if (row.cells[3] !== undefined) {
      expect(matcher.canSkipDirectory(path) ? 'skip' : 'enter').toBe(row.cells[3]);
    }
  });

  it('L-224 drops a byte order mark', () => {
    expect(matcherOf('\ufeffa').matches('a')).toBe(true);
    expect(matcherOf('\ufeff# a').matches('# a')).toBe(false);
  });

  it('L-224 matches names and lines that are not UTF-8', () => {
    const name = bytes(0x61, 0xe9, 0x2e, 0x63);
    expect(compileIgnore(parseIgnoreFile(Buffer.from(name, 'latin1'), 'i')).matches(name)).toBe(true);
    expect(matcherOf('a?.c').matches(name)).toBe(true);
    expect(matcherOf('aé.c').matches(name)).toBe(false);
    const wild = Buffer.from([0x20, 0x2a, 0xe9, 0x2e, 0x3f, 0x09, 0x0d, 0x0a]);
    expect(compileIgnore(parseIgnoreFile(wild, 'i')).matches(name)).toBe(true);
  });

  it('L-225 never ignores the root, and knows no rules', () => {
    expect(matcherOf('**').matches('')).toBe(false);
    expect(matcherOf('**').matches('.')).toBe(false);
    expect(matcherOf('**').canSkipDirectory('')).toBe(false);
    expect(matcherOf('').matches('a')).toBe(false);
  });

  it('L-227 S-44 says where a bad pattern stands', () => {
    const error = caught(() => parseIgnoreFile('a\n\nb[\n', 'app/.dockerignore'));
    expect(error.code).toBe('IGNORE_PATTERN_INVALID');
    expect(error.at).toEqual({
      file: 'app/.dockerignore',
      range: { startLine: 3, endLine: 3, startColumn: 0, endColumn: 2 },
      lines: ['b['],
    });
    expect(error.hint).toContain('[');
  });

  it('L-155 takes patterns of --exclude, where # is no comment', () => {
    const matcher = compileIgnore(ignoreRules(['#x', '*.log', '!keep.log'], '--exclude'));
    expect(['#x', 'a.log', 'keep.log'].map((path) => matcher.matches(path))).toEqual([true, true, false]);
  });

  it('S-44 takes time for many ** in proportion to the lengths only', () => {
    const matcher = matcherOf(`${'**/'.repeat(200)}*x*x*x*x*x*y`);
    expect(matcher.matches(`${'x/'.repeat(500)}${'x'.repeat(500)}`)).toBe(false);
    expect(matcherOf(`${'**/'.repeat(2000)}y`).matches('x/y')).toBe(true);
    expect(matcherOf(`${'*a'.repeat(500)}b`).matches('a'.repeat(3000))).toBe(false);
  });

  it('L-225 remembers nothing wrong between paths in any order', () => {
    const paths = ['a/b/c', 'a', 'a/b', 'b/a', 'a/b/c/d', 'ab', 'a/x', 'a/b/c'];
    const matcher = matcherOf('a\n!a/b\na/b/c\n');
    const fresh = paths.map((path) => matcherOf('a\n!a/b\na/b/c\n').matches(path));
    expect(paths.map((path) => matcher.matches(path))).toEqual(fresh);
    expect(fresh).toEqual([true, true, false, false, true, false, true, true]);
  });
});

function caught(action: () => unknown): TsbuildError {
  try {
    action();
  } catch (error) {
    if (error instanceof TsbuildError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** patternmatcher's translation to a regular expression, spelt out. */
function naiveRegExp(pattern: string): RegExp {
  let source = '';
  for (let index = 0; index < pattern.length; index++) {
    const character = pattern.charAt(index);
    if (pattern.startsWith('**', index)) {
      const atStart = index === 0;
      index += pattern.charAt(index + 2) === '/' ? 2 : 1;
      const rest = pattern.slice(index + 1);
      // At the start, and with plain letters only behind it, ** stands for any text.
      if (rest === '') source += '.*';
      else if (atStart && !pattern.startsWith('**/') && !/[*?[\\]/.test(rest)) source += '.*';
      else source += '(?:.*/)?';
    } else if (character === '*') source += '[^/]*';
    else if (character === '?') source += '[^/]';
    else source += /[a-z[\]^/]/.test(character) ? character : `\\${character}`;
  }
  return new RegExp(`^${source}$`, 's');
}

function naiveIgnored(
  rules: readonly { readonly pattern: string; readonly exception: boolean }[],
  path: string,
) {
  let held = rules.map(() => false);
  let ignored = false;
  const names = path.split('/');
  for (let depth = 1; depth <= names.length; depth++) {
    const part = names.slice(0, depth).join('/');
    ignored = false;
    const next: boolean[] = [];
    for (const [index, { pattern, exception }] of rules.entries()) {
      const matches = held[index]! || (exception === ignored && naiveRegExp(pattern).test(part));
      next.push(matches);
      if (matches) ignored = !exception;
    }
    held = next;
  }
  return ignored;
}

const patterns = fc
  .array(fc.constantFrom('a', 'b', 'ab', '*', '**', '?', 'a*', '*b', '[ab]', '[^a]', 'a**', '**b'), {
    minLength: 1,
    maxLength: 4,
  })
  .map((parts) => parts.join('/'));
const paths = fc
  .array(fc.constantFrom('a', 'b', 'ab', 'ba', 'aab', 'c'), { minLength: 1, maxLength: 4 })
  .map((names) => names.join('/'));
const ruleLists = fc.array(fc.record({ pattern: patterns, exception: fc.boolean() }), { maxLength: 4 });

describe('properties', () => {
  it('L-225 L-226 agree with a naive model', () => {
    fc.assert(
      fc.property(ruleLists, fc.array(paths, { maxLength: 4 }), (rules, names) => {
        const lines = rules.map(({ pattern, exception }) => (exception ? `!${pattern}` : pattern));
        const matcher = matcherOf(lines.join('\n'));
        for (const name of names) expect(matcher.matches(name)).toBe(naiveIgnored(rules, name));
      }),
      runs(1250),
    );
  });

  it('L-224 comments, blanks, empty names and ends of lines change nothing', () => {
    const odd = fc.constantFrom<(pattern: string) => string>(
      (pattern) => `  ${pattern}\t`,
      (pattern) => `/${pattern}`,
      (pattern) => `./${pattern}`,
      (pattern) => `${pattern}//`,
      (pattern) => `x/../${pattern}`,
      (pattern) => `${pattern.replaceAll('/', '//')}/.`,
    );
    const between = fc.constantFrom('\n', '\r\n', '\n\n', '\n# a\n', '\n#b*\r\n \t\n');
    const oddRules = fc.array(fc.record({ pattern: patterns, exception: fc.boolean(), odd, between }), {
      maxLength: 4,
    });
    fc.assert(
      fc.property(oddRules, paths, (rules, name) => {
        const line = (exception: boolean, pattern: string) => (exception ? `! ${pattern}` : pattern);
        const plain = rules.map(({ pattern, exception }) => line(exception, pattern)).join('\n');
        const written = rules.map((rule) => line(rule.exception, rule.odd(rule.pattern)) + rule.between);
        expect(matcherOf(written.join('')).matches(name)).toBe(matcherOf(plain).matches(name));
      }),
      runs(700),
    );
  });

  it('L-225 what a walk may skip holds nothing that is kept', () => {
    fc.assert(
      fc.property(ruleLists, paths, paths, (rules, folder, below) => {
        const lines = rules.map(({ pattern, exception }) => (exception ? `!${pattern}` : pattern));
        const matcher = matcherOf(lines.join('\n'));
        if (matcher.canSkipDirectory(folder)) expect(matcher.matches(`${folder}/${below}`)).toBe(true);
      }),
      runs(1250),
    );
  });

  it('L-227 any bytes are rules or an IGNORE_PATTERN_INVALID', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.string(), (source, name) => {
        try {
          compileIgnore(parseIgnoreFile(source, 'i')).matches(fromText(name));
        } catch (error) {
          expect(error).toBeInstanceOf(TsbuildError);
        }
      }),
      runs(500),
    );
  });
});

describe('globMatch', () => {
  it.each(readTable('dockerfile/glob.txt'))('$title', (row) => {
    const match = () => globMatch(cellOf(row, 0), fromText(cellOf(row, 1)));
    if (cellOf(row, 2) === 'error') expect(match).toThrow('malformed pattern');
    else expect(match() ? 'yes' : 'no').toBe(cellOf(row, 2));
  });

  it('L-166 matches names that are not UTF-8, a stray byte being one character', () => {
    expect(globMatch('a?b', bytes(0x61, 0xff, 0x62))).toBe(true);
    expect(globMatch('a??b', bytes(0x61, 0xc3, 0x28, 0x62))).toBe(true);
    expect(globMatch('a*', bytes(0x61, 0xff, 0xfe))).toBe(true);
    expect(globMatch('a[^x]', bytes(0x61, 0xf0))).toBe(true);
    expect(globMatch('aÿ', bytes(0x61, 0xff))).toBe(false);
  });

  it('L-166 tells patterns from names', () => {
    const names = ['a', 'a*', 'a?', 'a[b]', 'a\\*', 'a\\\\*', 'a\\[b\\*', ']', '{a}'];
    expect(names.filter(hasWildcard)).toEqual(['a*', 'a?', 'a[b]', 'a\\\\*']);
  });

  it('L-166 agrees with a regular expression', () => {
    const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?', '/'), maxLength: 8 });
    const name = fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 10 });
    fc.assert(
      fc.property(pattern, name, (glob, text) => {
        const regexp = new RegExp(`^${glob.replaceAll('?', '[^/]').replaceAll('*', '[^/]*')}$`);
        expect(globMatch(glob, text as ByteString)).toBe(regexp.test(text));
      }),
      runs(1250),
    );
  });
});
