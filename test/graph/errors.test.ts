import { describe } from 'vitest';

import { itRefuses, withTriggers, type PlanMistake } from '../support/plan-mistakes.ts';

const mistakes: readonly PlanMistake[] = [
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
  ...['-x', 'a b', 'a\nb', 'x'.repeat(65), 'ä'].map((name) => ({
    title: `L-090 ${JSON.stringify(name.slice(0, 5))} as the name of a step’s host`,
    text: 'FROM base\nRUN true',
    options: { buildArgs: { BUILDKIT_SANDBOX_HOSTNAME: name } },
    code: 'USAGE',
    message: /^BUILDKIT_SANDBOX_HOSTNAME is not a host name/,
    at: null,
  })),
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
  itRefuses(mistakes);
});
