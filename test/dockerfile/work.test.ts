import { describe, expect, it } from 'vitest';

// First: it keeps V8 from optimising what is counted.
import { workOf } from '../support/work.ts';
import { TsbuildError, type ByteString } from '../../src/core/index.ts';
import {
  checkDockerfile,
  compileIgnore,
  expandForDisplay,
  expandHeredoc,
  expandWord,
  expandWords,
  globMatch,
  outlineOf,
  parseDockerfile,
  parseIgnoreFile,
} from '../../src/dockerfile/index.ts';
import { checkOptions } from '../support/check-options.ts';

/** An input of a size that grows with `n`; sixteen times as large it may be sixteen times the work and a little more. */
interface Growing {
  readonly title: string;
  readonly n: number;
  readonly act: (n: number) => void;
}

const parsed = (title: string, n: number, text: (n: number) => string): Growing => ({
  title,
  n,
  act: (size) => {
    const dockerfile = parseDockerfile(text(size), 'Dockerfile');
    checkDockerfile(dockerfile, checkOptions());
    outlineOf(dockerfile, checkOptions());
  },
});

const expanded = (title: string, n: number, word: (n: number) => string, value = 'abc'): Growing => ({
  title,
  n,
  act: (size) => {
    const lookup = (name: string) => (name === 'V' ? value : undefined);
    expandForDisplay(word(size), lookup, { escape: '\\' });
    expandHeredoc(word(size), lookup);
    expandWords(word(size), lookup, { escape: '\\' });
    expandWord(word(size), lookup, { escape: '\\' });
  },
});

const ignored = (
  title: string,
  n: number,
  input: (n: number) => readonly [rules: string, path: string],
): Growing => ({
  title,
  n,
  act: (size) => {
    const [rules, path] = input(size);
    const matcher = compileIgnore(parseIgnoreFile(rules, '.dockerignore'));
    matcher.matches(path);
    matcher.canSkipDirectory(path);
  },
});

const files: readonly Growing[] = [
  parsed('instructions', 100, (n) => `FROM a\n${'RUN x y\n'.repeat(n)}`),
  parsed('stages', 40, (n) => Array.from({ length: n }, (_, index) => `FROM a AS s${index}\n`).join('')),
  parsed('stages upon stages', 20, (n) =>
    Array.from(
      { length: n },
      (_, index) => `FROM ${index === 0 ? 'a' : `s${index - 1}`} AS s${index}\n`,
    ).join(''),
  ),
  parsed(
    'ARGs before FROM',
    40,
    (n) => `${Array.from({ length: n }, (_, i) => `ARG A${i}=$A${i - 1}\n`).join('')}FROM a`,
  ),
  parsed('continuations', 200, (n) => `FROM a\nRUN x${' \\\n'.repeat(n)}y\n`),
  parsed('blank continuations', 200, (n) => `FROM a\nRUN x \\\n${'\n'.repeat(n)}y\n`),
  parsed('comments inside', 200, (n) => `FROM a\nRUN x \\\n${'# z\n'.repeat(n)}y\n`),
  parsed('comments above', 200, (n) => `FROM a\n${'# z\n'.repeat(n)}RUN y\n`),
  parsed('directives and no instruction between', 200, (n) => `${'# a=b\n'.repeat(n)}FROM a\n`),
  parsed('check comments', 50, (n) => `FROM a\n${'# check=skip=all\nRUN y\n'.repeat(n)}`),
  parsed('a heredoc', 200, (n) => `FROM a\nRUN <<EOF\n${'EOF \n'.repeat(n)}EOF\n`),
  parsed('heredocs on a line', 50, (n) => `FROM a\nRUN ${'<<A '.repeat(n)}\n${'A\n'.repeat(n)}`),
  parsed('heredocs one by one', 50, (n) => `FROM a\n${'COPY <<A /x\n$V\nA\n'.repeat(n)}`),
  parsed('signs of heredocs', 50, (n) => `FROM a\nRUN ${'<<'.repeat(n)}\n`),
  parsed(
    'pairs',
    50,
    (n) => `FROM a\nENV ${Array.from({ length: n }, (_, i) => `A${i}=$A${i + 1} `).join('\\\n')}\n`,
  ),
  parsed('quotes', 50, (n) => `FROM a\nLABEL a=${`"x" 'y'`.repeat(n)}\n`),
  parsed('an array', 50, (n) => `FROM a\nCMD [${'"a", '.repeat(n)}"b"]\n`),
  parsed('ports', 50, (n) => `FROM a\nEXPOSE ${'80 '.repeat(n)}\n`),
  parsed('flags', 50, (n) => `FROM a\nCOPY ${'--exclude=x '.repeat(n)}a b\n`),
  parsed('mounts', 20, (n) => `FROM a\nRUN ${'--mount=type=cache,target=/x '.repeat(n)}a\n`),
  parsed('options of a mount', 20, (n) => `FROM a\nRUN --mount=${'ro,'.repeat(n)}target=/x a\n`),
  parsed('escapes', 100, (n) => `FROM a\nRUN ${'\\'.repeat(n)}\n`),
  parsed('blanks', 100, (n) => `FROM a\nRUN \\${' \t'.repeat(n)}x\n`),
  parsed('triggers', 50, (n) => `FROM a\n${'ONBUILD COPY a b\n'.repeat(n)}`),
  parsed('unknown words', 50, (n) => `FROM a\nENV ${'A=$UNKNOWN_'.repeat(n)}\n`),
];

