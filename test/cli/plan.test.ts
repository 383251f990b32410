import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';

import { dotText, mermaidText } from '../../src/cli/plan/graphs.ts';
import { planJson } from '../../src/cli/plan/json.ts';
import { treeText } from '../../src/cli/plan/tree.ts';
import { planBuild, type BuildForecast } from '../../src/plan.ts';
import { busyboxTar } from '../support/busybox.ts';
import { tsbuild, tsbuildWithBusybox, type Tsbuild } from '../support/cli.ts';
import { makeContext, writeContext } from '../support/context.ts';
import { expectGolden } from '../support/golden.ts';
import { readDot, readMermaid } from '../support/graph-text.ts';
import { listStore } from '../support/list-store.ts';
import { projectRoot } from '../support/paths.ts';
import { requires } from '../support/requires.ts';

const dockerfile = `
FROM busybox:1 AS deps
WORKDIR /src
ARG VERSION=1
COPY package.txt ./
RUN echo "install $VERSION" > installed

FROM deps AS compile
COPY lib lib
ENV MODE=fast
RUN cat lib/* installed > out && echo "$MODE" >> out

FROM busybox:1 AS never
RUN echo "not needed by the target"

FROM busybox:1
RUN --mount=type=bind,from=deps,source=/src,target=/deps cp /deps/installed /installed
COPY --from=compile /src/out /app/
COPY <<notes /notes
kept
notes
CMD ["cat", "/app/out"]
`.trimStart();

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);
const json = z.json();
const path = z.array(z.union([z.string(), z.number()]));
const change = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('changed'),
    path,
    before: json,
    after: json,
    inside: z.array(z.looseObject({ kind: z.enum(['changed', 'added', 'removed']), path })).optional(),
  }),
  z.strictObject({ kind: z.literal('added'), path, after: json }),
  z.strictObject({ kind: z.literal('removed'), path, before: json }),
  z.strictObject({ kind: z.literal('reordered'), path }),
]);
const place = { index: z.number(), id: digest };
const inputChange = z.discriminatedUnion('cause', [
  z.strictObject({ ...place, cause: z.literal('definition') }),
  z.strictObject({ ...place, cause: z.literal('anew') }),
  z.strictObject({ ...place, cause: z.literal('another') }),
  z.strictObject({
    ...place,
    cause: z.literal('selector'),
    before: z.string().optional(),
    after: z.string().optional(),
  }),
]);
const created = z.iso.datetime();
const reason = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('no-cache') }),
  z.strictObject({ kind: z.literal('first-time') }),
  z.strictObject({ kind: z.literal('lost') }),
  z.strictObject({ kind: z.literal('definition'), changes: z.array(change).min(1), created }),
  z.strictObject({ kind: z.literal('inputs'), inputs: z.array(inputChange).min(1), created }),
]);
const step = {
  id: digest,
  key: digest,
  name: z.string(),
  identity: z.string(),
  stage: z.string().nullable(),
  kind: z.enum(['scratch', 'image', 'run', 'copy', 'workdir', 'local', 'git', 'http', 'merge']),
  location: z.strictObject({ file: z.string(), line: z.number(), endLine: z.number() }).nullable(),
  inputs: z.array(z.strictObject({ id: digest, role: z.enum(['from', 'source', 'mount', 'layer']) })),
};
const missed = { ...step, why: z.string().min(1), reasons: z.array(reason).min(1) };
/** As docs/plan.md describes it. */
const planSchema = z.strictObject({
  version: z.literal(1),
  target: digest,
  platform: z.string(),
  summary: z.strictObject({ cached: z.number(), run: z.number(), maybe: z.number(), unneeded: z.number() }),
  steps: z.array(
    z.discriminatedUnion('status', [
      z.strictObject({ ...step, status: z.literal('cached'), cachedBy: z.enum(['definition', 'content']) }),
      z.strictObject({ ...step, status: z.literal('unneeded') }),
      z.strictObject({ ...missed, status: z.literal('maybe') }),
      z.strictObject({ ...missed, status: z.literal('run') }),
    ]),
  ),
});

