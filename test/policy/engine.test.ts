import { describe, expect, it } from 'vitest';

import { TsbuildError } from '../../src/core/index.ts';
import { parseSourcePolicy, sourceRules, type SourceRules } from '../../src/policy/index.ts';

interface RuleJson {
  readonly action: string | number;
  readonly selector: object;
  readonly updates?: object;
}

function rulesOf(...policies: readonly (readonly RuleJson[])[]): SourceRules {
  const read = policies.map((rules, index) =>
    parseSourcePolicy(JSON.stringify({ rules }), `p${index + 1}.json`),
  );
  return sourceRules(read);
}

function rule(action: string, identifier: string, to?: string, selector: object = {}): RuleJson {
  return {
    action,
    selector: { identifier, ...selector },
    ...(to === undefined ? {} : { updates: { identifier: to } }),
  };
}

function codeOf(action: () => unknown): string {
  try {
    return String(action());
  } catch (error) {
    return error instanceof TsbuildError ? error.code : String(error);
  }
}

const image = (path: string): string => `docker-image://docker.io/library/${path}`;
const busybox = image('busybox:latest');
const alpine = image('alpine:latest');
const pinned = `alpine:latest@sha256:${'c0'.repeat(32)}`;

describe('source policies', () => {
  it.each<readonly [string, readonly (readonly RuleJson[])[], string, string]>([
    ['no rule', [[]], 'busybox', 'busybox'],
    [
      'the last of ALLOW and DENY',
      [[rule('ALLOW', alpine), rule('DENY', image('*'))]],
      'alpine',
      'POLICY_DENIED',
    ],
    [
      'an ALLOW after a DENY',
      [[rule('ALLOW', busybox), rule('DENY', busybox), rule('ALLOW', busybox)]],
      'busybox',
      'busybox',
    ],
    ['a later policy', [[rule('ALLOW', busybox)], [rule('DENY', busybox)]], 'busybox', 'POLICY_DENIED'],
    ['every scheme', [[rule('DENY', '*')]], 'busybox', 'POLICY_DENIED'],
    ['a pin', [[rule('CONVERT', alpine, image(pinned))]], 'alpine', `docker.io/library/${pinned}`],
    [
      'an exact pin',
      [[rule('CONVERT', alpine, image(pinned), { match_type: 'EXACT' })]],
      'alpine',
      `docker.io/library/${pinned}`,
    ],
    [
      'what it became',
      [[rule('DENY', image('alpine:*')), rule('CONVERT', busybox, alpine)]],
      'busybox',
      'POLICY_DENIED',
    ],
    [
      'before what comes later',
      [[rule('CONVERT', busybox, alpine), rule('ALLOW', alpine), rule('DENY', busybox)]],
      'busybox',
      'docker.io/library/alpine:latest',
    ],
    [
      'a circle',
      [[rule('CONVERT', busybox, alpine), rule('CONVERT', alpine, busybox)]],
      'busybox',
      'POLICY_INVALID',
    ],
    [
      'a chain',
      [[rule('CONVERT', busybox, alpine), rule('CONVERT', alpine, image('debian:12'))]],
      'busybox',
      'docker.io/library/debian:12',
    ],
    [
      'what a wildcard took',
      [[rule('CONVERT', image('golang:*'), 'docker-image://mirror.example/go/golang:${1}-slim')]],
      'golang:1.19-slim-slim',
      'mirror.example/go/golang:1.19-slim-slim-slim',
    ],
    [
      'two wildcards, the first of which is greedy',
      [[rule('CONVERT', 'docker-image://docker.io/*/*', 'docker-image://m.example/${1}-${2}')]],
      'a/b/c:1',
      'm.example/a/b-c:1',
    ],
    [
      'a regular expression, from the dash of BuildKit on',
      [
        [
          rule(
            'CONVERT',
            String.raw`docker\-image://docker\.io/library/golang:(?P<tag>.*)`,
            'docker-image://m.example/go:${tag}',
            {
              matchType: 'REGEX',
            },
          ),
        ],
      ],
      'golang:1.19',
      'm.example/go:1.19',
    ],
    [
      'only what it matched',
      [[rule('CONVERT', 'docker[.]io/', 'm.example/$0', { match_type: 2 })]],
      'busybox:1',
      'POLICY_INVALID',
    ],
    ['another kind', [[rule('CONVERT', busybox, 'https://example.com/a')]], 'busybox', 'POLICY_INVALID'],
  ])('O-62 C-54 take %s', (_name, policies, name, taken) => {
    expect(codeOf(() => rulesOf(...policies).image(name))).toBe(taken);
  });

  it.each<readonly [string, object, boolean]>([
    ['a default condition', { key: 'http.checksum', value: `sha256:${'1'.repeat(64)}` }, true],
    ['another value', { key: 'http.checksum', value: 'x', condition: 'EQUAL' }, false],
    ['what is not there', { key: 'http.filename', condition: 0 }, true],
    ['NOTEQUAL', { key: 'http.checksum', value: '', condition: 'NOTEQUAL' }, true],
    ['MATCHES', { key: 'http.checksum', value: '^sha(256|512):', condition: 'MATCHES' }, true],
    ['MATCHES not', { key: 'http.checksum', value: '^$', condition: 2 }, false],
    ['no prototype', { key: 'constructor', value: '', condition: 'EQUAL' }, true],
  ])('O-62 hold a source to %s', (_name, constraint, isDenied) => {
    const selector = { identifier: 'https://*', constraints: [constraint] };
    const rules = rulesOf([{ action: 'DENY', selector }]);
    const source = { url: 'https://example.com/a', checksum: `sha256:${'1'.repeat(64)}` as const };
    const code = codeOf(() => rules.http(source as Parameters<SourceRules['http']>[0]).url);
    expect(code).toBe(isDenied ? 'POLICY_DENIED' : source.url);
  });

  it('O-62 give a URL its checksum and another address', () => {
    const checksum = `sha256:${'12'.repeat(32)}`;
    const selector = { identifier: 'https://example.com/*' };
    const rules = rulesOf([
      {
        action: 'CONVERT',
        selector,
        updates: { identifier: 'https://m.example/${1}', attrs: { 'http.checksum': checksum } },
      },
    ]);
    expect(rules.http({ url: 'https://example.com/a/b.tar?x=1' })).toEqual({
      url: 'https://m.example/a/b.tar?x=1',
      checksum,
    });
    expect(
      codeOf(() =>
        rulesOf([{ action: 'CONVERT', selector, updates: { attrs: { 'http.perm': '0700' } } }]).http({
          url: 'https://example.com/',
        }),
      ),
    ).toBe('POLICY_INVALID');
  });

  const commit = 'ab'.repeat(20);
  const options = { keepGitDir: false, submodules: true, fetchByCommit: false, mtime: 'checkout' } as const;
  it.each<readonly [string, string, object, string, object]>([
    [
      'https',
      'git://example.com/a/b.git#main',
      { identifier: `git://example.com/a/b.git#${commit}` },
      'https://example.com/a/b.git',
      { ref: commit },
    ],
    [
      'ssh, which has the same name',
      'git://example.com/a/b.git#main',
      { attrs: { 'git.checksum': commit } },
      'git@example.com:a/b.git',
      { checksum: commit },
    ],
    [
      'another host',
      'git://example.com/*',
      { identifier: 'git://m.example/$1' },
      'https://example.com/a/b.git',
      { remote: 'https://m.example/a/b.git' },
    ],
    [
      'another host by ssh',
      'git://example.com/*',
      { identifier: 'git://m.example/$1' },
      'git@example.com:a/b.git',
      { remote: 'ssh://git@m.example/a/b.git' },
    ],
    [
      'another address',
      'git://example.com/*',
      { attrs: { 'git.fullurl': 'https://m.example/c.git' } },
      'https://example.com/a/b.git',
      { remote: 'https://m.example/c.git' },
    ],
    [
      'no submodules',
      'git://*',
      { attrs: { 'git.skipsubmodules': 'true' } },
      'https://example.com/a/b.git',
      { submodules: false },
    ],
  ])('O-62 pin and move repositories: %s', (...[, identifier, updates, remote, changed]) => {
    const rules = rulesOf([{ action: 'CONVERT', selector: { identifier }, updates }]);
    const source = { ...options, remote, ref: 'main', subdir: undefined, checksum: undefined };
    expect(rules.git(source)).toEqual({ ...source, ...changed });
  });

  it('O-62 name the rule that denies, and no password', () => {
    const rules = rulesOf([rule('ALLOW', '*'), rule('DENY', 'https://*')]);
    expect(() => rules.http({ url: 'https://me:secret@example.com/a' })).toThrow(
      'https://xxxxx@example.com/a is denied by rule 2 of p1.json (DENY https://*)',
    );
    expect(codeOf(() => rulesOf([rule('DENY', 'local://*')]).local('context'))).toBe('POLICY_DENIED');
    expect(codeOf(() => rulesOf([rule('CONVERT', 'local://*', alpine)]).local('context'))).toBe(
      'POLICY_INVALID',
    );
    expect(
      codeOf(() =>
        rulesOf([rule('DENY', 'oci-layout:///srv/*:1')]).layout({ path: '/srv/a', reference: '1' }),
      ),
    ).toBe('POLICY_DENIED');
  });
});
