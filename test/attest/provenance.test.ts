import { describe, expect, it } from 'vitest';

import { provenanceOf } from '../../src/attest/index.ts';
import type { BuildParameters, ProvenanceRequest } from '../../src/attest/types.ts';
import { digestOf, type Json } from '../../src/core/index.ts';
import { parseDockerfile, parseGitContext } from '../../src/dockerfile/index.ts';
import { statementOf } from '../../src/image/index.ts';
import { watchSources } from '../../src/source/index.ts';
import type { FetchedSource, GitCommit, Sources } from '../../src/source/types.ts';
import { planCase, type PlanCase } from '../support/plan-text.ts';
import { slsa02, slsa1 } from '../support/slsa-schema.ts';

const request: ProvenanceRequest = {
  ...{ mode: 'min', version: 'v1', builderId: '', reproducible: false, filename: 'provenance.json' },
};
const commit = '0123456789012345678901234567890123456789' as GitCommit;
const secret = 'hunter2';

interface Case extends PlanCase {
  readonly request?: Partial<ProvenanceRequest>;
  readonly parameters?: Partial<BuildParameters>;
  readonly fetched?: readonly FetchedSource[];
}

async function predicate(dockerfile: string, given: Case = {}): Promise<Json> {
  const { plan } = await planCase(dockerfile, given);
  return provenanceOf(
    { ...request, ...given.request },
    {
      parameters: { context: '/home/grace/project', ...given.parameters },
      plan,
      dockerfile: parseDockerfile(dockerfile, '/home/grace/project/Dockerfile'),
      fetched: given.fetched ?? [],
      moments: {
        invocation: 'one',
        started: new Date('2026-01-01T00:00:00Z'),
        finished: new Date('2026-01-01T00:00:09Z'),
      },
    },
  ).predicate;
}

const confidential: Case = {
  buildArgs: { TOKEN: secret },
  parameters: {
    file: '/home/grace/secret-project/Dockerfile',
    target: 'app',
    buildArgs: new Map([['TOKEN', secret]]),
    labels: [['owner', `label-${secret}`]],
    secrets: new Map([['npmrc-id', {}]]),
    ssh: new Map([['deploy-key', {}]]),
    namedContexts: [{ name: 'ads-sources' }],
    extraHosts: [{ name: 'db.internal' }],
  },
};
const dockerfile = `FROM alpine:3 AS app
ARG TOKEN
RUN --mount=type=secret,id=npmrc-id make ${secret}
`;
const words = [
  secret,
  'npmrc-id',
  'deploy-key',
  'ads-sources',
  'db.internal',
  'grace',
  '/home',
  'secret-project',
];

