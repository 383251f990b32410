import { describe, expect, it } from 'vitest';

import { narrowed, TsbuildError, type SourceRange } from '../../src/core/index.ts';

function place(lines: readonly string[], words: string, columns: Partial<SourceRange> = {}): string {
  const range = { startLine: 5, endLine: 4 + lines.length, ...columns };
  const { range: found } = narrowed({ file: 'Dockerfile', range, lines }, words);
  const { startLine, endLine, startColumn, endColumn } = found;
  return `${startLine}…${endLine}${startColumn === undefined ? '' : ` ${startColumn}…${endColumn ?? ''}`}`;
}

describe('the place of words in an excerpt', () => {
  it.each([
    ['once', ['COPY a b'], 'a', '5…5 5…6'],
    ['in a further line', ['RUN a \\', '  --x b'], '--x', '6…6 2…5'],
    ['not at all', ['COPY a b'], 'c', '5…5'],
    ['nothing', ['COPY a b'], '', '5…5'],
    ['twice', ['COPY a a'], 'a', '5…5'],
    ['twice, once as a word of its own', ['COPY ab/a a'], 'a', '5…5 10…11'],
    ['once, within a word', ['EXPOSE 80x'], 'x', '5…5 9…10'],
    ['twice, in two lines', ['RUN a \\', '  a'], 'a', '5…6'],
  ])('L-012 %s', (_, lines, words, expected) => {
    expect(place(lines, words)).toBe(expected);
  });

  it('L-012 looks between the columns that are known', () => {
    const line = 'RUN --mount=type=x,id=x x';
    expect(place([line], 'x', { startColumn: 4, endColumn: 18 })).toBe('5…5 17…18');
    expect(place([line], 'RUN', { startColumn: 4, endColumn: 18 })).toBe('5…5 4…18');
  });

  it('L-012 an error keeps the innermost words, and is narrowed when it gets its place', () => {
    const at = { file: 'Dockerfile', range: { startLine: 1, endLine: 1 }, lines: ['COPY a b'] };
    const error = new TsbuildError('DOCKERFILE_INVALID', 'no').blaming('b').blaming('a').locatedAt(at);
    expect(error.at?.range).toEqual({ startLine: 1, endLine: 1, startColumn: 7, endColumn: 8 });
    expect(error.hinting('try c').hinting('try d').hint).toBe('try c');
  });
});
