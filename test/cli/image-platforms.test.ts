import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { parsePlatform } from '../../src/oci/index.ts';
import { planBuild } from '../../src/plan.ts';
import { openStore } from '../../src/store/index.ts';
import { tsbuild, type Tsbuild } from '../support/cli.ts';
import { makeContext } from '../support/context.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { makeTinyImage } from '../support/tiny-image.ts';

describe('--platform of commands that take images of the store', () => {
  requires('tool:docker-registry');
  const cli: Tsbuild = tsbuild();
  const ids = new Map<string, string>();
  let registry: TestRegistry;
  let name: string;
  beforeAll(async () => {
    registry = await startRegistry(join(tempFolder('registry').path, 'r'));
    name = `${registry.host}/team/all:1`;
    await using store = await openStore(cli.root);
    for (const arch of ['amd64', 'arm64', 'arm/v6']) {
      const one = `docker.io/library/one:${arch.replace('/', '')}`;
      const platform = parsePlatform(`linux/${arch}`);
      ids.set(arch, (await makeTinyImage(store, { name: one, platform, layers: [{ arch }] })).id);
    }
    await cli.ok(['manifest', 'create', name, 'one:amd64', 'one:arm64', 'one:armv6']);
  });
  afterAll(async () => registry[Symbol.asyncDispose]());

  const idOf = async (root: Tsbuild, ...words: readonly string[]): Promise<string> =>
    (JSON.parse(await root.ok(['inspect', ...words])) as [{ Id: string }])[0].Id;

  it('C-73 C-74 inspect shows the image for it, and no other that would run there', async () => {
    expect(await idOf(cli, '--platform', 'linux/aarch64', name)).toBe(ids.get('arm64'));
    expect(await idOf(cli, '--platform', 'linux/arm/v6', name)).toBe(ids.get('arm/v6'));
    expect(await idOf(cli, '--platform', 'amd64', 'one:amd64')).toBe(ids.get('amd64'));
    for (const [wrong, image] of [
      ['linux/arm/v7', name],
      ['linux/arm64', 'one:amd64'],
    ] as const) {
      const { status, stderr } = await cli.run(['inspect', '--platform', wrong, image]);
      expect(status).toBe(1);
      expect(stderr).toContain(`${image} has no image for ${wrong} here [PLATFORM_MISMATCH]`);
      expect(stderr).toContain('there is linux/amd64');
    }
  });

  it.each(['docker', 'oci'])('C-73 C-74 save writes the image for it alone, as %s', async (format) => {
    const archive = join(tempFolder('saved').path, 'app.tar');
    await cli.ok(['save', '--platform', 'linux/arm64', '--format', format, '-o', archive, name]);
    const other = tsbuild();
    expect(await other.ok(['load', '-i', archive])).toBe(`Loaded image: ${name}`);
    expect(await other.ok(['images', '-q', '--no-trunc'])).toBe(ids.get('arm64'));
  });

  it('C-73 C-74 push sends the image for it alone, and the name there stands for it', async () => {
    await cli.ok(['push', '-q', '--platform', 'linux/arm64', name]);
    const other = tsbuild();
    await other.ok(['pull', '-q', '--platform', 'linux/arm64', name]);
    expect(await idOf(other, name)).toBe(ids.get('arm64'));
    expect((await other.run(['manifest', 'inspect', name])).stderr).toContain('is one image, not an index');
    const { manifests } = JSON.parse(await cli.ok(['manifest', 'inspect', name])) as { manifests: object[] };
    expect(manifests).toHaveLength(3);
  });

  it.each([
    ['an index', [], ['amd64', 'arm64', 'arm/v6']],
    ['one image of it', ['--platform', 'linux/arm64'], ['arm64']],
  ] as const)('C-73 push takes another name to push %s to, and sets it not', async (what, flags, archs) => {
    const to = `${registry.host}/team/${what.replaceAll(' ', '-')}:2`;
    const pushed = await cli.ok(['push', '-q', ...flags, name, `docker://${to}`]);
    expect(pushed).toBe(to);
    expect((await cli.run(['inspect', to])).stderr).toContain('no such image');
    const other = tsbuild();
    await other.ok(['pull', '-q', '--all-platforms', to]);
    const listed = await other.ok(['images', '-q', '--no-trunc']);
    expect(listed.split('\n').sort()).toEqual(archs.map((arch) => ids.get(arch) ?? '').sort());
  });

  it.each(['oci:/tmp/x', 'docker-archive:app.tar', 'containers-storage:app'])(
    'C-73 push goes to registries alone: %s',
    async (to) => {
      const { status, stderr } = await cli.run(['push', name, to]);
      expect(status).toBe(2);
      expect(stderr).toContain(`push goes to registries only, not to ${to.replace(/:.*/s, ':')} [USAGE]`);
      expect(stderr).toContain('tsbuild save');
    },
  );

  it.each([
    [['--arch', 'amd46'], 'amd46'],
    [['--os', 'linus'], 'linus'],
    [['--variant', 'v/8'], 'v/8'],
  ])('C-74 annotate takes no platform that nobody builds for: %j', async (flags, shown) => {
    const { status, stderr } = await cli.run(['manifest', 'annotate', ...flags, name, 'one:arm64']);
    expect(status).toBe(2);
    expect(stderr).toContain(`unknown operating system, architecture or variant: "${shown}"`);
  });

  it('C-74 annotate writes platforms in their one spelling', async () => {
    await cli.ok(['manifest', 'create', 'spelled', 'one:armv6']);
    const platform = async (...flags: readonly string[]): Promise<object | undefined> => {
      await cli.ok(['manifest', 'annotate', ...flags, 'spelled', 'one:armv6']);
      const index = JSON.parse(await cli.ok(['manifest', 'inspect', 'spelled'])) as {
        manifests: { platform: object }[];
      };
      return index.manifests[0]?.platform;
    };
    expect(await platform('--arch', 'aarch64')).toEqual({ os: 'linux', architecture: 'arm64' });
    expect(await platform('--arch', 'arm', '--variant', 'V7')).toEqual({
      ...{ os: 'linux', architecture: 'arm' },
      variant: 'v7',
    });
  });
});

