import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TsbuildError, type SourceExcerpt } from '../../src/core/index.ts';
import {
  checkDockerfile,
  checkFailure,
  checkNotes,
  checkRules,
  outlineOf,
  parseDockerfile,
  ruleUrl,
  targetsOf,
} from '../../src/dockerfile/index.ts';
import { checkOptions, type WrittenCheckOptions } from '../support/check-options.ts';
import { expectGolden } from '../support/golden.ts';
import { projectRoot } from '../support/paths.ts';
import { runs } from '../support/series.ts';

const fixtures = join(projectRoot, 'fixtures/dockerfile/checks');
const folders = readdirSync(fixtures).sort();

/** The rules by checklist row; the row of the settings is L-035, of the error mode L-262. */
const rows: Readonly<Record<string, string>> = {
  StageNameCasing: 'L-240',
  FromAsCasing: 'L-241',
  NoEmptyContinuation: 'L-242',
  ConsistentInstructionCasing: 'L-243',
  DuplicateStageName: 'L-244',
  ReservedStageName: 'L-245',
  JSONArgsRecommended: 'L-246',
  MaintainerDeprecated: 'L-247',
  UndefinedArgInFrom: 'L-248',
  WorkdirRelativePath: 'L-249',
  UndefinedVar: 'L-250',
  MultipleInstructionsDisallowed: 'L-251',
  LegacyKeyValueFormat: 'L-252',
  InvalidBaseImagePlatform: 'L-253',
  RedundantTargetPlatform: 'L-254',
  SecretsUsedInArgOrEnv: 'L-255 S-63',
  InvalidDefaultArgInFrom: 'L-256',
  FromPlatformFlagConstDisallowed: 'L-257',
  CopyIgnoredFile: 'L-258',
  InvalidDefinitionDescription: 'L-259',
  ExposeProtoCasing: 'L-260',
  ExposeInvalidFormat: 'L-261',
};

