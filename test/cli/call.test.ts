import { existsSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';

import { TsbuildError } from '../../src/core/index.ts';
import { parseCall, type Call, type CallFlags } from '../../src/cli/call.ts';
import { tsbuild, tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';

const clean = 'FROM scratch\nLABEL name=value\n';
const dirty = 'FROM scratch AS Base\nCOPY a.log /\nCMD app \\\n  --flag\n';

describe('parseCall: C-25 L-263', () => {
  it.each<[CallFlags, Call['method'], Call['format']]>([
    [{}, 'build', 'text'],
    [{ call: 'build' }, 'build', 'text'],
    [{ check: true }, 'check', 'text'],
    [{ check: true, call: 'check' }, 'check', 'text'],
    [{ call: 'lint' }, 'check', 'text'],
    [{ call: 'check,format=json' }, 'check', 'json'],
    [{ call: 'outline,format=json' }, 'outline', 'json'],
    [{ call: 'outline', format: 'json' }, 'outline', 'json'],
    [{ check: true, format: 'json' }, 'check', 'json'],
    [{ call: 'targets,format=text', format: 'json' }, 'targets', 'text'],
    [{ call: 'subrequests.describe' }, 'subrequests.describe', 'text'],
  ])('%j is %s in %s', (flags, method, format) => {
    expect(parseCall(flags)).toEqual({ method, format });
  });

  it.each<[CallFlags, string]>([
    [{ call: '' }, 'unknown method ""'],
    [{ call: 'chek' }, 'unknown method "chek"'],
    [{ call: 'toString' }, 'unknown method "toString"'],
    [{ call: 'check,format=yaml' }, 'unknown option "format=yaml"'],
    [{ call: 'check,json' }, 'unknown option "json"'],
    [{ call: 'targets', check: true }, '--check and --call ask for different things'],
    [{ format: 'json' }, '--format is for --call and --check'],
    [{ call: 'build,format=json' }, '--format is for --call and --check'],
  ])('%j is refused', (flags, message) => {
    expect(() => parseCall(flags)).toThrow(TsbuildError);
    expect(() => parseCall(flags)).toThrow(message);
  });
});

describe('build --check and --call', () => {
  const { path: noStore } = tempFolder('no-store');
  const cli = tsbuild(`${noStore}/none`);

  it('C-25 L-264 --check shows rule, place and lines, ends with 1, and makes no store', async () => {
    const context = makeContext({ Dockerfile: dirty, '.dockerignore': '*.log\n' });
    const { status, stdout, stderr } = await cli.run(['build', '--check', context]);
    expect({ status, stderr }).toEqual({ status: 1, stderr: '' });
    expect(stdout).toBe(
      [
        `${context}/Dockerfile:1`,
        '  >>> 1 | FROM scratch AS Base',
        'StageNameCasing: stage name "Base" has upper-case letters',
        '',
        `${context}/Dockerfile:2`,
        '  >>> 2 | COPY a.log /',
        'CopyIgnoredFile: COPY takes "a.log", which .dockerignore leaves out of the context',
        '',
        `${context}/Dockerfile:3`,
        '  >>> 3 | CMD app \\',
        '  >>> 4 |   --flag',
        'JSONArgsRecommended: CMD in shell form does not pass signals on to the program',
        '  hint: write it as a JSON array: CMD ["program", "argument"]',
        '',
        'check complete: 3 findings, explained in docs/checks.md',
        '',
      ].join('\n'),
    );
    expect(existsSync(`${noStore}/none`)).toBe(false);
  });

  it('C-25 --check of a file without findings ends with 0', async () => {
    const context = makeContext({ Dockerfile: clean });
    const { status, stdout } = await cli.run(['build', '--check', context]);
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'check complete: no findings\n' });
  });

  it('C-25 --check of a file with a syntax error is that error', async () => {
    const context = makeContext({ Dockerfile: 'FROM scratch\nCOPPY a b\n' });
    const { status, stdout, stderr } = await cli.run(['build', '--check', context]);
    expect({ status, stdout }).toEqual({ status: 3, stdout: '' });
    expect(stderr).toContain('did you mean COPY?');
  });

  it('L-264 as JSON has rule, description, URL, level and location', async () => {
    const context = makeContext({ Dockerfile: dirty });
    const { status, stdout } = await cli.run(['build', '--call=check,format=json', context]);
    expect(status).toBe(1);
    const { warnings, sources } = JSON.parse(stdout) as { warnings: unknown[]; sources: unknown };
    expect(sources).toEqual([{ fileName: `${context}/Dockerfile`, language: 'Dockerfile' }]);
    expect(warnings).toHaveLength(2);
    expect(warnings[1]).toEqual({
      ruleName: 'JSONArgsRecommended',
      description: expect.stringMatching(/^CMD and ENTRYPOINT are JSON arrays/) as string,
      url: 'docs/checks.md#jsonargsrecommended',
      detail: expect.stringMatching(/^CMD in shell form/) as string,
      level: 1,
      location: {
        sourceIndex: 0,
        ranges: [{ start: { line: 3, character: 0 }, end: { line: 4, character: 0 } }],
      },
    });
  });

  it('L-035 the build arg goes before the line of the file, and unknown rules are told of', async () => {
    const context = makeContext({ Dockerfile: `# check=skip=all\n${dirty}` });
    const check = (value: string) =>
      cli.run(['build', '--check', '--build-arg', `BUILDKIT_DOCKERFILE_CHECK=${value}`, context]);
    expect((await cli.run(['build', '--check', context])).status).toBe(0);
    expect((await check('skip=StageNameCasing,JSONArgsRecommended')).status).toBe(0);
    const mistyped = await check('skip=StageNameCase');
    expect(mistyped.status).toBe(1);
    expect(mistyped.stderr).toBe(
      'warning: unknown build check "StageNameCase", did you mean StageNameCasing?\n',
    );
  });

  it('L-263 a target narrows what is checked', async () => {
    const text = 'FROM scratch AS one\nCMD a\nFROM scratch AS two\nCMD b\n';
    const context = makeContext({ Dockerfile: text });
    const { stdout } = await cli.run(['build', '--check', '--target', 'one', context]);
    expect(stdout).toContain('check complete: 1 finding,');
    expect((await cli.run(['build', '--check', '--target', 'on', context])).stderr).toContain(
      'did you mean one?',
    );
  });

  const described = [
    '# TAG of the base',
    'ARG TAG=1',
    '# build makes it all',
    'FROM example.com/base:$TAG AS build',
    'ARG FLAVOUR',
    'RUN --mount=type=secret,id=token,required --mount=type=ssh make',
    'FROM scratch',
    '',
  ].join('\n');

  it('L-263 --call=outline shows args, secrets and ssh of the target', async () => {
    const context = makeContext({ Dockerfile: described });
    const outline = (...flags: string[]) => cli.ok(['build', ...flags, context]);
    expect(await outline('--call=outline', '--target=build', '--build-arg', 'TAG=2')).toBe(
      [
        'TARGET:        build',
        'DESCRIPTION:   makes it all',
        '',
        'BUILD ARG   VALUE   DESCRIPTION',
        'TAG         2       of the base',
        'FLAVOUR',
        '',
        'SECRET   REQUIRED',
        'token    required',
        '',
        'SSH       REQUIRED',
        'default',
      ].join('\n'),
    );
    expect(await outline('--call', 'outline')).toBe('nothing to give: no build args, secrets or ssh');
    expect(
      JSON.parse(await outline('--call', 'outline', '--target=build', '--format', 'json')),
    ).toMatchObject({
      name: 'build',
      description: 'makes it all',
      args: [{ name: 'TAG', value: '1', description: 'of the base' }, { name: 'FLAVOUR' }],
      secrets: [{ name: 'token', required: true, location: { ranges: [{ start: { line: 6 } }] } }],
      ssh: [{ name: 'default', required: false }],
    });
  });

  it('L-263 --call=targets lists the stages', async () => {
    const context = makeContext({ Dockerfile: described });
    expect(await cli.ok(['build', '--call=targets', context])).toBe(
      [
        'TARGET        BASE                    DESCRIPTION',
        'build         example.com/base:$TAG   makes it all',
        '- (default)   scratch',
      ].join('\n'),
    );
    expect(JSON.parse(await cli.ok(['build', '--call=targets,format=json', context]))).toMatchObject({
      targets: [
        { name: 'build', default: false, base: 'example.com/base:$TAG', description: 'makes it all' },
        { default: true, base: 'scratch' },
      ],
    });
  });

  it('L-263 --call=subrequests.describe lists the calls', async () => {
    const context = makeContext({});
    const calls = await cli.ok(['build', '--call=subrequests.describe', context]);
    expect(calls.split('\n').map((line) => line.split(' ')[0])).toEqual([
      'NAME',
      'build',
      'check',
      'outline',
      'targets',
      'subrequests.describe',
    ]);
    const json = await cli.ok(['build', '--call=subrequests.describe,format=json', context]);
    expect(JSON.parse(json)).toContainEqual({ name: 'targets', description: 'List the stages' });
  });
});

