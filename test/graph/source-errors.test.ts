import { describe, expect, it } from 'vitest';

import { planCase } from '../support/plan-text.ts';
import { itRefuses, withTriggers, type PlanMistake } from '../support/plan-mistakes.ts';

/** What must be allowed, and all else that could be. */
const entitlements = [
  ['L-124', '--network=host', 'network.host', ['security.insecure', 'device']],
  ['L-125', '--security=insecure', 'security.insecure', ['network.host', 'device']],
  ['L-126', '--device=vendor.com/gpu=all,required', 'device', ['network.host', 'security.insecure']],
] as const;

const mistakes: readonly PlanMistake[] = [
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
    title: 'L-109 stages that need one another',
    text: 'FROM base AS one\nCOPY --from=two / /\nFROM base AS two\nCOPY --from=one / /',
    code: 'STAGE_NOT_FOUND',
    message: /"two", which is a later stage/,
  },
  {
    title: 'L-144 a mount from the own stage',
    text: 'FROM base AS me\nRUN --mount=from=me,target=/x true',
    code: 'STAGE_NOT_FOUND',
    message: 'RUN takes files from "me", which is this very stage',
  },
  {
    title: 'L-144 a mount from an image that does not exist',
    text: 'FROM base\nRUN --mount=from=missing,target=/x true',
    code: 'IMAGE_NOT_FOUND',
    message: 'no such image: missing',
  },
  ...entitlements.map(([id, flag, entitlement, others]) => ({
    title: `${id} C-28 S-32 RUN ${flag} that is not allowed`,
    text: `FROM base\nRUN ${flag} true`,
    options: { allow: others },
    code: 'ENTITLEMENT_REQUIRED',
    message: `RUN ${flag.replace(',required', '')} is not allowed`,
    hint: new RegExp(`--allow ${entitlement.replace('.', '\\.')}$`),
  })),
  {
    title: 'S-32 a trigger of the base that asks for what is not allowed',
    text: 'FROM base',
    options: withTriggers('RUN --security=insecure true'),
    code: 'ENTITLEMENT_REQUIRED',
    message: 'RUN --security=insecure is not allowed',
    at: 'ONBUILD trigger of base base:1',
  },
  {
    title: 'S-32 the host’s network where the build has none',
    text: 'FROM base\nRUN --network=host true',
    options: { network: 'none' },
    code: 'ENTITLEMENT_REQUIRED',
    message: 'RUN --network=host is not allowed',
  },
  {
    title: 'L-156 a checksum for several sources',
    text: `FROM base\nADD --checksum=sha256:${'0'.repeat(64)} https://example.org/a https://example.org/b /d/`,
    code: 'DOCKERFILE_INVALID',
    message: "checksum can't be specified for multiple sources",
    hint: /an ADD of its own/,
  },
  {
    title: 'L-156 a checksum for a source and a heredoc',
    text: `FROM base\nADD --checksum=sha256:${'0'.repeat(64)} https://example.org/a <<E /d/\nE`,
    code: 'DOCKERFILE_INVALID',
    message: "checksum can't be specified for multiple sources",
  },
  {
    title: 'L-156 a checksum for a file of the context',
    text: `FROM base\nADD --checksum=sha256:${'0'.repeat(64)} a /a`,
    code: 'DOCKERFILE_INVALID',
    message: 'checksum requires HTTP(S) or Git sources',
  },
  {
    title: 'L-156 a checksum that is no digest',
    text: 'FROM base\nADD --checksum=abc https://example.org/a /a',
    code: 'DIGEST_INVALID',
    message: /abc/,
  },
  {
    title: 'L-157 L-177 a repository whose query and flags contradict',
    text: 'FROM base\nADD --keep-git-dir=false git://example.org/a.git?keep-git-dir=true /a',
    code: 'SOURCE_INVALID',
    message: /keep-git-dir/,
  },
  {
    title: 'L-178 S-61 COPY of a URL with a password, which is not shown',
    text: 'FROM base\nCOPY https://ada:secret@example.org/x /x',
    code: 'DOCKERFILE_INVALID',
    message: "source can't be a URL for COPY: https://xxxxx@example.org/x",
  },
  {
    title: 'L-178 COPY of a URL beside --from',
    text: 'FROM base\nCOPY --from=base https://example.org/x /x',
    code: 'DOCKERFILE_INVALID',
    message: /^source can't be a URL for COPY/,
  },
  {
    title: 'L-222 a context whose image does not exist',
    text: '\nFROM tools',
    options: { contexts: { tools: { kind: 'image', reference: 'missing:1' } } },
    code: 'IMAGE_NOT_FOUND',
    message: 'no such image: missing:1',
  },
  {
    title: 'L-222 a context for a platform that is none',
    text: 'FROM tools',
    options: { contexts: { 'tools::a/b/c/d': { kind: 'local', name: 'tools' } } },
    code: 'USAGE',
    message: /not a platform: "a\/b\/c\/d"/,
    at: null,
  },
];

describe('a mistake about sources, or what is allowed', () => {
  itRefuses(mistakes);
});

describe('no mistake', () => {
  it('L-178 a folder of the context may be called like a repository', async () => {
    await expect(planCase('FROM base\nCOPY repo.git /x\nADD ./other.git /y')).resolves.toBeDefined();
  });

  it('L-109 is one in a stage that is not needed', async () => {
    await expect(planCase('FROM base\nRUN --security=insecure true\nFROM base')).resolves.toBeDefined();
  });
});
