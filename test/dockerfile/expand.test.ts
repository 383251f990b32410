import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TsbuildError } from '../../src/core/index.ts';
import {
  expandForDisplay,
  expandHeredoc,
  expandWord,
  expandWords,
  type Lookup,
} from '../../src/dockerfile/index.ts';
import { cellOf, readTable } from '../support/pipe-table.ts';
import { runs } from '../support/series.ts';

const variables = new Map(readTable('dockerfile/env.txt').map((row) => [cellOf(row, 0), cellOf(row, 1)]));
const lookup: Lookup = (name) => variables.get(name);
const backslash = { escape: '\\' } as const;

/** The value, or `error` and the message. */
function outcome(action: () => string): string {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof TsbuildError)) throw error;
    expect(error.code).toBe('DOCKERFILE_EXPANSION');
    return `error ${error.message}`;
  }
}

function check(actual: string, expected: string): void {
  if (!/^error\b/.test(expected)) expect(actual).toBe(expected);
  else {
    expect(actual).toMatch(/^error /);
    expect(actual).toContain(expected.replace(/^error ?/, ''));
  }
}

describe('expandWord', () => {
  it.each(readTable('dockerfile/words.txt'))('$title', (row) => {
    const options = row.cells[2] === '`' ? ({ escape: '`' } as const) : backslash;
    check(
      outcome(() => expandWord(cellOf(row, 0), lookup, options).value),
      cellOf(row, 1),
    );
  });

  it('L-069 names what was not set, but not what has a default of its own', () => {
    const word = '$A $GONE ${GONE} ${MISSING:-d} ${OTHER:+x} ${CUT#x} ${NESTED:-$INNER} $EMPTY';
    expect(expandWord(word, lookup, backslash).undefinedNames).toEqual(['GONE', 'CUT', 'INNER']);
  });

  it('L-057 refuses nesting that would exhaust the stack', () => {
    const nested = (depth: number) => '${U:-'.repeat(depth) + 'x' + '}'.repeat(depth);
    expect(expandWord(nested(200), lookup, backslash).value).toBe('x');
    expect(outcome(() => expandWord(nested(201), lookup, backslash).value)).toContain('nested too deeply');
    expect(outcome(() => expandWord('"${U:-'.repeat(200_000), lookup, backslash).value)).toContain('error');
  });

  it('L-056 takes time for many * in proportion to the lengths only', () => {
    const value = 'a'.repeat(20_000);
    const word = `\${V##${'*a'.repeat(20)}b}`;
    expect(expandWord(word, () => value, backslash).value).toBe(value);
  });
});

describe('expandWords', () => {
  it.each(readTable('dockerfile/split.txt'))('$title', (row) => {
    check(
      outcome(() => expandWords(cellOf(row, 0), lookup, backslash).join(';')),
      cellOf(row, 1),
    );
  });
});

describe('expandHeredoc', () => {
  it.each([
    ['quotes are letters', `"$A" '$A' "it's`, `"alpha" 'alpha' "it's`],
    ['an escaped dollar is one', '\\$A', '$A'],
    ['a doubled backslash is one', '\\\\', '\\'],
    ['a backslash before the line end goes', 'a\\\nb', 'a\nb'],
    ['a backtick is a letter', '`$A`', '`alpha`'],
    ['line ends stay', '$A\r\n$B\n', 'alpha\r\nbeta\n'],
    ['defaults and patterns work', '${UNSET:-"d"} ${ARCHIVE##*/}', '"d" app-1.2.tar.gz'],
  ])('L-042 %s', (_, body, expected) => {
    expect(expandHeredoc(body, lookup).value).toBe(expected);
  });

  it('L-042 reports what it cannot read', () => {
    expect(outcome(() => expandHeredoc('a ${', lookup).value)).toContain("missing '}'");
  });
});