describe('checks of a build', () => {
  requires('root', 'overlay', 'tool:busybox');
  let cli: Tsbuild;
  beforeAll(async () => {
    cli = await tsbuildWithBusybox();
  });

  it('L-264 tells findings as warnings with their place, and builds', async () => {
    const context = makeContext({ Dockerfile: dirty, 'a.log': 'a' });
    const { status, stderr } = await cli.run(['build', context]);
    expect(status, stderr).toBe(0);
    const warnings = stderr.split('\n').filter((line) => line.startsWith('warning: '));
    expect(warnings).toEqual([
      `warning: ${context}/Dockerfile:1: StageNameCasing: stage name "Base" has upper-case letters`,
      expect.stringMatching(`^warning: ${context}/Dockerfile:3: JSONArgsRecommended: CMD in shell form`),
    ]);
  });

  it('L-250 knows the environment of its base images, as --check knows those of the store', async () => {
    const text = 'FROM busybox:1\nLABEL a=$NEITHER_HERE_NOR_THERE path=$PATH\n';
    const context = makeContext({ Dockerfile: text });
    const finding = 'UndefinedVar: $NEITHER_HERE_NOR_THERE is used, but nothing has set it';
    expect((await cli.run(['build', context])).stderr).toContain(finding);
    expect((await cli.run(['build', '--check', context])).stdout).toContain(finding);
    const unknown = makeContext({ Dockerfile: text.replace('busybox:1', 'example.com/unknown') });
    expect((await cli.run(['build', '--check', unknown])).status).toBe(0);
  });

  it('L-262 error=true fails before anything runs', async () => {
    const context = makeContext({
      Dockerfile: `# check=error=true\nFROM busybox:1 as a\nRUN echo ran\nCMD a\n`,
    });
    const { status, stderr } = await cli.run(['build', context]);
    expect(status).toBe(3);
    expect(stderr).toContain(
      'tsbuild: lint violation found for rules: FromAsCasing, JSONArgsRecommended [DOCKERFILE_CHECK]',
    );
    expect(stderr).toContain('warning: ');
    expect(stderr).not.toContain(' ran\n');
  });

  it('L-250 tells what explains a plan that fails', async () => {
    const context = makeContext({ Dockerfile: 'ARG NAME=busybox:1\nFROM $NAEM\n' });
    const { status, stderr } = await cli.run(['build', context]);
    expect(status).toBe(3);
    expect(stderr).toContain('FROM uses NAEM, which no ARG declares (did you mean NAME?)');
    expect(stderr).toContain('[DOCKERFILE_INVALID]');
  });

  it('L-253 tells of a base image for another platform, once', async () => {
    const context = makeContext({
      Dockerfile: 'FROM --platform=linux/s390x busybox:1 AS s390x\nLABEL a=b\n',
    });
    const { stderr } = await cli.run(['build', context]);
    expect(stderr.split('\n').filter((line) => /s390x.*amd64|amd64.*s390x/.test(line))).toHaveLength(1);
    const { status, stdout } = await cli.run(['build', '--check', context]);
    expect(status).toBe(1);
    expect(stdout).toContain('InvalidBaseImagePlatform: base image busybox:1 is for linux/amd64');
  });
});
