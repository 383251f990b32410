import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { formatExcerpt } from '../../src/cli/excerpt.ts';
import { displayWidth } from '../../src/cli/terminal-text.ts';
import type { SourceRange } from '../../src/core/index.ts';
import { runs } from '../support/series.ts';

/** The lines below the place. */
function rowsOf(line: string, words: string, columns?: number): readonly string[] {
  const startColumn = line.indexOf(words);
  const range = { startLine: 1, endLine: 1, startColumn, endColumn: startColumn + words.length };
  return formatExcerpt({ file: 'Dockerfile', range, lines: [line] }, columns)
    .split('\n')
    .slice(1, -1);
}

/** What stands above the marks. */
function underlined([text = '', marks = '']: readonly string[]): string {
  const first = marks.indexOf('^');
  let width = 0;
  return Array.from(text)
    .filter((character) => {
      const column = width;
      width += displayWidth(character);
      return column >= first && column < marks.length;
    })
    .join('');
}

describe('the lines of an error', () => {
  it('L-012 marks the words in a line', () => {
    expect(rowsOf('COPY --form=x a b', '--form=x')).toEqual([
      '  >>> 1 | COPY --form=x a b',
      '        |      ^^^^^^^^',
    ]);
  });

  it('S-61 shows no password of a URL, and marks what is wrong all the same', () => {
    const line = 'ADD http://user:secret@host/file.tar /x --oops';
    expect(rowsOf(line, '--oops')).toEqual([
      '  >>> 1 | ADD http://xxxxx@host/file.tar /x --oops',
      '        |                                   ^^^^^^',
    ]);
    expect(rowsOf(line, 'ADD')[1]).toBe('        | ^^^');
    expect(rowsOf(line, 'http://user:secret@host/file.tar')[1]).toBe(`        |     ${'^'.repeat(26)}`);
  });

  it('L-012 marks behind wide characters, joined ones and tabs', () => {
    expect(rowsOf('ENV 変数=日本 X', 'X')[1]).toBe('        |               ^');
    expect(rowsOf('ENV a=🚀 日本', '日本')[1]).toBe('        |          ^^^^');
    expect(rowsOf('ENV e\u0301=1 X', 'X')[1]).toBe('        |         ^');
    expect(rowsOf('\tENV\ta X', 'X')[1]).toBe('        | \t   \t  ^');
  });

  it('L-012 cuts a long line around the words', () => {
    const line = `RUN ${'x'.repeat(300)} --wrong ${'y'.repeat(300)}`;
    expect(rowsOf(line, '--wrong', 60)).toEqual([
      `  >>> 1 | …${'x'.repeat(15)} --wrong ${'y'.repeat(24)}…`,
      `        |  ${' '.repeat(15)} ^^^^^^^`,
    ]);
    expect(rowsOf(`RUN --wrong ${'y'.repeat(300)}`, '--wrong', 60)).toEqual([
      `  >>> 1 | RUN --wrong ${'y'.repeat(37)}…`,
      '        |     ^^^^^^^',
    ]);
    expect(rowsOf(`RUN ${'x'.repeat(300)} --wrong`, '--wrong', 60)[0]).toMatch(/^ {2}>>> 1 \| …x+ --wrong$/);
  });

  it('L-012 cuts a long line of which nothing is marked', () => {
    const range: SourceRange = { startLine: 1, endLine: 1 };
    const text = formatExcerpt({ file: 'Dockerfile', range, lines: [`RUN ${'x'.repeat(70_000)}`] });
    expect(text.length).toBeLessThan(200);
    expect(text).toMatch(/^Dockerfile:1\n {2}>>> 1 \| RUN x+…\n$/);
  });

  it('L-012 shows the first lines of many, and says how many there are', () => {
    const lines = ['RUN <<EOF', ...Array.from({ length: 40 }, (_, index) => `line ${index}`), 'EOF'];
    const range: SourceRange = { startLine: 5, endLine: 46 };
    const rows = formatExcerpt({ file: 'Dockerfile', range, lines }).split('\n');
    expect(rows).toHaveLength(13);
    expect(rows.slice(-3)).toEqual(['  >>> 14 | line 8', '         | … and 32 more lines', '']);
  });

  it('L-012 no line is wider than the terminal, and the marks are below the words', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'é', '日', '🚀', ' ', 'x'), maxLength: 120 });
    const words = fc.string({ unit: fc.constantFrom('W', '語', 'V'), minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(text, words, text, fc.integer({ min: 60, max: 120 }), (before, wrong, after, columns) => {
        const rows = rowsOf(before + wrong + after, wrong, columns);
        for (const row of rows) expect(displayWidth(row)).toBeLessThanOrEqual(columns);
        expect(underlined(rows)).toBe(wrong);
      }),
      runs(500),
    );
  });
});
