import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { beforeAll, describe, expect, it } from 'vitest';

import { tsbuild, type Tsbuild } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';
import { tempFolder } from '../support/temp-folder.ts';

const dockerfile = `FROM --platform=$BUILDPLATFORM scratch AS common
COPY shared /shared
FROM scratch
ARG TARGETARCH TARGETPLATFORM BUILDPLATFORM
ENV FOR=$TARGETPLATFORM
COPY --from=common /shared /shared
COPY $TARGETARCH /arch
`;

interface Entry {
  readonly digest: string;
  readonly platform: { readonly architecture: string; readonly os: string; readonly variant?: string };
}

describe('several platforms in one build', () => {
  requires('root', 'overlay');
  let cli: Tsbuild;
  let context: string;
  beforeAll(() => {
    cli = tsbuild();
    context = makeContext({
      Dockerfile: dockerfile,
      ...{ shared: 'shared\n', amd64: 'amd64\n', arm64: 'arm64\n', arm: 'arm\n' },
    });
  });

  const entriesOf = async (name: string): Promise<readonly Entry[]> =>
    (JSON.parse(await cli.ok(['manifest', 'inspect', name])) as { manifests: readonly Entry[] }).manifests;
  const imagesOf = async (): Promise<readonly { Repository: string; ID: string; Platform: string }[]> =>
    (await cli.ok(['images', '--no-trunc', '--format', 'json']))
      .split('\n')
      .map((line) => JSON.parse(line) as { Repository: string; ID: string; Platform: string });

  it('C-14 O-30 O-31 gives an index, one image for each platform in the order asked for, however spelled', async () => {
    const iidfile = join(tempFolder('iid').path, 'iid');
    const platforms = ['--platform', 'linux/arm/v7,linux/x86_64', '--platform', 'aarch64,linux/arm64/v8'];
    const { status, stderr } = await cli.run([
      'build',
      ...platforms,
      '-t',
      'app',
      '--iidfile',
      iidfile,
      context,
    ]);
    expect(stderr).toContain('built sha256:');
    expect(status).toBe(0);
    const entries = await entriesOf('app');
    expect(entries.map(({ platform }) => platform)).toEqual([
      { architecture: 'arm', os: 'linux', variant: 'v7' },
      { architecture: 'amd64', os: 'linux' },
      { architecture: 'arm64', os: 'linux' },
    ]);
    const digest = readFileSync(iidfile, 'utf8');
    expect(stderr).toContain(`built ${digest}\n  linux/arm/v7 sha256:`);
    const rows = await imagesOf();
    expect(rows.map(({ Platform }) => Platform).sort()).toEqual([
      'linux/amd64',
      'linux/arm/v7',
      'linux/arm64',
    ]);
    expect(await cli.ok(['images'])).toMatch(/^REPOSITORY +TAG +PLATFORM +IMAGE ID/);
    const [inspected] = JSON.parse(await cli.ok(['inspect', 'app'])) as { Config: { Env: string[] } }[];
    expect(inspected?.Config.Env).toContain('FOR=linux/amd64');
  });

  it('O-92 common steps run once; the lines of the others say for which platform they are', async () => {
    const own = makeContext({ Dockerfile: dockerfile, shared: 'new\n', amd64: 'a\n', arm64: 'b\n' });
    const argv = ['build', '--platform', 'linux/amd64,linux/arm64', own];
    const { stderr } = await cli.run(argv);
    const lines = stderr.split('\n').flatMap((line) => /^#\d+ (\[.*)$/.exec(line)?.[1] ?? []);
    expect(lines.filter((line) => line.includes('COPY shared'))).toHaveLength(1);
    expect(lines).toContain('[linux/amd64 stage-1 2/2] COPY amd64 /arch');
    expect(lines).toContain('[linux/arm64 stage-1 2/2] COPY arm64 /arch');
    const again = await cli.run(argv);
    expect(again.stderr).not.toContain('DONE');
    expect(/built sha256:[0-9a-f]+/.exec(again.stderr)?.[0]).toBe(/built sha256:[0-9a-f]+/.exec(stderr)?.[0]);
  });

  it('L-090 O-30 BUILDKIT_MULTI_PLATFORM=1 gives an index of one', async () => {
    await cli.ok([
      'build',
      '--build-arg',
      'BUILDKIT_MULTI_PLATFORM=1',
      '--platform',
      'local',
      '-t',
      'one',
      context,
    ]);
    const entries = await entriesOf('one');
    expect(entries).toHaveLength(1);
    await cli.ok(['build', '--platform', 'linux/arm64', '-t', 'single', context]);
    const { status, stderr } = await cli.run(['manifest', 'inspect', 'single']);
    expect(status).toBe(1);
    expect(stderr).toContain('single is one image, not an index');
  });

  it('O-32 O-54 annotations and the time of SOURCE_DATE_EPOCH stand in the index', async () => {
    const argv = ['build', '--platform', 'linux/amd64,linux/arm64', '-t', 'dated'];
    argv.push('--annotation', 'index:a=b', '--annotation', 'manifest-descriptor[linux/arm64]:c=d');
    await cli.ok([...argv, context], { env: { SOURCE_DATE_EPOCH: '1700000000' } });
    const index = JSON.parse(await cli.ok(['manifest', 'inspect', 'dated'])) as {
      annotations: object;
      manifests: { annotations?: object }[];
    };
    expect(index.annotations).toEqual({ a: 'b', 'org.opencontainers.image.created': '2023-11-14T22:13:20Z' });
    expect(index.manifests.map(({ annotations }) => annotations)).toEqual([undefined, { c: 'd' }]);
  });

  it('O-04 a folder for each platform', async () => {
    const out = join(tempFolder('out').path, 'out');
    await cli.ok(['build', '--platform', 'linux/amd64,linux/arm64', '-o', out, context]);
    for (const arch of ['amd64', 'arm64'])
      expect(readFileSync(join(out, `linux_${arch}`, 'arch'), 'utf8')).toBe(`${arch}\n`);
  });

  it('C-73 skopeo takes the archive of an index apart, and a store loads it again', async () => {
    requires('tool:skopeo');
    const folder = tempFolder('saved').path;
    const archive = join(folder, 'app.tar');
    await cli.ok(['build', '-q', '--platform', 'linux/arm64,linux/amd64', '-t', 'saved', context]);
    await cli.ok(['save', '--format', 'oci', '-o', archive, 'saved']);
    mkdirSync(join(folder, 'copy'));
    const to = `dir:${join(folder, 'copy')}`;
    await runOk(['skopeo', '--insecure-policy', 'copy', '--all', `oci-archive:${archive}`, to]);
    const other = tsbuild();
    expect(await other.ok(['load', '-i', archive])).toBe('Loaded image: saved:latest');
    expect(await other.ok(['manifest', 'inspect', 'saved'])).toBe(
      await cli.ok(['manifest', 'inspect', 'saved']),
    );
    expect(await other.ok(['rmi', 'saved'])).toMatch(
      /^Untagged: saved:latest\nDeleted: sha256:\S+\nDeleted: sha256:\S+$/,
    );
    expect(await other.ok(['images', '-q'])).toBe('');
  });

  it.each([
    [['--platform', 'linux/amd64,no/such/plat/form'], 'not a platform'],
    [['--platform', 'linux/amd64,'], 'not a platform'],
    [['--platform', 'linux/amd64,linux/arm64', '-o', 'type=docker,dest=x.tar'], 'one platform'],
  ])('C-14 %j is refused before anything runs', async (flags, message) => {
    const { status, stderr } = await cli.run(['build', ...flags, context]);
    expect(status).toBe(2);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('#1');
  });

  it('L-105 O-30 a base of another platform stands for none that it is not', async () => {
    const base = makeContext({ Dockerfile: 'FROM scratch\nCOPY file /\n', file: 'x\n' });
    // Port 1 of this machine: nobody else has an image of that name.
    await cli.ok(['build', '--platform', 'linux/amd64', '-t', 'localhost:1/base:1', base]);
    const own = makeContext({ Dockerfile: 'FROM localhost:1/base:1\nENV A=b\n' });
    const both = await cli.run(['build', '--platform', 'linux/amd64,linux/arm64', own]);
    expect(both.status).toBe(1);
    expect(both.stderr).toContain('is there for linux/amd64 only, not for linux/arm64 [PLATFORM_MISMATCH]');
    expect(both.stderr).toContain('Dockerfile:1');
    const one = await cli.run(['build', '--platform', 'linux/arm64', own]);
    expect(one.stderr).toContain('is for linux/amd64, but linux/arm64 was asked for');
    expect(one.status).toBe(0);
  });
});