describe('provenance', () => {
  it('O-80 S-63 min tells nothing confidential, and that it leaves something out', async () => {
    for (const version of ['v1', 'v0.2'] as const) {
      const text = JSON.stringify(await predicate(dockerfile, { ...confidential, request: { version } }));
      expect(words.filter((word) => text.includes(word))).toEqual([]);
      expect(text).not.toContain(Buffer.from(dockerfile).toString('base64').slice(0, 40));
    }
    const { buildDefinition, runDetails } = slsa1.parse(await predicate(dockerfile, confidential));
    expect(buildDefinition.externalParameters.request.args).toEqual({ target: 'app' });
    expect(runDetails.metadata.tsbuild_completeness.request).toBe(false);
    const plain = slsa1.parse(await predicate('FROM alpine:3\n'));
    expect(plain.runDetails.metadata.tsbuild_completeness.request).toBe(true);
  });

  it('O-80 max tells arguments, ids, steps and the Dockerfile, and no path of the host', async () => {
    const told = await predicate(dockerfile, { ...confidential, request: { mode: 'max' } });
    const { buildDefinition, runDetails } = slsa1.parse(told);
    const { request: asked } = buildDefinition.externalParameters;
    expect(asked.args['build-arg:TOKEN']).toBe(secret);
    expect([asked.secrets, asked.ssh]).toEqual([[{ id: 'npmrc-id' }], [{ id: 'deploy-key' }]]);
    expect(buildDefinition.internalParameters.buildConfig?.steps.map(({ op }) => op.kind)).toEqual([
      'image',
      'run',
    ]);
    const { source } = { source: runDetails.metadata.tsbuild_source };
    expect(Buffer.from(source?.data ?? '', 'base64').toString()).toBe(dockerfile.trimEnd());
    expect(source?.filename).toBe('Dockerfile');
    expect(JSON.stringify(told)).not.toMatch(/grace|\/home|secret-project/);
  });

  it('O-80 names what was used by digest, whatever came from elsewhere', async () => {
    const git = { remote: 'https://git.example/lib.git', ref: 'v1' };
    const fetched: FetchedSource[] = [
      {
        kind: 'git',
        source: { ...git, keepGitDir: false, submodules: true, fetchByCommit: false, mtime: 'checkout' },
        commit,
      },
      { kind: 'http', source: { url: 'https://dl.example/a.tar' }, digest: digestOf('a') },
    ];
    const text =
      'FROM debian:12 AS a\nFROM localhost:5000/team/tool@sha256:' +
      'a'.repeat(64) +
      ' AS b\nFROM a\nCOPY --from=b / /b\n';
    const { buildDefinition } = slsa1.parse(await predicate(text, { fetched }));
    expect(buildDefinition.resolvedDependencies).toEqual([
      {
        uri: 'pkg:docker/debian@12?platform=linux%2Famd64',
        digest: { sha256: digestOf('debian:12 manifest').slice(7) },
      },
      {
        uri: `pkg:docker/localhost:5000/team/tool@sha256:${'a'.repeat(64)}?platform=linux%2Famd64`,
        digest: { sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string },
      },
      { uri: 'https://git.example/lib.git#v1', digest: { sha1: commit } },
      { uri: 'https://dl.example/a.tar', digest: { sha256: digestOf('a').slice(7) } },
    ]);
  });

  it('O-80 says where a layout lies to nobody', async () => {
    const contexts = { base: { kind: 'layout', path: '/home/grace/layout' } } as const;
    const { buildDefinition } = slsa1.parse(
      await predicate('FROM base\n', { contexts, request: { mode: 'max' } }),
    );
    // As the resolver names it.
    expect(JSON.stringify(buildDefinition.resolvedDependencies)).not.toContain('oci-layout://');
  });

  it('O-80 a repository as context is the source of the build', async () => {
    const context = 'https://git.example/app.git#main:server';
    const source = parseGitContext(context)!;
    const { buildDefinition, runDetails } = slsa1.parse(
      await predicate('FROM alpine:3\nCOPY . /\nRUN --network=none make\n', {
        parameters: { context, file: 'docker/Dockerfile' },
        fetched: [{ kind: 'git', source, commit }],
      }),
    );
    expect(buildDefinition.externalParameters.configSource).toEqual({
      uri: 'https://git.example/app.git#main',
      digest: { sha1: commit },
      path: 'docker/Dockerfile',
    });
    expect(buildDefinition.externalParameters.request.locals).toBeUndefined();
    const { tsbuild_hermetic: hermetic, tsbuild_completeness: completeness } = runDetails.metadata;
    expect([hermetic, completeness.resolvedDependencies]).toEqual([true, true]);
  });

  it.each([
    ['FROM alpine:3\nRUN --network=none true\n', true, true],
    ['FROM alpine:3\nRUN true\n', false, true],
    ['FROM alpine:3\nCOPY a /\n', false, false],
  ])('O-80 says whether all that was used is named: %j', async (text, hermetic, complete) => {
    const { metadata } = slsa1.parse(await predicate(text)).runDetails;
    expect(metadata.tsbuild_hermetic).toBe(hermetic);
    expect(metadata.tsbuild_completeness.resolvedDependencies).toBe(complete);
  });

  it.each([
    [{ capabilities: ['CAP_KILL'] }, true],
    [{ volumes: [{ source: '/home/grace/m2' }] }, false],
    [{ hooks: ['sha256:1'] }, false],
  ])('O-80 C-46 says that steps were given more, and nothing of the machine: %j', async (given, complete) => {
    const told = await predicate('FROM alpine:3\nRUN --network=none true\n', {
      given,
      request: { mode: 'max' },
    });
    const { metadata } = slsa1.parse(told).runDetails;
    expect(metadata.tsbuild_completeness).toEqual({ request: false, resolvedDependencies: complete });
    expect(metadata.tsbuild_hermetic).toBe(complete);
    expect(JSON.stringify(told)).not.toContain('grace');
  });

  it('O-84 strips credentials from every URL, wherever it stands', async () => {
    const url = `https://grace:${secret}@git.example/app.git`;
    const text = `FROM alpine:3\nADD https://grace:${secret}@dl.example/a.tar /\nRUN git clone ${url}\n`;
    const fetched: FetchedSource[] = [
      { kind: 'git', source: parseGitContext(`${url}#main`)!, commit },
      { kind: 'http', source: { url: `https://grace:${secret}@dl.example/a.tar` }, digest: digestOf('a') },
    ];
    for (const mode of ['min', 'max'] as const) {
      for (const version of ['v1', 'v0.2'] as const) {
        const parameters = { context: `${url}#main`, buildArgs: new Map([['REPO', url]]) };
        const told = JSON.stringify(
          await predicate(text, { parameters, fetched, request: { mode, version } }),
        );
        expect(told).toContain('https://git.example/app.git#main');
        const decoded = told.replace(/"data":"([^"]*)"/, (_, data: string) =>
          Buffer.from(data, 'base64').toString(),
        );
        expect(decoded).not.toContain(secret);
      }
    }
  });

  it('O-80 v0.2 has the same in its older words', async () => {
    const told = slsa02.parse(
      await predicate(dockerfile, {
        ...confidential,
        request: { version: 'v0.2', mode: 'max', builderId: 'https://ci.example/run/1', reproducible: true },
      }),
    );
    expect(told.builder.id).toBe('https://ci.example/run/1');
    expect(told.metadata.reproducible).toBe(true);
    expect(told.invocation.parameters.args['build-arg:TOKEN']).toBe(secret);
    expect(told.materials.map(({ uri }) => uri)).toEqual(['pkg:docker/alpine@3?platform=linux%2Famd64']);
  });

  it('S-66 what was fetched is noted once, with what it was', async () => {
    const signal = new AbortController().signal;
    const fetcher: Sources = {
      git: { resolve: async () => commit, checkout: async () => 0 },
      http: {
        fetch: async () => ({ path: '/x', digest: digestOf('a'), size: 1, filename: 'a' }),
      },
    };
    const watched = watchSources(fetcher);
    const source = parseGitContext('https://git.example/app.git#main')!;
    await watched.sources.http.fetch({ url: 'https://dl.example/a' }, { signal });
    for (let i = 0; i < 2; i += 1) await watched.sources.git.resolve(source, { signal });
    expect(watched.fetched()).toEqual([
      { kind: 'git', source, commit },
      { kind: 'http', source: { url: 'https://dl.example/a' }, digest: digestOf('a') },
    ]);
  });
});

