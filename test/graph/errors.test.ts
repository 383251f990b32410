import { describe, expect, it } from 'vitest';

import { TsbuildError } from '../../src/core/index.ts';
import { planCase, type PlanCase } from '../support/plan-text.ts';

async function planError(text: string, options?: PlanCase): Promise<TsbuildError> {
  try {
    await planCase(text, options);
  } catch (error) {
    if (error instanceof TsbuildError) return error;
    throw error;
  }
  throw new Error('the plan was made');
}

/** Base triggers, for what ONBUILD brings in. */
function withTriggers(...triggers: readonly string[]): PlanCase {
  return { bases: { base: { config: { OnBuild: triggers } } } };
}

interface ErrorCase {
  readonly title: string;
  readonly text: string;
  readonly options?: PlanCase;
  readonly code: string;
  readonly message: string | RegExp;
  readonly hint?: RegExp;
  /** `Dockerfile:2` unless told; null for an error of the command line, which has no place. */
  readonly at?: string | null;
}

const mistakes: readonly ErrorCase[] = [
  {
    title: 'L-111 a base that expands to nothing',
    text: 'ARG A=1\nFROM $NOPE',
    code: 'DOCKERFILE_INVALID',
    message: 'base name ($NOPE) should not be blank',
    hint: /before the first FROM/,
  },
  {
    title: 'L-105 a platform that expands to nothing',
    text: 'ARG A=1\nFROM --platform=$NOPE base',
    code: 'DOCKERFILE_INVALID',
    message: 'empty platform value from expression $NOPE',
  },
  {
    title: 'L-105 a platform that is none',
    text: '\nFROM --platform=a/b/c/d base',
    code: 'USAGE',
    message: /platform/,
  },
  {
    title: 'L-110 C-05 a target that does not exist',
    text: 'FROM base AS build\nFROM base AS test',
    options: { target: 'biuld' },
    code: 'STAGE_NOT_FOUND',
    message: 'target stage "biuld" could not be found',
    hint: /did you mean build\?/,
    at: null,
  },
  {
    title: 'L-110 a target by number',
    text: 'FROM base AS build',
    options: { target: '0' },
    code: 'STAGE_NOT_FOUND',
    message: /"0"/,
    hint: /the stages are: build/,
    at: null,
  },
  {
    title: 'L-110 a target where no stage has a name',
    text: 'FROM base',
    options: { target: 'build' },
    code: 'STAGE_NOT_FOUND',
    message: /"build"/,
    hint: /FROM … AS name/,
    at: null,
  },
  {
    title: 'L-150 files from the own stage',
    text: 'FROM base AS me\nCOPY --from=ME / /',
    code: 'STAGE_NOT_FOUND',
    message: /"ME", which is this very stage/,
    hint: /earlier stages only/,
  },
  {
    title: 'L-150 files from a later stage',
    text: 'FROM base AS first\nCOPY --from=later / /\nFROM base AS later',
    options: { target: 'first' },
    code: 'STAGE_NOT_FOUND',
    message: /a later stage/,
  },
  {
    title: 'L-150 files from a stage by a number too high',
    text: 'FROM base\nCOPY --from=3 / /',
    code: 'STAGE_NOT_FOUND',
    message: /stage 3, which is not an earlier stage/,
    hint: /no stage before this one/,
  },
  {
    title: 'L-150 files from a mistyped stage',
    text: 'FROM base AS missing-one\nFROM base\nCOPY --from=missing-oen / /',
    code: 'STAGE_NOT_FOUND',
    message: /no stage and no image is called "missing-oen"/,
    hint: /did you mean the stage missing-one\?/,
    at: 'Dockerfile:3',
  },
  {
    title: 'a base that does not exist',
    text: 'FROM base AS a\nFROM missing',
    code: 'IMAGE_NOT_FOUND',
    message: 'no such image: missing',
  },
  {
    title: 'a mistake in a stage below',
    text: 'FROM base AS a\nEXPOSE x\nFROM a',
    code: 'DOCKERFILE_INVALID',
    message: /EXPOSE x/,
  },
  {
    title: 'L-165 several sources into a file',
    text: 'FROM base\nCOPY a b c',
    code: 'DOCKERFILE_INVALID',
    message: 'COPY of 2 sources needs a folder as destination',
    hint: /c\//,
  },
  {
    title: 'L-165 a source and a heredoc into a file',
    text: 'FROM base\nADD a <<E c\nE',
    code: 'DOCKERFILE_INVALID',
    message: 'ADD of 2 sources needs a folder as destination',
  },
  {
    title: 'L-178 COPY of a URL',
    text: 'FROM base\nCOPY https://example.org/x /x',
    code: 'DOCKERFILE_INVALID',
    message: /^source can't be a URL for COPY/,
    hint: /ADD/,
  },
  {
    title: 'L-178 COPY of a repository',
    text: 'FROM base\nCOPY git@github.com:a/b.git /x',
    code: 'DOCKERFILE_INVALID',
    message: /^source can't be a git ref for COPY/,
  },
  {
    title: 'L-200 a signal that is none',
    text: 'FROM base\nSTOPSIGNAL SIGNOPE',
    code: 'DOCKERFILE_INVALID',
    message: /SIGNOPE/,
  },
  {
    title: 'L-200 signal 0',
    text: 'FROM base\nSTOPSIGNAL 0',
    code: 'DOCKERFILE_INVALID',
    message: /signal: 0/,
  },
  {
    title: 'L-196 an empty volume',
    text: 'FROM base\nVOLUME $NOPE',
    code: 'DOCKERFILE_INVALID',
    message: /VOLUME/,
  },
  ...['x', '80-', '2-1', '65536', '80/icmp', '80/tcp/udp', '-1', ':'].map((port) => ({
    title: `L-195 EXPOSE ${port}`,
    text: `FROM base\nEXPOSE ${port}`,
    code: 'DOCKERFILE_INVALID',
    message: /^EXPOSE /,
    hint: /0 to 65535/,
  })),
  {
    title: 'L-128 a mount over the root',
    text: 'FROM base\nRUN --mount=type=tmpfs,target=/ true',
    code: 'DOCKERFILE_SYNTAX',
    message: 'invalid mount target "/"',
  },
  {
    title: 'L-128 a mount over the root, by way of the working directory',
    text: 'FROM base\nRUN --mount=type=cache,target=. true',
    code: 'DOCKERFILE_INVALID',
    message: 'invalid mount target "."',
  },
  {
    title: 'L-060 an expression that cannot be read',
    text: 'FROM base\nENV A=${B',
    code: 'DOCKERFILE_EXPANSION',
    message: /\$\{B/,
  },
  {
    title: 'L-053 a variable that must be set',
    text: 'FROM base\nWORKDIR ${V:?say which}',
    code: 'DOCKERFILE_EXPANSION',
    message: /say which/,
  },
  {
    title: 'L-202 a trigger of the base that asks for a stage that is not there',
    text: 'FROM base',
    options: withTriggers('RUN true', 'COPY --from=7 / /'),
    code: 'STAGE_NOT_FOUND',
    message: /stage 7/,
    at: 'ONBUILD trigger of base base:1',
  },
  {
    title: 'L-202 a trigger of the base that is no instruction',
    text: 'FROM base',
    options: withTriggers('NONSENSE x'),
    code: 'DOCKERFILE_SYNTAX',
    message: /NONSENSE/,
    at: 'ONBUILD trigger of base base:1',
  },
];

describe('a mistake', () => {
  it.each(mistakes)('$title', async ({ text, options, code, message, hint, at = 'Dockerfile:2' }) => {
    const error = await planError(text, options);
    expect(error).toMatchObject({ code });
    if (typeof message === 'string') expect(error.message).toBe(message);
    else expect(error.message).toMatch(message);
    if (hint !== undefined) expect(error.hint).toMatch(hint);
    const place = error.at === undefined ? null : `${error.at.file}:${error.at.range.startLine}`;
    expect(place).toBe(at);
  });
});

describe('no mistake', () => {
  it('L-178 a folder of the context may be called like a repository', async () => {
    await expect(planCase('FROM base\nCOPY repo.git /x\nADD ./other.git /y')).resolves.toBeDefined();
  });

  it('L-109 is one in a stage that is not needed', async () => {
    await expect(planCase('FROM base\nRUN --security=insecure true\nFROM base')).resolves.toBeDefined();
  });
});