describe('plan of a Dockerfile with several stages', () => {
  requires('root', 'overlay', 'tool:busybox');
  const files = { Dockerfile: dockerfile, 'package.txt': 'one\n', 'lib/a': 'a\n', 'lib/b': 'b\n' };
  const context = makeContext(files);
  let cli: Tsbuild;
  beforeAll(async () => {
    cli = await tsbuildWithBusybox();
  });

  type Options = Partial<Parameters<typeof planBuild>[0]>;

  /** The plan after changes to the context, which are undone. */
  async function planned(
    changed: Readonly<Record<string, string>> = {},
    options: Options = {},
  ): Promise<BuildForecast> {
    writeContext(context, changed);
    try {
      return await planBuild({ root: cli.root, context, ...options });
    } finally {
      for (const name of Object.keys(changed)) rmSync(join(context, name));
      writeContext(context, files);
    }
  }

  /** What differs between machines and runs, by the order in which it comes. */
  function stable(text: string): string {
    const digests = new Map<string, string>();
    return text
      .replaceAll(/sha256:(?:[0-9a-f]{64}|[0-9a-f]{12}(?![0-9a-f]))/g, (found) => {
        digests.set(found, digests.get(found) ?? `sha256:#${digests.size}`);
        return digests.get(found) ?? '';
      })
      .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
      .replaceAll(`${context}/`, '')
      .replaceAll(/"platform": "linux\/[^"]*"/g, '"platform": "linux/…"');
  }

  /** Compares the tree, and all formats where `formats` says so; the others must be well-formed. */
  function expectPlan(name: string, forecast: BuildForecast, formats: 'tree' | 'all' = 'all'): void {
    const golden = (suffix: string, text: string): void =>
      expectGolden(join(projectRoot, 'fixtures/cli/plan', `${name}.${suffix}`), stable(text));
    golden('txt', treeText(forecast, { width: undefined, paint: (_, text) => text }));
    const text = planJson(forecast);
    expect(planSchema.parse(JSON.parse(text))).toEqual(JSON.parse(text));
    const [flowchart, digraph] = [mermaidText(forecast), dotText(forecast)];
    expect(readMermaid(flowchart)).toEqual(readDot(digraph));
    if (formats === 'tree') return;
    golden('json', text);
    golden('mmd', flowchart);
    golden('dot', digraph);
  }

  it('goes with what the cache holds', async () => {
    expectPlan('first', await planned());
    await cli.ok(['build', '-q', context]);
    expectPlan('built', await planned());

    expectPlan('file-changed', await planned({ 'lib/a': 'changed\n' }));
    expectPlan('file-added', await planned({ 'lib/c': 'c\n' }), 'tree');
    expectPlan('arg-changed', await planned({}, { buildArgs: new Map([['VERSION', '2']]) }));
    const edit = (from: string, to: string): Readonly<Record<string, string>> => {
      expect(dockerfile).toContain(from);
      return { Dockerfile: dockerfile.replace(from, to) };
    };
    expectPlan('env-changed', await planned(edit('MODE=fast', 'MODE=slow LEVEL=3')));
    expectPlan('command-changed', await planned(edit('cat lib/*', 'sort lib/*')));
    expectPlan('step-inserted', await planned(edit('COPY lib', 'RUN echo more\nCOPY lib')), 'tree');
    expectPlan('mount-changed', await planned(edit('source=/src', 'source=/src/installed')), 'tree');
    expectPlan('heredoc-changed', await planned(edit('kept', 'changed')), 'tree');
    expectPlan('metadata-changed', await planned(edit('CMD', 'LABEL a=b\nCMD')), 'tree');
    expectPlan('no-cache', await planned({}, { noCache: true }), 'tree');
    expectPlan('no-cache-filter', await planned({}, { noCache: new Set(['compile']) }), 'tree');
    expectPlan('target', await planned({}, { target: 'compile' }), 'tree');
    expectPlan('other-target', await planned({}, { target: 'never' }), 'tree');

    await cli.ok([
      'build',
      '-q',
      '-t',
      'busybox:1',
      makeContext({ Dockerfile: 'FROM busybox:1\nRUN echo > /new' }),
    ]);
    expectPlan('base-changed', await planned());
  });
});