describe('statements', () => {
  const subject = [{ name: 'pkg:docker/app@1', digest: digestOf('manifest') }];

  it('O-80 name the image by its digest', () => {
    const text = Buffer.from(
      statementOf({ predicateType: 'https://slsa.dev/provenance/v1', predicate: {} }, subject),
    );
    expect(JSON.parse(text.toString())).toEqual({
      _type: 'https://in-toto.io/Statement/v1',
      predicateType: 'https://slsa.dev/provenance/v1',
      subject: [{ name: 'pkg:docker/app@1', digest: { sha256: digestOf('manifest').slice(7) } }],
      predicate: {},
    });
  });

  it('O-83 have at most 40 MiB', () => {
    const large = { predicateType: 'x', predicate: 'x'.repeat(40 * 2 ** 20) };
    expect(() => statementOf(large, subject)).toThrow(/has \d+ bytes, more than 41943040/);
  });
});

it('O-84 S-61 the values of queries of what was fetched are in no form of it', async () => {
  const url = 'https://files.example/a.tar?X-Signature=hunter2&part=1';
  const digest = digestOf('file');
  for (const mode of ['min', 'max'] as const) {
    const told = JSON.stringify(
      await predicate(`FROM scratch\nADD ${url} /\n`, {
        request: { mode },
        fetched: [{ kind: 'http', source: { url }, digest }],
      }),
    );
    expect(told).toContain('https://files.example/a.tar?X-Signature=xxxxx&part=xxxxx');
    expect(told).not.toContain('hunter2');
  }
});

it('O-84 S-61 also of stages that are not built, triggers and defaults of arguments', async () => {
  const url = 'https://a.example/f?key=hunter2';
  const stages = ['FROM scratch AS other', `ADD "${url}" /`, `ONBUILD ADD ["${url}", "/"]`, `ARG URL=${url}`];
  const text = [`ARG FIRST=${url}`, ...stages, 'FROM scratch', 'LABEL a=https://a.example/?b=c'].join('\n');
  const told = slsa1.parse(await predicate(text, { request: { mode: 'max' } }));
  const { data = '' } = told.runDetails.metadata.tsbuild_source ?? {};
  expect(Buffer.from(data, 'base64').toString()).toBe(text.replaceAll('hunter2', 'xxxxx'));
});

it.each([
  ['one that another begins with', ['https://a.example/f?one=1', 'https://a.example/f?one=1&key=hunter2']],
  ['one with signs of a replacement', ['https://a.example/$&/f?key=hunter2']],
])('O-84 S-61 the Dockerfile is told without the values of queries: %s', async (_, urls) => {
  const dockerfile = ['FROM scratch', ...urls.map((url) => `ADD ${url} /`)].join('\n');
  const told = slsa1.parse(await predicate(dockerfile, { request: { mode: 'max' } }));
  const { data = '' } = told.runDetails.metadata.tsbuild_source ?? {};
  const shown = urls.map((url) => `ADD ${url.replaceAll(/=[^&]+/g, '=xxxxx')} /`);
  expect(Buffer.from(data, 'base64').toString()).toBe(['FROM scratch', ...shown].join('\n'));
  expect(JSON.stringify(told)).not.toContain('hunter2');
});