/** `JSONArgsRecommended` → `json-args-recommended` */
function folderPrefix(rule: string): string {
  return rule.replace(/(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/g, '-').toLowerCase();
}

function readCase(name: string) {
  const folder = join(fixtures, name);
  const optionsFile = join(folder, 'options.json');
  const written = existsSync(optionsFile)
    ? (JSON.parse(readFileSync(optionsFile, 'utf8')) as WrittenCheckOptions)
    : {};
  return {
    dockerfile: parseDockerfile(readFileSync(join(folder, 'Dockerfile')), 'Dockerfile'),
    options: checkOptions(written),
    expected: join(folder, 'expected.txt'),
  };
}

function place(at: SourceExcerpt | undefined): string {
  if (at === undefined) return '-';
  const { startLine, endLine } = at.range;
  return startLine === endLine ? `${startLine}` : `${startLine}-${endLine}`;
}

/** Findings, notes on the settings and the error of `error=true`, a line each, with what to do below. */
function report({ dockerfile, options }: ReturnType<typeof readCase>): string {
  try {
    const findings = checkDockerfile(dockerfile, options);
    const failure = checkFailure(dockerfile, options.buildArgs, findings);
    const lines = [
      ...checkNotes(dockerfile, options.buildArgs).map(({ message, at }) => `${place(at)} note: ${message}`),
      ...findings.map(
        ({ rule, message, detail, at }) =>
          `${place(at)} ${rule}: ${message}${detail === undefined ? '' : `\n  ${detail}`}`,
      ),
      ...(failure === undefined ? [] : [describeError(failure)]),
    ];
    return `${lines.length === 0 ? 'nothing' : lines.join('\n')}\n`;
  } catch (error) {
    if (!(error instanceof TsbuildError)) throw error;
    return `${describeError(error)}\n`;
  }
}

function describeError({ code, message, hint, at }: TsbuildError): string {
  return `${place(at)} ${code}: ${message}\n  ${hint ?? 'no hint'}`;
}

describe('the build checks: L-240…L-261', () => {
  for (const [index, rule] of checkRules.entries()) {
    const own = folders.filter((name) => name.startsWith(`${folderPrefix(rule.name)}-`));
    describe(`${rows[rule.name] ?? 'no row'} ${rule.name}`, () => {
      it.each(own)('%s', (name) => {
        const read = readCase(name);
        expectGolden(read.expected, report(read));
      });

      it('has cases that fire, that stay quiet and that are skipped', () => {
        const fires = own.filter((name) => report(readCase(name)).includes(` ${rule.name}: `));
        expect(fires.length, 'fires').toBeGreaterThan(0);
        expect(own.length - fires.length, 'quiet').toBeGreaterThan(1);
        expect(own.some((name) => name.endsWith('-skipped'))).toBe(true);
      });

      it('can be skipped by name and by a comment wherever it fires', () => {
        for (const name of own) {
          const { dockerfile, options } = readCase(name);
          const buildArgs = new Map([
            ...options.buildArgs,
            ['BUILDKIT_DOCKERFILE_CHECK', `skip=${rule.name}`],
          ]);
          const skipping = { ...options, buildArgs };
          expect(
            checkDockerfile(dockerfile, skipping).filter((finding) => finding.rule === rule.name),
          ).toEqual([]);
        }
      });

      it(`is number ${index} of the table, with a row, a description and a place in the docs`, () => {
        expect(rows[rule.name]).toMatch(/^L-2\d\d( S-63)?$/);
        expect(rule.description).toMatch(/^[A-Z].{10,120}\.$/);
      });
    });
  }

  it('are the 22 of the checklist, and every folder belongs to one of them or to the settings', () => {
    expect(checkRules.map((rule) => rule.name).sort()).toEqual(Object.keys(rows).sort());
    const prefixes = [...checkRules.map((rule) => folderPrefix(rule.name)), 'settings'];
    expect(folders.filter((name) => !prefixes.some((prefix) => name.startsWith(`${prefix}-`)))).toEqual([]);
  });
});

describe('settings of the checks: L-013 L-035 L-262', () => {
  it.each(folders.filter((name) => name.startsWith('settings-')))('%s', (name) => {
    const read = readCase(name);
    expectGolden(read.expected, report(read));
  });

  it('L-262 names every rule once, in the order of the file', () => {
    const text = '# check=error=true\nFROM scratch as Base\nMAINTAINER a\nMAINTAINER b\n';
    const dockerfile = parseDockerfile(text, 'Dockerfile');
    const failure = checkFailure(dockerfile, new Map(), checkDockerfile(dockerfile, checkOptions()));
    expect(failure?.code).toBe('DOCKERFILE_CHECK');
    expect(failure?.message).toBe(
      'lint violation found for rules: StageNameCasing, FromAsCasing, MaintainerDeprecated',
    );
    expect(failure?.at?.range.startLine).toBe(2);
  });
});

describe('a finding', () => {
  it('L-264 has rule, message, level and the lines themselves', () => {
    const dockerfile = parseDockerfile('FROM scratch\nCMD a \\\n  b\n', 'sub/Dockerfile');
    const range = { startLine: 2, endLine: 3 };
    expect(checkDockerfile(dockerfile, checkOptions())).toMatchObject([
      {
        rule: 'JSONArgsRecommended',
        level: 1,
        at: { file: 'sub/Dockerfile', range, lines: ['CMD a \\', '  b'] },
      },
    ]);
  });

  it('comes in the order of the lines', () => {
    const text = 'FROM scratch AS A\nMAINTAINER a\ncopy a /\nCMD a\nENV a b\n';
    const lines = checkDockerfile(parseDockerfile(text, 'Dockerfile'), checkOptions()).map(
      ({ at }) => at.range.startLine,
    );
    expect(lines).toEqual([1, 2, 3, 4, 5]);
  });
});

describe('docs/checks.md', () => {
  const docs = readFileSync(join(projectRoot, 'docs/checks.md'), 'utf8');

  it('L-264 has a section for every rule, where its URL points, with a bad and a good example', () => {
    const sections = new Map(
      docs.split(/^## /m).map((section) => [section.split('\n', 1)[0] ?? '', section]),
    );
    for (const { name } of checkRules) {
      const section = sections.get(name) ?? '';
      expect(ruleUrl(name)).toBe(`docs/checks.md#${name.toLowerCase()}`);
      expect(section.match(/^(?:Bad|Good)(?=[,:])/gm), name).toEqual(['Bad', 'Good']);
      expect(section.match(/^```dockerfile$/gm), name).toHaveLength(2);
    }
  });

  /** Blocks of a section, as Dockerfiles; what a rule needs beyond the text stands here. */
  const beyond: Readonly<Record<string, WrittenCheckOptions>> = {
    CopyIgnoredFile: { ignore: ['*.log'] },
    InvalidBaseImagePlatform: { bases: { 'example.com/tool:arm64': { architecture: 'arm64' } } },
  };

  it.each(checkRules.map((rule) => rule.name))(
    '%s: the bad example has the finding, the good one has none',
    (name) => {
      const section = docs.split(/^## /m).find((text) => text.startsWith(`${name}\n`)) ?? '';
      const [bad, good] = [...section.matchAll(/^```dockerfile\n([^]*?)^```$/gm)].map(([, text = '']) =>
        checkDockerfile(parseDockerfile(text, 'Dockerfile'), checkOptions(beyond[name])).map(
          ({ rule }) => rule,
        ),
      );
      expect(new Set(bad)).toEqual(new Set([name]));
      expect(good).toEqual([]);
    },
  );
});

const outlined = `
ARG inherited=box
ARG inherited2=box2
ARG unused=abc\${inherited2}
# sfx is a suffix
ARG sfx="usy\${inherited}"

FROM b\${sfx} AS first
# this is not assigned to anything
ARG FOO=123
# BAR is a number
ARG BAR=456
RUN --mount=type=secret,target=/etc/passwd,required=true --mount=type=ssh true

FROM alpine\${unused} AS second
ARG BAZ
RUN --mount=type=secret,id=unused --mount=type=ssh,id=ssh2 true

FROM scratch AS third
ARG ABC=a TARGETARCH
RUN --mount=type=secret,id=second\${BAR}\${ABC} true

# something else
# target defines build target
FROM third AS target
COPY --from=first /etc/passwd /
RUN --mount=type=ssh,id=ssh3,required true

FROM second
`;

describe('outlineOf: L-013 L-263', () => {
  const dockerfile = parseDockerfile(outlined, 'Dockerfile');
  const short = (items: readonly { name: string; range: { startLine: number } }[]) =>
    items.map(({ range, ...rest }) => ({ ...rest, line: range.startLine }));

  it('shows what the target and the stages it needs use, defaults replaced', () => {
    const outline = outlineOf(dockerfile, checkOptions({ target: 'target', buildArgs: { BAR: '678' } }));
    expect({
      ...outline,
      args: short(outline.args),
      secrets: short(outline.secrets),
      ssh: short(outline.ssh),
    }).toEqual({
      name: 'target',
      description: 'defines build target',
      args: [
        { name: 'inherited', value: 'box', description: undefined, line: 2 },
        { name: 'sfx', value: 'usybox', description: 'is a suffix', line: 6 },
        { name: 'FOO', value: '123', description: undefined, line: 10 },
        { name: 'BAR', value: '678', description: 'is a number', line: 12 },
        { name: 'ABC', value: 'a', description: undefined, line: 20 },
      ],
      secrets: [
        { name: 'passwd', required: true, line: 13 },
        { name: 'seconda', required: false, line: 21 },
      ],
      ssh: [
        { name: 'default', required: false, line: 13 },
        { name: 'ssh3', required: true, line: 27 },
      ],
    });
  });

  it('takes the last stage without a target', () => {
    const outline = outlineOf(dockerfile, checkOptions());
    expect(outline.name).toBeUndefined();
    expect(short(outline.args)).toEqual([
      { name: 'inherited2', value: 'box2', description: undefined, line: 3 },
      { name: 'unused', value: 'abcbox2', description: undefined, line: 4 },
      { name: 'BAZ', value: undefined, description: undefined, line: 16 },
    ]);
  });

  it('takes the last of several ARGs of one name', () => {
    const text =
      'ARG FOO=123\nARG ABC=abc\nARG DEF=def\nARG FOO=${FOO}${ABC}\nARG BAR=${FOO}456\nARG FOO=${FOO}456${BAR}\n' +
      'FROM scratch\nARG FOO\nARG INFOO=123\nARG INBAR=${INFOO}456\nARG INFOO=${INFOO}456${INBAR}\n';
    const { args } = outlineOf(parseDockerfile(text, 'Dockerfile'), checkOptions());
    expect(args.map(({ name, value }) => [name, value])).toEqual([
      ['ABC', 'abc'],
      ['BAR', '123abc456'],
      ['FOO', '123abc456123abc456'],
      ['INBAR', '123456'],
      ['INFOO', '123456123456'],
    ]);
  });

  it('L-263 knows no stage that is not there', () => {
    expect(() => outlineOf(dockerfile, checkOptions({ target: 'targt' }))).toThrow('target stage "targt"');
  });
});

describe('targetsOf: L-013 L-263', () => {
  it('lists the stages with descriptions, bases and the default', () => {
    const text = `
# build defines stage for compiling the binary
# check=skip=all
FROM --platform=$BUILDPLATFORM alpine AS build

# second is not this

FROM busybox as second
FROM alpine
# binary  returns the compiled binary
FROM second AS Binary
`;
    const targets = targetsOf(parseDockerfile(text, 'Dockerfile'));
    expect(targets.map(({ range, ...rest }) => ({ ...rest, line: range.startLine }))).toEqual([
      {
        name: 'build',
        default: false,
        description: 'defines stage for compiling the binary',
        base: 'alpine',
        platform: '$BUILDPLATFORM',
        line: 4,
      },
      {
        name: 'second',
        default: false,
        description: undefined,
        base: 'busybox',
        platform: undefined,
        line: 8,
      },
      {
        name: undefined,
        default: false,
        description: undefined,
        base: 'alpine',
        platform: undefined,
        line: 9,
      },
      {
        name: 'binary',
        default: true,
        description: 'returns the compiled binary',
        base: 'second',
        platform: undefined,
        line: 11,
      },
    ]);
  });
});

describe('properties', () => {
  const line = fc.constantFrom(
    ...[
      'FROM a AS b',
      'from $X as C',
      'FROM --platform=$P b',
      'ARG X=${Y:-1} Z',
      'ARG K=$K',
      'ENV A=$B c=$A',
    ],
    ...[
      'ENV a b',
      'COPY --from=b $A ${B:?no} /',
      'COPY . .',
      'ADD <<E $A',
      'E',
      'EXPOSE $A 1:2/TCP',
      'WORKDIR $A',
    ],
    ...[
      '# check=skip=all',
      '# check=experimental=all;skip=,',
      '# A b',
      'CMD x',
      'RUN --mount=type=secret,id=$A x',
    ],
    ...[
      'MAINTAINER x \\',
      '',
      'LABEL a=${A%%',
      'RUN --mount=from=0,target=/x x',
      'ONBUILD ARG Q',
      'SHELL ["a"]',
    ],
  );

  it('L-240…L-263 any Dockerfile that can be parsed can be checked and outlined', () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 25 }), (lines) => {
        try {
          const dockerfile = parseDockerfile(['FROM a', ...lines].join('\n'), 'Dockerfile');
          const options = checkOptions({ ignore: ['*', '!x'] });
          for (const { at } of checkDockerfile(dockerfile, options)) {
            expect(at.lines).toHaveLength(at.range.endLine - at.range.startLine + 1);
          }
          outlineOf(dockerfile, options);
          expect(targetsOf(dockerfile).filter((target) => target.default)).toHaveLength(1);
        } catch (error) {
          if (!(error instanceof TsbuildError)) throw error;
          expect(error.code).toBe('DOCKERFILE_SYNTAX');
        }
      }),
      runs(500),
    );
  });
});
