import { describe, expect, it } from 'vitest';

import { formatError } from '../../src/cli/report.ts';
import { TsbuildError } from '../../src/core/index.ts';

describe('an error on the terminal', () => {
  it('S-78 is one line with its code, and a hint', () => {
    const error = new TsbuildError('IMAGE_NOT_FOUND', 'no such image: ap', { hint: 'did you mean app?' });
    expect(formatError(error)).toBe(
      'tsbuild: no such image: ap [IMAGE_NOT_FOUND]\n  hint: did you mean app?\n',
    );
  });

  it('L-012 shows the line with a caret below the place', () => {
    const error = new TsbuildError('DOCKERFILE_SYNTAX', 'unknown flag: --form', {
      at: {
        file: 'Dockerfile',
        range: { startLine: 7, endLine: 7, startColumn: 5, endColumn: 11 },
        lines: ['COPY --form=x a b'],
      },
    });
    expect(formatError(error)).toBe(
      [
        'Dockerfile:7',
        '  >>> 7 | COPY --form=x a b',
        '        |      ^^^^^^',
        'tsbuild: unknown flag: --form [DOCKERFILE_SYNTAX]',
        '',
      ].join('\n'),
    );
  });

  it('L-012 keeps the caret below its word after a tab', () => {
    const at = {
      file: 'Dockerfile',
      range: { startLine: 1, endLine: 1, startColumn: 2, endColumn: 3 },
      lines: ['\tX y'],
    };
    expect(
      formatError(new TsbuildError('DOCKERFILE_SYNTAX', 'x', { at }))
        .split('\n')
        .slice(1, 3),
    ).toEqual(['  >>> 1 | \tX y', '        | \t ^']);
  });

  it('L-012 shows all lines of a long instruction, numbered, the caret below the first', () => {
    const error = new TsbuildError('RUN_FAILED', 'exit code: 1', {
      at: {
        file: 'a/Dockerfile',
        range: { startLine: 9, endLine: 11, startColumn: 0, endColumn: 4 },
        lines: ['RUN a && \\', '  b && \\', '  c'],
      },
    });
    expect(formatError(error).split('\n').slice(0, 5)).toEqual([
      'a/Dockerfile:9',
      '  >>>  9 | RUN a && \\',
      '         | ^',
      '  >>> 10 |   b && \\',
      '  >>> 11 |   c',
    ]);
  });

  it('says each cause once, and only what is new', () => {
    const deepest = new Error('getaddrinfo ENOTFOUND example');
    const middle = new Error('fetch failed', { cause: deepest });
    const error = new TsbuildError('REGISTRY_UNREACHABLE', 'cannot pull: fetch failed', { cause: middle });
    expect(formatError(error)).toBe(
      'tsbuild: cannot pull: fetch failed [REGISTRY_UNREACHABLE]\n  cause: getaddrinfo ENOTFOUND example\n',
    );
  });

  it('S-78 lets no text of others steer the terminal or pass for a hint', () => {
    const nasty = 'a\u001b]0;title\u0007\u009bK\rb\u202ec';
    const error = new TsbuildError('IMAGE_INVALID', `bad: ${nasty}\n  hint: run this`, {
      hint: nasty,
      cause: new Error(`${nasty} again`),
      at: { file: nasty, range: { startLine: 1, endLine: 1 }, lines: [nasty] },
    });
    const text = formatError(error);
    expect(text).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
    expect(text.split('\n').filter((line) => line.startsWith('  hint:'))).toHaveLength(1);
    expect(text).toContain(
      'bad: a\ufffd]0;title\ufffd\ufffdK\ufffdb\ufffdc\n      hint: run this [IMAGE_INVALID]',
    );
  });

  it('shows the stack of a defect, and asks to report it', () => {
    const text = formatError(new RangeError('impossible'));
    expect(text).toMatch(/^tsbuild: internal error: RangeError: impossible\n {4}at /);
    expect(text).toMatch(/hint: this is a defect of tsbuild/);
    expect(formatError('thrown text')).toContain('thrown text');
  });
});
