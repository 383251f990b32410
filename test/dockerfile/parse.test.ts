import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TsbuildError } from '../../src/core/index.ts';
import { checkDockerfile, excerpt, outlineOf, parseDockerfile } from '../../src/dockerfile/index.ts';
import { checkOptions } from '../support/check-options.ts';
import { expectGolden } from '../support/golden.ts';
import { projectRoot } from '../support/paths.ts';
import { runs } from '../support/series.ts';

const fixtures = join(projectRoot, 'fixtures/dockerfile');

function cases(kind: 'parse' | 'errors'): readonly string[] {
  return readdirSync(join(fixtures, kind)).sort();
}

function parseError(source: Uint8Array | string): TsbuildError {
  try {
    parseDockerfile(source, 'Dockerfile');
  } catch (error) {
    if (error instanceof TsbuildError) return error;
    throw error;
  }
  throw new Error('the Dockerfile was accepted');
}

/** Code, place, message, hint, and the lines with the columns marked. */
function describeError({ code, message, hint, at }: TsbuildError): string {
  if (at === undefined) throw new Error(`an error without a place: ${message}`);
  const { startLine, endLine, startColumn, endColumn } = at.range;
  const columns = startColumn === undefined ? '' : ` columns ${startColumn}…${endColumn ?? ''}`;
  const lines = at.lines.map((line) => `  | ${JSON.stringify(line.slice(0, 80))}`);
  const place = startLine === endLine ? `line ${startLine}` : `lines ${startLine}…${endLine}`;
  return [`${code} ${at.file} ${place}${columns}`, message, `hint: ${hint ?? '-'}`, ...lines, ''].join('\n');
}

describe('parse: L-001…L-020 L-030…L-035 L-040…L-049 L-080 L-100 L-124…L-127 L-150…L-160 L-190…L-203', () => {
  it.each(cases('parse'))('%s', (name) => {
    const folder = join(fixtures, 'parse', name);
    const { lines, ...rest } = parseDockerfile(readFileSync(join(folder, 'Dockerfile')), 'Dockerfile');
    expect(lines.length).toBeGreaterThan(0);
    expectGolden(join(folder, 'result.json'), `${JSON.stringify(rest, undefined, 2)}\n`);
  });
});

describe('errors: L-002 L-009…L-012 L-015…L-018 L-032…L-034 L-041 L-047 L-100 L-101 L-127 L-160 L-199…L-202', () => {
  it.each(cases('errors'))('%s', (name) => {
    const folder = join(fixtures, 'errors', name);
    const error = parseError(readFileSync(join(folder, 'Dockerfile')));
    expectGolden(join(folder, 'error.txt'), describeError(error));
  });
});

describe('parseDockerfile', () => {
  it('L-012 shows any range again', () => {
    const dockerfile = parseDockerfile('FROM a\nRUN b \\\n  c\nRUN d\n', 'Dockerfile');
    const range = dockerfile.stages[0]!.instructions[0]!.range;
    expect(excerpt(dockerfile, range)).toEqual({ file: 'Dockerfile', range, lines: ['RUN b \\', '  c'] });
  });

  it.each([
    ['docker/dockerfile:1', 'read'],
    ['  docker/dockerfile:1-labs and words ', 'read'],
    ['', 'the syntax directive asks for the frontend "example.com/x", which only BuildKit can run'],
    ['example.com/y z', 'BUILDKIT_SYNTAX asks for the frontend "example.com/y", which only BuildKit can run'],
  ])('L-034 L-090 BUILDKIT_SYNTAX=%j goes before the directive: %s', (syntax, outcome) => {
    const parse = () => parseDockerfile('# syntax=example.com/x\nFROM a\n', 'Dockerfile', { syntax });
    if (outcome === 'read') expect(parse().directives.syntax).toBe('example.com/x');
    else expect(parse).toThrow(outcome);
    expect(() => parseDockerfile('FROM a\n', 'Dockerfile', { syntax: 'example.com/y' })).toThrow(
      '"example.com/y"',
    );
  });

  it.each([
    ['docker/dockerfile', true],
    ['docker/dockerfile:1', true],
    ['docker/dockerfile:1.20', true],
    ['docker/dockerfile:1.7.0', true],
    ['docker/dockerfile:1-labs', true],
    ['docker/dockerfile:1.7-labs', true],
    ['docker/dockerfile:labs', true],
    ['docker/dockerfile:latest', true],
    ['docker/dockerfile:experimental', true],
    ['docker.io/docker/dockerfile:1', true],
    ['docker/dockerfile-upstream:master-labs', true],
    [`docker/dockerfile:1@sha256:${'a'.repeat(64)}`, true],
    ['docker/dockerfile:2', false],
    ['docker/dockerfile:1.x', false],
    ['docker/dockerfiles:1', false],
    ['evil.com/docker/dockerfile:1', false],
    ['docker/dockerfile:1@sha256:abc', false],
  ])('L-034 knows whether %s is its own language: %s', (reference, known) => {
    const parse = () => parseDockerfile(`# syntax=${reference}\nFROM a\n`, 'Dockerfile');
    if (known) expect(parse().directives.syntax).toBe(reference);
    else expect(parse).toThrow('only BuildKit can run');
  });

  it('S-33 L-002…L-008 reads, checks and outlines megabytes', () => {
    const many = 1 << 18;
    const inputs = {
      continuations: `FROM a\nRUN x${' \\\n'.repeat(many)}y\n`,
      'blank continuations': `FROM a\nRUN x \\\n${'\n'.repeat(many)}y\n`,
      comments: `FROM a\nRUN x \\\n${'#\n'.repeat(many)}y\n`,
      instructions: `FROM a\n${'RUN x\n'.repeat(many / 8)}`,
      heredoc: `FROM a\nRUN <<EOF\n${'EOF \n'.repeat(many)}EOF\n`,
      heredocs: `FROM a\nRUN ${'<<A '.repeat(10_000)}\n${'A\n'.repeat(10_000)}`,
      words: `FROM a\nENV ${`A=1${' '.repeat(100)}\\\n`.repeat(many / 64)}B=2\n`,
      quotes: `FROM a\nENV A=${`"$x" ' \\\n`.repeat(many / 8)}\n`,
      dollars: `FROM a\nRUN <<${'${a:-\\\n'.repeat(many / 8)}\n`,
      escapes: `FROM a\nRUN ${'\\'.repeat(65_000)}\n`,
      blanks: `FROM a\nRUN \\${' \t'.repeat(30_000)}x\n`,
      flags: `FROM a\nCOPY ${'--exclude=x \\\n'.repeat(20_000)} a b\n`,
      'heredocs one by one': `FROM a\n${'COPY <<A /a\n$X\nA\n'.repeat(many / 16)}`,
      'a heredoc that never ends': `FROM a\nRUN <<EOF\n${'x\n'.repeat(many)}`,
      'a heredoc after many that end': `FROM a\n${'RUN <<A\nA\n'.repeat(many / 16)}RUN <<B\n${'A\n'.repeat(many)}`,
      nesting: `FROM a\nENV A=${'${B:-\\\n'.repeat(many / 8)}x${'}\\\n'.repeat(many / 8)}\n`,
      'one line': `FROM a\nRUN ${'x'.repeat(many * 8)}\n`,
      NULs: '\0'.repeat(many * 8),
      'NULs in a comment': `#${'\0'.repeat(60_000)}\nFROM a\n`,
      'no UTF-8': Buffer.alloc(many * 4, 0xff),
      'no UTF-8 in lines': Buffer.alloc(many * 4, Buffer.from([0xc3, 0x0a])),
      'line ends': '\r\n'.repeat(many),
      marks: '\ufeff'.repeat(many),
      triggers: `FROM a\nONBUILD ${'ONBUILD '.repeat(8000)}RUN x\n`,
    };
    for (const [name, text] of Object.entries(inputs)) {
      try {
        const dockerfile = parseDockerfile(text, name);
        expect(dockerfile.stages).toHaveLength(1);
        checkDockerfile(dockerfile, checkOptions());
        outlineOf(dockerfile, checkOptions());
      } catch (error) {
        expect(error, name).toBeInstanceOf(TsbuildError);
      }
    }
  });
});