describe('a plan for several platforms', () => {
  requires('root', 'overlay');
  const dockerfile = `FROM --platform=$BUILDPLATFORM scratch AS common
COPY shared /shared
FROM scratch
ARG TARGETARCH
COPY --from=common /shared /shared
COPY $TARGETARCH /arch
`;
  const context = makeContext({ Dockerfile: dockerfile, shared: 's', s390x: 'a', riscv64: 'b' });
  const plan = ['plan', '--platform', 'linux/s390x,linux/riscv64'];

  it('C-14 shows what they share once, and which of them are cached', async () => {
    const cli = tsbuild();
    expect(await cli.ok([...plan, context])).toBe(`linux/s390x common
└─ new  [1/1] COPY shared /shared
linux/s390x stage-1 (target)
├─ new  [1/2] COPY --from=common /shared /shared  ← [linux/s390x common 1/1]
└─ new  [2/2] COPY s390x /arch
linux/riscv64 stage-1 (target)
└─ new  [2/2] COPY riscv64 /arch  ← [linux/s390x stage-1 1/2]

4 steps: 4 to run`);
    await cli.ok(['build', '-q', '--platform', 'linux/s390x', context]);
    const found = JSON.parse(await cli.ok([...plan, '--format', 'json', context])) as {
      target: string;
      platform: string;
      targets: readonly { target: string; platform: string }[];
      summary: object;
      steps: readonly { id: string; platform?: string; status: string }[];
    };
    expect(found.summary).toEqual({ cached: 2, run: 1, maybe: 0, unneeded: 1 });
    expect(found.targets.map(({ platform }) => platform)).toEqual(['linux/s390x', 'linux/riscv64']);
    expect(found).toMatchObject(found.targets[0] ?? {});
    const last = found.steps.find(({ id }) => id === found.targets[1]?.target);
    expect(last).toMatchObject({ platform: 'linux/riscv64', status: 'run' });
  });

  it('C-14 for no platform at all is an error', async () => {
    const asked = planBuild({ root: tempFolder('root').path, context, platforms: [] });
    await expect(asked).rejects.toMatchObject({
      code: 'USAGE',
      message: 'there is no platform to build for',
    });
  });
});