describe('the command', () => {
  requires('root', 'overlay', 'tool:busybox');
  let cli: Tsbuild;
  beforeAll(async () => {
    cli = await tsbuildWithBusybox();
  });

  it('runs nothing and leaves the store as it was', async () => {
    const context = makeContext({
      Dockerfile:
        'FROM busybox:1 AS a\nRUN echo a > /a\nFROM busybox:1\nCOPY --from=a /a /\nCOPY file /\nRUN false\n',
      file: 'one',
    });
    await cli.run(['build', context]);
    writeContext(context, { file: 'two' });
    const before = listStore(cli.root);
    for (const format of ['tree', 'json', 'mermaid', 'dot']) {
      const { status, stderr } = await cli.run(['plan', '--format', format, context]);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      await cli.ok(['plan', '--no-cache', '--format', format, context]);
    }
    expect(listStore(cli.root)).toEqual(before);
  });

  it('makes no store where there is none', async () => {
    const fresh = tsbuild(join(makeContext({}), 'none'));
    const context = makeContext({ Dockerfile: 'FROM scratch\nCOPY Dockerfile /\n' });
    const { status, stdout } = await fresh.run(['plan', context]);
    expect({ status, stdout }).toEqual({
      status: 0,
      stdout: 'stage-0 (target)\n└─ new  [1/1] COPY Dockerfile /\n\n1 step: 1 to run\n',
    });
    expect(() => listStore(fresh.root)).toThrow('ENOENT');
  });

  it('takes the flags of build that shape the plan', async () => {
    const context = makeContext({
      'other.Dockerfile':
        'ARG BASE\nFROM $BASE AS One\nARG A\nRUN echo $A\nFROM one\nRUN --network=none true\n',
    });
    const flags = [
      '-f',
      join(context, 'other.Dockerfile'),
      '--build-arg',
      'BASE=busybox:1',
      '--target',
      'one',
    ];
    const { status, stdout, stderr } = await cli.run(['plan', ...flags, '--build-arg', 'A=x', context]);
    expect(status).toBe(0);
    expect(stdout).toContain('RUN echo x\n');
    expect(stdout).toMatch(/^2 steps: /m);
    // The warnings of a build.
    expect(stderr).toContain('StageNameCasing');
  });

  it.each<[string, readonly string[], Readonly<Record<string, string>>]>([
    ['a Dockerfile that cannot be read', [], { Dockerfile: 'FROM busybox:1\nRUM true\n' }],
    ['no Dockerfile', [], {}],
    ['a missing source', [], { Dockerfile: 'FROM busybox:1\nCOPY none /\n' }],
    ['an unknown stage', ['--target', 'none'], { Dockerfile: 'FROM busybox:1\n' }],
    ['an unknown platform', ['--platform', 'x'], { Dockerfile: 'FROM busybox:1\n' }],
    ['a wrong build arg', ['--build-arg', '=x'], { Dockerfile: 'FROM busybox:1\n' }],
  ])('fails for %s as build does', async (_, flags, files) => {
    const context = makeContext(files);
    const [plan, build] = [
      await cli.run(['plan', ...flags, context]),
      await cli.run(['build', ...flags, context]),
    ];
    expect(plan.status).toBeGreaterThan(0);
    expect({ ...plan }).toEqual({ ...build });
  });

  it('fails for a context that is not there, an unknown format and a flag of build that plans nothing', async () => {
    const context = makeContext({ Dockerfile: 'FROM scratch\n' });
    const missing = await cli.run(['plan', `${context}/none`]);
    expect(missing).toEqual(await cli.run(['build', `${context}/none`]));
    expect(missing.stderr).toContain('[CONTEXT_NOT_FOUND]');
    const format = await cli.run(['plan', '--format', 'yaml', context]);
    expect(format.status).toBe(2);
    expect(format.stderr).toContain('tree, json, mermaid, dot');
    const tag = await cli.run(['plan', '-t', 'app', context]);
    expect(tag.stderr).toContain("unknown option '-t' [USAGE]");
  });

  it('a base that was imported once more, with the same files, is no change', async () => {
    const own = await tsbuildWithBusybox();
    const context = makeContext({ Dockerfile: 'FROM busybox:1\nRUN true\n' });
    await own.ok(['build', '-q', context]);
    await own.ok(['import', await busyboxTar(), 'busybox:1']);
    expect(await own.ok(['plan', context])).toContain('cached    [2/2] RUN true');
  });
});