const fragments = fc.constantFrom(
  ...[
    'FROM a',
    'FROM a AS b',
    'RUN ',
    'COPY ',
    'ADD ',
    'ENV ',
    'LABEL ',
    'ARG ',
    'ONBUILD ',
    'HEALTHCHECK ',
    'CMD ',
  ],
  ...['EXPOSE ', 'VOLUME ', 'SHELL ', 'USER ', 'FOO ', '--mount=', '--from=', '--', '--interval=1s ', 'CMD '],
  ...[
    '\n',
    '\n',
    '\n',
    '\\\n',
    ' \\ \n',
    '\r\n',
    ' ',
    '\t',
    '# ',
    '#',
    '# escape=`\n',
    '`\n',
    '# syntax=x\n',
    '\u00a0',
  ],
  ...[
    '<<EOF',
    '<<-"EOF"',
    'EOF\n',
    '3<<X ',
    'X\n',
    '["a", "b"]',
    '[1]',
    '[',
    'a=b ',
    '=',
    '"',
    "'",
    '\\',
    '$',
    '${',
    '}',
  ],
  ...['a', 'b/', '.', 'type=cache,target=/x', ',', '\0', '\ufeff', 'é'],
);

describe('properties', () => {
  it('L-001…L-020 any bytes are a Dockerfile or a located TsbuildError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        accepts(bytes);
      }),
      runs(750),
    );
  });

  it('L-001…L-049 any mixture of the language is a Dockerfile or a located TsbuildError', () => {
    fc.assert(
      fc.property(fc.array(fragments, { maxLength: 40 }), (parts) => {
        accepts(parts.join(''));
        accepts(`FROM a\n${parts.join('')}`);
      }),
      runs(1250),
    );
  });

  it('L-004…L-008 continuations and comments do not change what an instruction is', () => {
    const word = fc.stringMatching(/^[a-z0-9=/.-]{1,6}$/).filter((text) => !text.startsWith('-'));
    const joint = fc.constantFrom(' ', ' \\\n', ' \\  \n', ' \\\r\n', ' \\\n# note\n', ' \\\n  # note \\\n');
    fc.assert(
      fc.property(fc.array(fc.tuple(word, joint), { minLength: 1, maxLength: 8 }), word, (pairs, last) => {
        const command = (text: string) => {
          const instruction = parseDockerfile(`FROM a\nRUN ${text}\n`, 'Dockerfile').stages[0]!
            .instructions[0]!;
          return instruction.kind === 'run' ? instruction.command : undefined;
        };
        const joined = pairs.map(([text, by]) => text + by).join('') + last;
        const plain = [...pairs.map(([text]) => text), last].join(' ');
        expect(command(joined)).toEqual(command(plain));
      }),
      runs(300),
    );
  });
});

function accepts(source: Uint8Array | string): void {
  try {
    parseDockerfile(source, 'Dockerfile');
  } catch (error) {
    if (!(error instanceof TsbuildError)) throw error;
    expect(['DOCKERFILE_SYNTAX', 'DOCKERFILE_UNSUPPORTED']).toContain(error.code);
    expect(error.at?.lines.length, error.message).toBe(
      (error.at?.range.endLine ?? 0) - (error.at?.range.startLine ?? 0) + 1,
    );
  }
}