const words: readonly Growing[] = [
  expanded('variables', 50, (n) => '$V$U'.repeat(n)),
  expanded('defaults', 50, (n) => '${U:-x}${V:+y}'.repeat(n)),
  expanded('nesting', 12, (n) => `${'${U:-'.repeat(n)}x${'}'.repeat(n)}`),
  expanded('nesting in quotes', 12, (n) => `${'"${U:-'.repeat(n)}x${'}"'.repeat(n)}`),
  expanded('nested patterns', 12, (n) => `${'${V#'.repeat(n)}x${'}'.repeat(n)}`),
  expanded('dollars', 100, (n) => '$'.repeat(n)),
  expanded('escaped characters', 100, (n) => '\\x'.repeat(n)),
  expanded('open braces', 100, (n) => '{'.repeat(n)),
  expanded('runs of a pattern', 20, (n) => `\${V##${'*a'.repeat(n)}}`, 'a'.repeat(50)),
  ...(
    [
      ['#', '*a*a*b'],
      ['##', '*a*a*b'],
      ['%', 'b*a*a*'],
      ['%%', 'b*a*a*'],
      ['/', '*a*a*b/x'],
      ['//', '*a*a*b/x'],
      ['//', '?a/x'],
    ] as const
  ).map(([operator, pattern]): Growing => ({
    title: `a value under ${operator}${pattern}`,
    n: 100,
    act: (size) => void expandWord(`\${V${operator}${pattern}}`, () => 'a'.repeat(size), { escape: '\\' }),
  })),
  {
    title: 'lines under //*b/x',
    n: 50,
    act: (size) => void expandWord('${V//*b/x}', () => 'ab\n'.repeat(size), { escape: '\\' }),
  },
];

const rules: readonly Growing[] = [
  ignored('lines', 50, (n) => ['a/b\n!c\n'.repeat(n), 'x/y']),
  ignored('** in a pattern', 20, (n) => [`${'**/'.repeat(n)}x`, 'a/b/c/d']),
  ignored('** between names', 20, (n) => [`${'**/a/'.repeat(n)}x`, `${'a/'.repeat(30)}y`]),
  ignored('* in a pattern', 20, (n) => [`${'*a'.repeat(n)}b`, 'a'.repeat(50)]),
  ignored('classes', 20, (n) => [`${'[a-z]'.repeat(n)}*b`, 'a'.repeat(50)]),
  ignored('members of a class', 20, (n) => [`[${'a-b'.repeat(n)}]*b`, 'cc']),
  ignored('a long name', 50, (n) => ['**/*x*x*y', 'x'.repeat(n)]),
  ignored('slashes', 50, (n) => [`a${'/'.repeat(n)}b`, 'a/b']),
  ignored('dots', 50, (n) => [`${'../'.repeat(n)}b`, 'b']),
  {
    title: 'a name beside a COPY pattern',
    n: 50,
    act: (size) => void globMatch('*a*a*a*b', 'a'.repeat(size) as ByteString),
  },
  {
    title: 'runs of a COPY pattern',
    n: 20,
    act: (size) => void globMatch(`${'*a'.repeat(size)}b`, 'a'.repeat(30) as ByteString),
  },
];

/** What an input is refused for counts as well: refusing must not take longer than reading. */
async function work({ act }: Growing, n: number): Promise<number> {
  return workOf('/src/dockerfile/', () => {
    try {
      act(n);
    } catch (error) {
      if (!(error instanceof TsbuildError)) throw error;
    }
  });
}

describe.each([
  ['S-33 L-001…L-049 a Dockerfile', files],
  ['S-33 L-050…L-060 a word', words],
  ['S-33 S-44 L-226 an ignore file', rules],
] as const)('%s takes work in proportion to its size:', (_, cases) => {
  it.each(cases)('$title', async (growing) => {
    await work(growing, growing.n);
    const small = await work(growing, growing.n);
    const large = await work(growing, growing.n * 16);
    expect(small).toBeGreaterThan(0);
    expect(large / small).toBeLessThan(18);
  });
});