describe('expandForDisplay', () => {
  it.each([
    ['COPY "$A" $UNSET ${UNSET:-x} ./', 'COPY "alpha" $UNSET ${UNSET:-x} ./'],
    ["RUN echo '$A' \\$A", "RUN echo '$A' \\$A"],
    ['RUN printf "a\\n$A"', 'RUN printf "a\\nalpha"'],
    ["RUN echo it's $A", "RUN echo it's $A"],
  ])('L-070 %s', (text, expected) => {
    expect(expandForDisplay(text, lookup, backslash)).toBe(expected);
  });
});

/** Pieces whose meaning is plain, beside the text that writes them. */
const piece = fc.oneof(
  fc.stringMatching(/^[a-z./ :=-]{0,4}$/).map((text) => ({ written: text, value: text })),
  fc.constantFrom('A', 'EMPTY', 'BLANKS', 'UNSET').map((name) => ({
    written: `\${${name}}`,
    value: variables.get(name) ?? '',
  })),
  fc.stringMatching(/^[^']{0,5}$/).map((text) => ({ written: `'${text}'`, value: text })),
  fc.stringMatching(/^[^"\\$]{0,5}$/).map((text) => ({ written: `"${text}"`, value: text })),
  fc.constantFrom('$', '"', "'", '\\', 'x', ' ').map((character) => ({
    written: `\\${character}`,
    value: character,
  })),
);

/** One level more: the piece as default, alternate or not taken at all. */
const nested = fc
  .tuple(piece, fc.constantFrom('A', 'EMPTY', 'UNSET'), fc.constantFrom(':-', '-', ':+', '+'))
  .map(([{ written, value }, name, operator]) => {
    const set =
      name === 'UNSET' || (operator.startsWith(':') && name === 'EMPTY') ? undefined : variables.get(name);
    const result = operator.endsWith('-') ? (set ?? value) : set === undefined ? '' : value;
    return { written: `\${${name}${operator}${written}}`, value: result };
  });

describe('properties', () => {
  it('L-050…L-059 a word is worth what its pieces are', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, nested)), (pieces) => {
        const word = pieces.map(({ written }) => written).join('');
        const expanded = expandWord(word, lookup, backslash).value;
        expect(expanded).toBe(pieces.map(({ value }) => value).join(''));
      }),
      runs(500),
    );
  });

  it('L-050…L-060 any text is a value or a DOCKERFILE_EXPANSION', () => {
    const characters = fc.constantFrom(...Array.from('${}:-+?#%/*\\\'"`AU x\n'));
    fc.assert(
      fc.property(fc.string({ unit: characters, maxLength: 40 }), (word) => {
        outcome(() => expandWord(word, lookup, backslash).value);
        outcome(() => expandWords(word, lookup, { escape: '`' }).join());
        outcome(() => expandHeredoc(word, lookup).value);
      }),
      runs(1250),
    );
  });

  it('L-054 L-055 patterns agree with a regular expression', () => {
    const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 6 });
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 10 });
    fc.assert(
      fc.property(pattern, text, (glob, value) => {
        const source = glob.replaceAll('?', '.');
        const regexp = (star: string, tail: string) =>
          new RegExp(`^(?:${source.replaceAll('*', star)})${tail}`);
        const expand = (word: string) => expandWord(word, () => value, backslash).value;
        expect(expand(`\${V#${glob}}`)).toBe(value.replace(regexp('.*?', ''), ''));
        if (!glob.startsWith('#')) expect(expand(`\${V##${glob}}`)).toBe(value.replace(regexp('.*', ''), ''));
        const suffixes = Array.from({ length: value.length + 1 }, (_, cut) => value.length - cut).filter(
          (cut) => regexp('.*', '$').test(value.slice(cut)),
        );
        expect(expand(`\${V%${glob}}`)).toBe(value.slice(0, suffixes[0] ?? value.length));
        expect(expand(`\${V%%${glob}}`)).toBe(value.slice(0, suffixes.at(-1) ?? value.length));
      }),
      runs(500),
    );
  });
});
